package custody_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// enlists publishes a directory with witnesses more, and returns their keys.
func (s *story) enlists(t *testing.T, o *office, names ...string) map[string][]*translog.Cosigner {
	t.Helper()
	own := map[string][]*translog.Cosigner{}
	d := s.publish(o, func(d *custody.Directory) {
		for _, name := range names {
			id := o.id(custody.RoleWitness, name)
			e := custody.Enrolment{Authority: o.name, ID: id, Issued: statement.At(t0)}
			for _, alg := range []translog.Algorithm{translog.Ed25519, translog.MLDSA44} {
				secret, _ := must2(translog.GenerateCosigner(string(id), alg))
				k := must(translog.ParseCosigner(secret))
				own[name] = append(own[name], k)
				e.Cosigners = append(e.Cosigners, custody.ProveCosigner(id, k))
			}
			d.Entries = append(d.Entries, custody.Listing{ID: id, Status: custody.StatusActive, NotBefore: statement.At(t0.Add(-day)),
				NotAfter: statement.At(t0.Add(100 * day)), Enrolment: must(custody.Enrol(e, keys.Generate()))})
		}
		slices.SortFunc(d.Entries, func(a, b custody.Listing) int { return strings.Compare(string(a.ID), string(b.ID)) })
	}, o.registrars...)
	if !d.Allowed() {
		t.Fatalf("listing witnesses of %s: %s", o.name, d)
	}
	return own
}

// TestWitnesses: the default policy asks one witness of each authority that lists
// any, with both of its keys.
func TestWitnesses(t *testing.T) {
	s := newStory(t)
	secret, logKey := must2(translog.GenerateLog(origin))
	signer := must(translog.ParseLog(secret, origin))
	edKey, _ := logKey.Strings()
	policy := func(authorities ...string) *translog.Policy {
		t.Helper()
		p, err := s.view.Witnesses(edKey, s.time(), authorities...)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Accepts(logKey) {
			t.Error("the policy does not accept the log")
		}
		return p
	}
	if p := policy("nl", "de"); !p.None() {
		t.Errorf("nobody lists a witness, and the policy is\n%s", p)
	}
	nl := s.enlists(t, s.nl, "1", "2")
	c := translog.Checkpoint{Origin: origin, Size: 1, Root: [32]byte{1}}
	satisfied := func(p *translog.Policy, cosigners ...*translog.Cosigner) bool {
		t.Helper()
		msg := must(translog.Sign(c, signer, s.now))
		for _, k := range cosigners {
			msg = append(msg, must(k.Cosign(c, s.now))...)
		}
		opened := must(translog.OpenCosigned(msg, logKey, p.Keys()...))
		_, ok := p.Evaluate(opened.Cosignatures)
		return ok
	}
	p := policy("nl", "de")
	de := s.enlists(t, s.office("de"), "1")
	two := policy("de", "nl", "nl")
	for _, r := range []struct {
		name string
		p    *translog.Policy
		by   []*translog.Cosigner
		want bool
	}{
		{"nobody", p, nil, false},
		{"one of two", p, nl["2"], true},
		{"half of one", p, nl["1"][:1], false},
		{"the other half", p, nl["1"][1:], false},
		{"halves of two", p, []*translog.Cosigner{nl["1"][0], nl["2"][1]}, false},
		{"another's", p, de["1"], false},
		{"both authorities, one alone", two, nl["1"], false},
		{"both authorities", two, append(slices.Clone(nl["1"]), de["1"]...), true},
		{"one authority asked", policy("de"), de["1"], true},
	} {
		if got := satisfied(r.p, r.by...); got != r.want {
			t.Errorf("%s: satisfied %t, want %t, by\n%s", r.name, got, r.want, r.p)
		}
	}
	if d := publishing(revoke("nl/witness/1"), 0)(s); !d.Allowed() {
		t.Fatalf("one registrar revokes a witness: %s", d)
	}
	if p := policy("nl"); satisfied(p, nl["1"]...) || !satisfied(p, nl["2"]...) {
		t.Error("a revoked witness counts")
	}
	if p, err := s.view.Witnesses(edKey, s.time(), "nl", "be"); err == nil {
		t.Errorf("the witnesses of an unknown authority are\n%s", p)
	}
	if p, err := s.view.Witnesses(edKey, statement.At(s.now.Add(400*24*time.Hour)), "nl"); err == nil {
		t.Errorf("the witnesses of an expired directory are\n%s", p)
	}
}

// TestWitnessKeysAreOne: one key under two names would count as two witnesses.
func TestWitnessKeysAreOne(t *testing.T) {
	secrets := map[string]string{}
	var one, two []custody.Cosigner
	for _, alg := range []translog.Algorithm{translog.Ed25519, translog.MLDSA44} {
		for _, n := range []string{"1", "2"} {
			secrets[n], _ = must2(translog.GenerateCosigner("nl/witness/"+n, alg))
		}
		k := must(translog.ParseCosigner(secrets["1"]))
		f := strings.SplitN(secrets["1"], "+", 5)
		id := sha256.Sum256(append([]byte("nl/witness/2\n"+string(byte(alg))), k.Key().Bytes()...))
		renamed := must(translog.ParseCosigner(fmt.Sprintf("PRIVATE+KEY+nl/witness/2+%x+%s", id[:4], f[4])))
		one = append(one, custody.ProveCosigner("nl/witness/1", k))
		two = append(two, custody.ProveCosigner("nl/witness/2", renamed))
	}
	other := cosigners("nl/witness/2")
	s := newStory(t)
	for name, r := range map[string]struct {
		keys []custody.Cosigner
		ok   bool
	}{
		"both of another": {two, false},
		"one of another":  {[]custody.Cosigner{other[0], two[1]}, false},
		"its own":         {other, true},
	} {
		b := s.nl.directory(s.now)
		for i, c := range [][]custody.Cosigner{one, r.keys} {
			b.Entries = append(b.Entries, listing(s.nl.id(custody.RoleWitness, fmt.Sprint(i+1)), keys.Generate(), func(e *custody.Enrolment) { e.Cosigners = c }))
		}
		slices.SortFunc(b.Entries, func(a, b custody.Listing) int { return strings.Compare(string(a.ID), string(b.ID)) })
		if _, err := custody.Sign(b, s.nl.registrars...); (err == nil) != r.ok {
			t.Errorf("a second witness with keys that are %s: %v, want ok %t", name, err, r.ok)
		}
	}
}
