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
)

// RotationSpec says how the next root differs from the one in force. With nothing set
// it only renews the date.
type RotationSpec struct {
	Keys, Threshold int               // new root keys in place of all old ones; 0: the old ones stay
	Registrars      [][]byte          // enrolments of registrars that come, or come back with new keys
	Leave           []custody.PartyID // registrars that go
}

// Rotation is a next root with the signatures so far. It is complete when enough keys
// of the root in force and enough of its own have signed: neither a thief of the new
// keys nor one of too few old ones can replace a root.
type Rotation struct {
	Statement    *custody.Statement
	Old, NeedOld int // signatures by keys of the root in force
	New, NeedNew int // by keys of this one
	Changes      []string
}

// Root returns the next root.
func (t *Rotation) Root() *custody.Root { return t.Statement.Body.(*custody.Root) }

// Complete reports whether both have signed.
func (t *Rotation) Complete() bool { return t.Old >= t.NeedOld && t.New >= t.NeedNew }

// Rotate drafts the root that follows the newest one kept here, lasting a year, makes
// the new root keys that it wants, and signs it with every root key that is here and
// of one of the two. A complete one is kept as the newest root; it comes into force
// when Publish brings it to the relay together with a directory that names it.
func (r *Registry) Rotate(spec RotationSpec, now time.Time) (*Rotation, error) {
	b, err := r.base()
	if err != nil {
		return nil, err
	}
	next, err := r.nextRoot(b, spec, now)
	if err != nil {
		return nil, fmt.Errorf("rotating the root of %q: %w", r.home.Authority(), err)
	}
	env, err := custody.Draft(next)
	if err != nil {
		return nil, err
	}
	return r.signRoot(b, env)
}

// SignRoot adds the signatures of the root keys on this machine to a next root that was
// drafted on another, as Rotate wrote it.
func (r *Registry) SignRoot(data []byte) (*Rotation, error) {
	b, err := r.base()
	if err != nil {
		return nil, err
	}
	s, err := r.parse(custody.KindRoot, data)
	if err != nil {
		return nil, fmt.Errorf("reading the next root: %w", err)
	}
	if n := s.Body.(*custody.Root); n.Version != b.body().Version+1 || n.Prev != b.root.SHA256 {
		return nil, fmt.Errorf("root version %d does not follow version %d, which is kept here: %w", n.Version, b.body().Version, ErrOutdated)
	}
	env, err := statement.Parse(s.Envelope)
	if err != nil {
		return nil, err
	}
	return r.signRoot(b, env)
}

func (r *Registry) nextRoot(b base, spec RotationSpec, now time.Time) (*custody.Root, error) {
	old := b.body()
	n := &custody.Root{
		Header:  custody.Header{By: old.By, Issued: statement.At(now)},
		Version: old.Version + 1, Prev: b.root.SHA256, Expires: statement.At(now.Add(rootLife).Truncate(time.Second)),
		Threshold: old.Threshold, Keys: old.Keys, RegistrarThreshold: old.RegistrarThreshold,
	}
	var err error
	if n.Registrars, err = r.nextRegistrars(old, spec, now, n.Expires); err != nil {
		return nil, err
	}
	if spec.Keys == 0 {
		return n, nil
	}
	n.Threshold = int64(spec.Threshold)
	n.Keys, err = r.freshRootKeys(old, spec)
	return n, err
}

// nextRegistrars lists the active registrars of the root in force without those that
// go, and those that come, all until the new root's end.
func (r *Registry) nextRegistrars(old *custody.Root, spec RotationSpec, now time.Time, until custody.Time) ([]custody.Listing, error) {
	envelopes := map[custody.PartyID][]byte{}
	for _, l := range old.Registrars {
		if l.Status == custody.StatusActive {
			envelopes[l.ID] = l.Enrolment
		}
	}
	for _, id := range spec.Leave {
		if envelopes[id] == nil {
			return nil, fmt.Errorf("%q is no active registrar of the root in force", id)
		}
		delete(envelopes, id)
	}
	for _, env := range spec.Registrars {
		e, _, err := custody.ParseEnrolment(env)
		if err != nil {
			return nil, err
		}
		envelopes[e.ID] = env
	}
	if len(envelopes) < int(old.RegistrarThreshold) {
		return nil, fmt.Errorf("%d registrars would be left: at least %d sign a directory together", len(envelopes), old.RegistrarThreshold)
	}
	return registrarListings(r.home, slices.Collect(maps.Values(envelopes)), now, until)
}

// freshRootKeys returns as many keys as wanted that the root in force does not have.
// Those that an earlier call left, when it stopped half way, are used first.
func (r *Registry) freshRootKeys(old *custody.Root, spec RotationSpec) ([]string, error) {
	if spec.Threshold < 1 || spec.Threshold > spec.Keys || spec.Keys > 16 {
		return nil, fmt.Errorf("%d of %d root keys: want at least 1 of at most 16", spec.Threshold, spec.Keys)
	}
	have, err := r.home.RootKeys()
	if err != nil {
		return nil, err
	}
	last := len(old.Keys) // other machines have keys of these numbers
	var list []string
	for _, n := range slices.Sorted(maps.Keys(have)) {
		last = max(last, n)
		if k := have[n].Public().String(); !slices.Contains(old.Keys, k) && len(list) < spec.Keys {
			list = append(list, k)
		}
	}
	for len(list) < spec.Keys {
		last++
		k, err := newRootKey(r.home, last)
		if err != nil {
			return nil, err
		}
		list = append(list, k.Public().String())
	}
	return list, nil
}

// signRoot signs with the root keys here, says how far it is, and keeps what is
// complete.
func (r *Registry) signRoot(b base, env *statement.Envelope) (*Rotation, error) {
	have, err := r.home.RootKeys()
	if err != nil {
		return nil, err
	}
	s, err := r.parse(custody.KindRoot, env.Marshal())
	if err != nil {
		return nil, err
	}
	next := s.Body.(*custody.Root)
	for _, n := range slices.Sorted(maps.Keys(have)) {
		k := have[n].Public()
		if listed := slices.Contains(b.body().Keys, k.String()) || slices.Contains(next.Keys, k.String()); listed && !slices.Contains(env.Signers(), k.ID()) {
			env.Sign(have[n])
		}
	}
	t := &Rotation{NeedOld: int(b.body().Threshold), NeedNew: int(next.Threshold), Changes: rootChanges(b.body(), next)}
	if t.Statement, err = r.parse(custody.KindRoot, env.Marshal()); err != nil {
		return nil, err
	}
	if t.Old, t.New, err = signatures(env, b.body(), next); err != nil {
		return nil, err
	}
	if !t.Complete() {
		return t, nil
	}
	return t, r.keepRoot(t.Statement)
}

// keepRoot makes a complete root the newest one here. If another complete one of its
// number is here, two histories were signed, and only one can be published.
func (r *Registry) keepRoot(s *custody.Statement) error {
	path := r.path("roots", fmt.Sprintf("%d.json", s.Body.(*custody.Root).Version))
	err := keep(path, s.Envelope)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if old, err := os.ReadFile(path); err != nil || string(old) != string(s.Envelope) {
		return fmt.Errorf("another root of that version is kept here: %w", ErrOutdated)
	}
	return nil
}

// signatures counts the verified signatures of a next root by keys of the old root and
// of its own. One of anybody else is an error.
func signatures(env *statement.Envelope, old, next *custody.Root) (byOld, byNew int, err error) {
	olds, news := publicKeys(old.Keys), publicKeys(next.Keys)
	if len(env.Signers()) == 0 {
		return 0, 0, nil
	}
	ids, err := env.Verify(func(id keys.ID) (*keys.Public, bool) {
		if k := olds[id]; k != nil {
			return k, true
		}
		k, ok := news[id]
		return k, ok
	})
	if err != nil {
		return 0, 0, fmt.Errorf("verifying the signatures of the next root: %w: %w", err, agent.ErrVerify)
	}
	for _, id := range ids {
		if olds[id] != nil {
			byOld++
		}
		if news[id] != nil {
			byNew++
		}
	}
	return byOld, byNew, nil
}

func publicKeys(list []string) map[keys.ID]*keys.Public {
	m := map[keys.ID]*keys.Public{}
	for _, s := range list {
		if k, err := keys.ParsePublic(s); err == nil { // a root that was parsed has no other
			m[k.ID()] = k
		}
	}
	return m
}

// rootChanges says in words how a root differs from the one before.
func rootChanges(old, next *custody.Root) []string {
	var list []string
	switch {
	case !slices.Equal(old.Keys, next.Keys):
		list = append(list, fmt.Sprintf("new root keys: %d of %d sign, in place of %d of %d", next.Threshold, len(next.Keys), old.Threshold, len(old.Keys)))
	case old.Threshold != next.Threshold:
		list = append(list, fmt.Sprintf("%d of %d root keys sign, in place of %d", next.Threshold, len(next.Keys), old.Threshold))
	}
	before := map[custody.PartyID]custody.Listing{}
	for _, l := range old.Registrars {
		before[l.ID] = l
	}
	for _, l := range next.Registrars {
		o, known := before[l.ID]
		delete(before, l.ID)
		switch {
		case !known:
			list = append(list, fmt.Sprintf("%s is new", l.ID))
		case string(o.Enrolment) != string(l.Enrolment):
			list = append(list, fmt.Sprintf("%s gets new keys", l.ID))
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(before), func(a, b custody.PartyID) int { return strings.Compare(string(a), string(b)) }) {
		list = append(list, fmt.Sprintf("%s is left out", id))
	}
	return append(list, fmt.Sprintf("it lasts until %s", next.Expires))
}
