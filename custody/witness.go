package custody

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"comity.example/comity/crypto/translog"
)

// Cosigner is a log key of a witness, named like the witness, and the proof that
// the witness has it.
type Cosigner struct {
	Key   string `json:"key"`   // vkey, see translog.ParseCosignerKey
	Proof []byte `json:"proof"` // see ProveCosigner
}

// ProveCosigner returns what the enrolment of a witness says of one of its keys.
// The proof is for this witness alone: nobody can list another's key.
func ProveCosigner(id PartyID, k *translog.Cosigner) Cosigner {
	return Cosigner{k.Key().String(), k.Prove([]byte(id))}
}

// cosigners reads the keys of a witness: one of each algorithm, both proven.
func (e *Enrolment) cosigners() ([]*translog.CosignerKey, error) {
	algorithms := []translog.Algorithm{translog.Ed25519, translog.MLDSA44}
	if len(e.Cosigners) != len(algorithms) {
		return nil, errors.New("a witness enrols with two cosigner keys, Ed25519 and ML-DSA-44")
	}
	var list []*translog.CosignerKey
	for i, c := range e.Cosigners {
		k, err := translog.ParseCosignerKey(c.Key)
		switch {
		case err != nil:
			return nil, err
		case k.Algorithm() != algorithms[i] || k.Name() != string(e.ID):
			return nil, fmt.Errorf("cosigner key %d is of %v and named %q, want %v and %q", i, k.Algorithm(), k.Name(), algorithms[i], e.ID)
		case !k.Proves([]byte(e.ID), c.Proof):
			return nil, fmt.Errorf("cosigner key %d: the proof that the witness has it does not verify", i)
		}
		list = append(list, k)
	}
	return list, nil
}

// Witnesses returns the policy by which the authorities trust a checkpoint of the
// log with that key ("" for any): each that lists active witnesses in its
// directory must have a cosignature, with both keys, of one of its own. If none
// does, the quorum is none and the checkpoint is unwitnessed. An authority whose
// directory is not in force is an error: who its witnesses are is not known.
func (v *View) Witnesses(logKey string, now Time, authorities ...string) (*translog.Policy, error) {
	names := slices.Compact(slices.Sorted(slices.Values(authorities)))
	var text strings.Builder
	if logKey != "" {
		fmt.Fprintf(&text, "log %s\n", logKey)
	}
	var groups []string
	for _, name := range names {
		a := v.Authorities[name]
		if code := a.inForce(now); code != CodeAllowed {
			return nil, fmt.Errorf("finding the witnesses of %q: %s", name, code)
		}
		var own []string
		for _, m := range a.ActiveRole(RoleWitness, now) {
			own = append(own, string(m.ID))
			fmt.Fprintf(&text, "witness %[1]s/ed25519 %[2]s\nwitness %[1]s/ml-dsa-44 %[3]s\ngroup %[1]s all %[1]s/ed25519 %[1]s/ml-dsa-44\n",
				m.ID, m.Cosigners[0], m.Cosigners[1])
		}
		if len(own) > 0 {
			fmt.Fprintf(&text, "group %s any %s\n", name, strings.Join(own, " "))
			groups = append(groups, name)
		}
	}
	switch len(groups) {
	case 0:
		text.WriteString("quorum none\n")
	case 1:
		fmt.Fprintf(&text, "quorum %s\n", groups[0])
	default:
		fmt.Fprintf(&text, "group parties/all all %[1]s\nquorum parties/all\n", strings.Join(groups, " "))
	}
	p, err := translog.ParsePolicy([]byte(text.String()))
	if err != nil {
		return nil, fmt.Errorf("finding the witnesses of %v: %v", names, err)
	}
	return p, nil
}
