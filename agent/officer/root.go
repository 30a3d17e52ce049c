package officer

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/keyfile"
)

// rootLife is how long the first root stays in force: a year.
const rootLife = 365 * 24 * time.Hour

// RootSpec says what a first root holds.
type RootSpec struct {
	Keys       int      // root keys to make
	Threshold  int      // of them that must sign
	Registrars [][]byte // enrolments of registrars, two or more
}

// InitRoot makes an authority's root keys and its root, version 1, pins its
// fingerprint in the home, begins the directory draft, and returns the
// fingerprint, which others pin. It completes what an earlier call that crashed
// left; an authority that is complete stays as it is, with ErrInitialised.
func InitRoot(h *agent.Home, spec RootSpec, now time.Time) (custody.Digest, error) {
	return initRoot(h, spec, newDraft(nil), now)
}

func initRoot(h *agent.Home, spec RootSpec, draft *Draft, now time.Time) (custody.Digest, error) {
	r := NewRegistry(h)
	if r.Here() {
		return custody.Digest{}, fmt.Errorf("authority %q: %w", h.Authority(), ErrInitialised)
	}
	roots, err := r.Roots()
	if err != nil {
		return custody.Digest{}, err
	}
	if len(roots) == 0 {
		root, err := firstRoot(h, spec, now)
		if err != nil {
			return custody.Digest{}, fmt.Errorf("making the root of %q: %w", h.Authority(), err)
		}
		if err := keep(r.path("roots", "1.json"), root.Envelope); err != nil {
			return custody.Digest{}, err
		}
		roots = append(roots, root)
	}
	// If we crash here, the next call finds the root and goes on.
	fp := roots[0].Body.(*custody.Root).Fingerprint()
	if err := h.Trust.PinAuthority(h.Authority(), fp); err != nil {
		return custody.Digest{}, err
	}
	return fp, r.Save(draft) // last: it marks the authority as complete
}

func firstRoot(h *agent.Home, spec RootSpec, now time.Time) (*custody.Statement, error) {
	if len(spec.Registrars) < RegistrarThreshold {
		return nil, fmt.Errorf("%d registrars: at least %d sign a directory together", len(spec.Registrars), RegistrarThreshold)
	}
	expires := statement.At(now.Add(rootLife).Truncate(time.Second))
	list, err := registrarListings(h, spec.Registrars, now, expires)
	if err != nil {
		return nil, err
	}
	ks, err := rootKeys(h, spec)
	if err != nil {
		return nil, err
	}
	b := &custody.Root{
		Header:  custody.Header{By: h.Authority(), Issued: statement.At(now)},
		Version: 1, Expires: expires, Threshold: int64(spec.Threshold),
		RegistrarThreshold: RegistrarThreshold, Registrars: list,
	}
	for _, k := range ks {
		b.Keys = append(b.Keys, k.Public().String())
	}
	return custody.Sign(b, ks...)
}

func registrarListings(h *agent.Home, envelopes [][]byte, now time.Time, until custody.Time) ([]custody.Listing, error) {
	var list []custody.Listing
	for _, env := range envelopes {
		e, _, err := custody.ParseEnrolment(env)
		if err != nil {
			return nil, err
		}
		if err := checkOwn(h, e.ID, custody.RoleRegistrar); err != nil {
			return nil, err
		}
		from := statement.At(now.UTC().Truncate(24 * time.Hour))
		list = append(list, custody.Listing{ID: e.ID, Status: custody.StatusActive, NotBefore: from, NotAfter: until, Enrolment: env})
	}
	slices.SortFunc(list, func(a, b custody.Listing) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list, nil
}

// rootKeys loads the root keys that an earlier call left, and makes the others.
// Each asks for a passphrase: they are few, and rarely used.
func rootKeys(h *agent.Home, spec RootSpec) ([]*keys.Private, error) {
	if spec.Threshold < 1 || spec.Threshold > spec.Keys || spec.Keys > 16 {
		return nil, fmt.Errorf("%d of %d root keys: want at least 1 of at most 16", spec.Threshold, spec.Keys)
	}
	have, err := h.RootKeys()
	if err != nil {
		return nil, err
	}
	var list []*keys.Private
	for n := range maps.Keys(have) {
		if n < 1 || n > spec.Keys {
			return nil, fmt.Errorf("root key %d is here already, and %d are wanted", n, spec.Keys)
		}
	}
	for n := 1; n <= spec.Keys; n++ {
		k := have[n]
		if k == nil {
			if k, err = newRootKey(h, n); err != nil {
				return nil, err
			}
		}
		list = append(list, k)
	}
	return list, nil
}

func newRootKey(h *agent.Home, n int) (*keys.Private, error) {
	p, err := keyfile.NewPassphrase(fmt.Sprintf("%s root key %d", h.Authority(), n))
	if err != nil {
		return nil, err
	}
	k := keys.Generate()
	return k, h.SaveRootKey(n, k, p)
}

// Machine says which parties of an authority one machine carries.
type Machine struct {
	Lab, Desk, Officer, Backup bool
}

// InitMachine sets up a whole authority on one machine, for trials and for small
// offices: two registrars, the root, and of the parties agent lab-1 with its
// recipient lab, agent desk-1, officer mla-1, and the recipient backup, all in
// the first directory draft. Two registrars on one machine are one person.
func InitMachine(h *agent.Home, m Machine, spec RootSpec, now time.Time) (custody.Digest, error) {
	for _, name := range []string{"1", "2"} {
		env, err := Enrol(h, partyID(h, custody.RoleRegistrar, name), now)
		if err != nil {
			return custody.Digest{}, err
		}
		spec.Registrars = append(spec.Registrars, env)
	}
	r := NewRegistry(h)
	draft := newDraft(nil)
	if r.Here() {
		return custody.Digest{}, fmt.Errorf("authority %q: %w", h.Authority(), ErrInitialised)
	}
	if err := r.addMachine(draft, m, now); err != nil {
		return custody.Digest{}, err
	}
	// If we crash before the last step, the next call makes the same parties.
	return initRoot(h, spec, draft, now)
}

func (r *Registry) addMachine(d *Draft, m Machine, now time.Time) error {
	lab, desk := partyID(r.home, custody.RoleAgent, "lab-1"), partyID(r.home, custody.RoleAgent, "desk-1")
	var steps []func() error
	if m.Lab {
		steps = append(steps, func() error { return r.enrolHere(d, lab, []string{custody.DutyLab}, now) },
			func() error { return r.recipientHere(d, "lab", lab, now) })
	}
	if m.Desk {
		steps = append(steps, func() error { return r.enrolHere(d, desk, []string{custody.DutyDesk}, now) })
	}
	if m.Officer {
		steps = append(steps, func() error { return r.enrolHere(d, partyID(r.home, custody.RoleOfficer, "mla-1"), nil, now) })
	}
	if m.Backup {
		holder := desk
		if !m.Desk {
			holder = lab
		}
		steps = append(steps, func() error { return r.recipientHere(d, "backup", holder, now) })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func partyID(h *agent.Home, role custody.Role, name string) custody.PartyID {
	return custody.PartyID(h.Authority() + "/" + string(role) + "/" + name)
}

func (r *Registry) enrolHere(d *Draft, id custody.PartyID, duties []string, now time.Time) error {
	env, err := Enrol(r.home, id, now)
	if err != nil {
		return err
	}
	_, err = r.Add(d, env, AddOptions{Duties: duties}, now)
	return err
}

// recipientHere takes a recipient through the same steps as between machines.
func (r *Registry) recipientHere(d *Draft, name string, holder custody.PartyID, now time.Time) error {
	id := partyID(r.home, custody.RoleRecipient, name)
	claim, err := NewRecipient(r.home, id, holder)
	if err != nil {
		return err
	}
	file, err := r.Challenge(claim)
	if err != nil {
		return err
	}
	env, err := Answer(r.home, id, file, now)
	if err != nil {
		return err
	}
	if _, err := r.Add(d, env, AddOptions{}, now); err != nil {
		return err
	}
	return r.Forget(env)
}

// Forget removes the challenge that an enrolment answered, once the draft with
// it is kept or will be made anew.
func (r *Registry) Forget(envelope []byte) error {
	e, _, err := custody.ParseEnrolment(envelope)
	if err != nil || e.Challenge == nil {
		return err
	}
	err = os.Remove(r.challengePath(e.Challenge.FileSHA256))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
