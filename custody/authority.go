package custody

import (
	"fmt"
	"slices"

	"comity.example/comity/crypto/keys"
)

// Authority is what an authority's record says of it: its root, its directory,
// its members. It is immutable; Apply makes a new one.
type Authority struct {
	Name            string
	Root            *Root
	RootSHA256      Digest
	Directory       *Directory // nil before the first
	DirectorySHA256 Digest

	members    map[PartyID]*Member
	registrars map[PartyID]*Member
	pairs      map[string]*PairState // by the other authority
}

// Member returns the member of that id, whatever its standing.
func (a *Authority) Member(id PartyID) (*Member, bool) {
	if a == nil {
		return nil, false
	}
	m, ok := a.members[id]
	return m, ok
}

// Active returns the member of that id if the directory and its entry are in
// force at a time.
func (a *Authority) Active(id PartyID, now Time) (*Member, bool) {
	m, ok := a.Member(id)
	if !ok || a.inForce(now) != CodeAllowed || !m.active(now) {
		return nil, false
	}
	return m, true
}

// ActiveRole lists the active members of a role, by id.
func (a *Authority) ActiveRole(r Role, now Time) []*Member {
	var list []*Member
	if a == nil || a.Directory == nil {
		return nil
	}
	for _, l := range a.Directory.Entries {
		if m, ok := a.Active(l.ID, now); ok && l.ID.Role() == r {
			list = append(list, m)
		}
	}
	return list
}

// inForce says whether the authority has a root and a directory in force.
func (a *Authority) inForce(now Time) Code {
	switch {
	case a == nil || a.Directory == nil || a.Directory.Root != a.RootSHA256:
		return CodeNoDirectory
	case !now.Time().Before(a.Directory.Expires.Time()):
		return CodeDirectoryExpired
	case !now.Time().Before(a.Root.Expires.Time()):
		return CodeRootExpired
	}
	return CodeAllowed
}

// accepts reports whether the directory lists a relay with that fingerprint.
func (a *Authority) accepts(origin string, fp Digest) bool {
	return slices.Contains(a.Directory.Relays, RelayPin{origin, fp})
}

// withRoot and withDirectory return the authority after an accepted statement.
func (a *Authority) withRoot(s *Statement) *Authority {
	b := s.Body.(*Root)
	n := &Authority{Name: b.By, Root: b, RootSHA256: s.SHA256, registrars: b.members}
	if a != nil {
		n.Directory, n.DirectorySHA256, n.members, n.pairs = a.Directory, a.DirectorySHA256, a.members, a.pairs
	}
	return n
}

func (a *Authority) withDirectory(s *Statement) *Authority {
	b := s.Body.(*Directory)
	n := *a
	n.Directory, n.DirectorySHA256, n.members = b, s.SHA256, b.members
	return &n
}

// rootKeys returns the keys of a root by id.
func rootKeys(list []string) map[keys.ID]*keys.Public {
	m := map[keys.ID]*keys.Public{}
	for _, s := range list {
		if k, err := keys.ParsePublic(s); err == nil { // checked by checkBody
			m[k.ID()] = k
		}
	}
	return m
}

// Fingerprint returns the fingerprint of the root's keys: what others pin.
func (b *Root) Fingerprint() Digest { return fingerprint(b.Threshold, b.Keys) }

// Fingerprint returns the fingerprint of the relay's root keys.
func (b *Relay) Fingerprint() Digest { return fingerprint(b.RootThreshold, b.RootKeys) }

func fingerprint(threshold int64, list []string) Digest {
	ids, err := parseKeys(list)
	if err != nil {
		return Digest{}
	}
	fp, err := keys.RootFingerprint(int(threshold), ids)
	if err != nil {
		return Digest{}
	}
	return fp
}

// decideRoot: the first root is the pinned one, signed by its own threshold; a
// later one is signed by the thresholds of the old and the new.
func decideRoot(a *Authority, v *View, s *Statement, now Time) Decision {
	const rule = "root"
	b := s.Body.(*Root)
	own := rootKeys(b.Keys)
	all := own
	if a == nil {
		if b.Version != 1 {
			return deny(rule, CodeRollback)
		}
		if v.Pins[b.By].IsZero() || v.Pins[b.By] != b.Fingerprint() {
			return deny(rule, CodeRootNotPinned)
		}
	} else {
		if code := follows(b.Version, a.Root.Version, b.Prev, a.RootSHA256); code != CodeAllowed {
			return deny(rule, code)
		}
		all = merged(own, rootKeys(a.Root.Keys))
	}
	if _, err := s.verify(all); err != nil {
		return deny(rule, CodeBadSignature)
	}
	if count(s, own) < int(b.Threshold) || a != nil && count(s, rootKeys(a.Root.Keys)) < int(a.Root.Threshold) {
		return deny(rule, CodeBelowThreshold)
	}
	if !now.Time().Before(b.Expires.Time()) {
		return deny(rule, CodeRootExpired)
	}
	if shared(own, b.members) {
		return deny(rule, CodeSharedKey)
	}
	return allow(rule)
}

// decideDirectory: the next version, for the root in force, signed by enough
// registrars, or by one if it does nothing but revoke. Nobody in it has a key of
// the root or of a registrar: who lists the officers must not be one.
func decideDirectory(a *Authority, s *Statement, now Time) Decision {
	const rule = "directory"
	b := s.Body.(*Directory)
	if a == nil || b.Root != a.RootSHA256 {
		return deny(rule, CodeRootNotPinned)
	}
	if code := nextDirectory(a, b); code != CodeAllowed {
		return deny(rule, code)
	}
	n, err := s.verify(activeKeys(a.registrars, now))
	if err != nil {
		return deny(rule, CodeBadSignature)
	}
	if n < int(a.Root.RegistrarThreshold) && !OnlyRevokes(a.Directory, b) {
		return deny(rule, CodeBelowThreshold)
	}
	if !now.Time().Before(b.Expires.Time()) {
		return deny(rule, CodeDirectoryExpired)
	}
	if !now.Time().Before(a.Root.Expires.Time()) {
		return deny(rule, CodeRootExpired)
	}
	if shared(rootKeys(a.Root.Keys), b.members) || shared(allKeys(a.registrars), b.members) {
		return deny(rule, CodeSharedKey)
	}
	return allow(rule)
}

// Follow replays an authority's roots and directories, oldest first, by the rules that
// a record is replayed by, from the root that is pinned: what a registrar can check
// without a proof from the log, which only shows itself to agents. A directory, and a
// root that another follows, is judged at the time when it was issued, the newest root
// at now.
func Follow(name string, pin Digest, roots, directories []*Statement, now Time) (*Authority, Decision) {
	v := &View{Pins: map[string]Digest{name: pin}}
	var a *Authority
	next := func() Decision {
		s, at := roots[0], roots[0].Header.Issued
		if roots = roots[1:]; len(roots) == 0 {
			at = now
		}
		if s.Kind != KindRoot || s.Header.By != name {
			return deny("root", CodeBadStatement)
		}
		d := decideRoot(a, v, s, at)
		if d.Allowed() {
			a = a.withRoot(s)
		}
		return d
	}
	for _, s := range directories {
		b, ok := s.Body.(*Directory)
		if !ok || b.By != name {
			return nil, deny("directory", CodeBadStatement)
		}
		for len(roots) > 0 && (a == nil || a.RootSHA256 != b.Root) {
			if d := next(); !d.Allowed() {
				return nil, d
			}
		}
		if d := decideDirectory(a, s, b.Issued); !d.Allowed() {
			return nil, d
		}
		a = a.withDirectory(s)
	}
	for len(roots) > 0 {
		if d := next(); !d.Allowed() {
			return nil, d
		}
	}
	if a == nil {
		return nil, deny("root", CodeRootNotPinned)
	}
	return a, allow("authority")
}

func nextDirectory(a *Authority, b *Directory) Code {
	if a.Directory == nil {
		return follows(b.Version, 0, b.Prev, Digest{})
	}
	return follows(b.Version, a.Directory.Version, b.Prev, a.DirectorySHA256)
}

// follows says whether a version is the next one after the one in force. A second
// one of the same number, or a next one after another, is a fork: somebody signed
// two histories. Any other is old, or has left one out.
func follows(version, inForce int64, prev, inForceSHA Digest) Code {
	switch {
	case version == inForce || version == inForce+1 && prev != inForceSHA:
		return CodeFork
	case version != inForce+1:
		return CodeRollback
	}
	return CodeAllowed
}

// OnlyRevokes reports whether next differs from old in nothing but entries that
// turned from active to revoked: the one change that a registrar makes alone.
func OnlyRevokes(old, next *Directory) bool {
	if old == nil || len(old.Entries) != len(next.Entries) || old.Rules != next.Rules ||
		!old.Emergency.Equal(next.Emergency) || !old.Calendar.Equal(next.Calendar) || old.Root != next.Root || old.Expires != next.Expires || !slices.Equal(old.Relays, next.Relays) {
		return false
	}
	changed := false
	for i, l := range next.Entries {
		o := old.Entries[i]
		if o.Equal(l) {
			continue
		}
		if o.Status != StatusActive || l.Status != StatusRevoked {
			return false
		}
		if o.Status = StatusRevoked; !o.Equal(l) {
			return false
		}
		changed = true
	}
	return changed
}

func activeKeys(ms map[PartyID]*Member, now Time) map[keys.ID]*keys.Public {
	m := map[keys.ID]*keys.Public{}
	for _, r := range ms {
		if r.active(now) {
			m[r.Key.ID()] = r.Key
		}
	}
	return m
}

func merged(a, b map[keys.ID]*keys.Public) map[keys.ID]*keys.Public {
	m := map[keys.ID]*keys.Public{}
	for id, k := range a {
		m[id] = k
	}
	for id, k := range b {
		m[id] = k
	}
	return m
}

func count(s *Statement, of map[keys.ID]*keys.Public) (n int) {
	for _, id := range s.Signers() {
		if of[id] != nil {
			n++
		}
	}
	return n
}

// VerifyRelay checks that a relay's descriptor is signed by enough of the root
// keys it names; the caller compares their fingerprint with its pin.
func VerifyRelay(s *Statement) error {
	b, ok := s.Body.(*Relay)
	if !ok {
		return fmt.Errorf("a %s is no relay descriptor", s.Kind)
	}
	n, err := s.verify(rootKeys(b.RootKeys))
	if err != nil {
		return err
	}
	if n < int(b.RootThreshold) {
		return fmt.Errorf("relay descriptor is signed by %d root keys of %d needed", n, b.RootThreshold)
	}
	return nil
}
