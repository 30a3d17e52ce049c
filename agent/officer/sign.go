package officer

import (
	"fmt"
	"slices"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// directoryLife is how long a directory lasts: an authority whose registrars
// have not met for half a year should notice.
const directoryLife = 180 * 24 * time.Hour

// Signing is a directory on its way to publication.
type Signing struct {
	Statement *custody.Statement
	Signed    []custody.PartyID // registrars, as far as this home knows the root
	Need      int               // of them; 1 where the directory does nothing but revoke
	Changes   []string          // against the published directory, in words
}

// Directory returns the directory that is signed.
func (s *Signing) Directory() *custody.Directory { return s.Statement.Body.(*custody.Directory) }

// Complete reports whether enough registrars have signed.
func (s *Signing) Complete() bool { return len(s.Signed) >= s.Need }

// Sign makes the draft into the next directory and signs it with every registrar
// whose key is here; a directory that was made from the same draft before gains
// the signatures that it lacks. expires may be zero for half a year.
func (r *Registry) Sign(expires, now time.Time) (*Signing, error) {
	d, err := r.Draft()
	if err != nil {
		return nil, err
	}
	b, err := r.base()
	if err != nil {
		return nil, err
	}
	if b.published == nil && !d.Base.IsZero() || b.published != nil && d.Base != b.published.SHA256 {
		return nil, fmt.Errorf("signing the directory: %w", ErrOutdated)
	}
	env, err := r.pending(d, b, expires)
	if err != nil {
		return nil, err
	}
	if env == nil {
		if env, err = custody.Draft(b.next(d, expires, now)); err != nil {
			return nil, err
		}
	}
	return r.sign(env, now)
}

// pending returns the signed directory that was made from this draft, or nil.
func (r *Registry) pending(d *Draft, b base, expires time.Time) (*statement.Envelope, error) {
	s, err := r.Signed()
	if err != nil || s == nil {
		return nil, err
	}
	dir := s.Body.(*custody.Directory)
	if !d.same(dir) || dir.Prev != d.Base || dir.Root != b.root.SHA256 || !expires.IsZero() && dir.Expires != statement.At(expires) {
		return nil, nil
	}
	return statement.Parse(s.Envelope)
}

// SignFile adds the signatures of this home's registrars to a directory that was
// made on another machine, and those that another copy of it here has.
func (r *Registry) SignFile(data []byte, now time.Time) (*Signing, error) {
	here, err := r.Signed()
	if err != nil {
		return nil, err
	}
	s, err := r.merged(data, here)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	env, err := statement.Parse(s.Envelope)
	if err != nil {
		return nil, err
	}
	return r.sign(env, now)
}

// sign signs with the registrars of this home, keeps the result, and says how
// far it is.
func (r *Registry) sign(env *statement.Envelope, now time.Time) (*Signing, error) {
	ks, err := r.registrarKeys()
	if err != nil {
		return nil, err
	}
	for _, k := range ks {
		if !slices.Contains(env.Signers(), k.Public().ID()) {
			env.Sign(k)
		}
	}
	s, err := r.parse(custody.KindDirectory, env.Marshal())
	if err != nil {
		return nil, err
	}
	g, err := r.status(s)
	if err != nil {
		return nil, err
	}
	return g, r.write(s.Envelope, "signed.json")
}

// registrarKeys loads the keys of this home's registrars.
func (r *Registry) registrarKeys() ([]*keys.Private, error) {
	ids, err := r.home.Own(custody.RoleRegistrar)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("signing the directory of %q: %w", r.home.Authority(), ErrNoKey)
	}
	var list []*keys.Private
	for _, id := range ids {
		k, err := r.home.Key(id)
		if err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	return list, nil
}

// status says who signed a directory and what it changes. A home that knows no
// root counts the signatures without knowing whose they are.
func (r *Registry) status(s *custody.Statement) (*Signing, error) {
	g := &Signing{Statement: s, Need: RegistrarThreshold}
	roots, err := r.Roots()
	if err != nil {
		return nil, err
	}
	pub, err := r.Published()
	if err != nil {
		return nil, err
	}
	b := base{published: pub}
	g.Changes = Changes(b.directory(), g.Directory())
	if len(roots) == 0 {
		for _, id := range s.Signers() {
			g.Signed = append(g.Signed, custody.PartyID("key "+id.String()[:16]))
		}
		return g, nil
	}
	b.root = roots[len(roots)-1]
	if g.Signed, err = b.signers(s.Envelope); err != nil {
		return nil, err
	}
	g.Need = int(b.body().RegistrarThreshold)
	if custody.OnlyRevokes(b.directory(), g.Directory()) {
		g.Need = 1
	}
	return g, nil
}

// next makes the directory that follows the base from a draft. One that does
// nothing but revoke keeps the date of expiry, so that one registrar may sign it
// alone; every other one gets a new date, never beyond the root's.
func (b base) next(d *Draft, expires, now time.Time) *custody.Directory {
	n := &custody.Directory{
		Header:  custody.Header{By: b.root.Header.By, Issued: statement.At(now)},
		Version: 1, Root: b.root.SHA256, Rules: d.Rules, Emergency: d.Emergency, Calendar: d.Calendar, Relays: d.Relays, Entries: d.Entries,
	}
	old := b.directory()
	if old != nil {
		n.Version, n.Prev, n.Expires = old.Version+1, b.published.SHA256, old.Expires
		if expires.IsZero() && custody.OnlyRevokes(old, n) {
			return n
		}
	}
	if expires.IsZero() {
		expires = now.Add(directoryLife)
	}
	if end := b.body().Expires.Time(); expires.After(end) {
		expires = end
	}
	n.Expires = statement.At(expires.Truncate(time.Second))
	return n
}

// Ready returns the directory to publish: the one given, with the signatures that
// are here too, or the one that was signed here. It fails if signatures are
// missing, or if the draft has changed since they were made.
func (r *Registry) Ready(data []byte) (*Signing, error) {
	s, err := r.Signed()
	if err != nil {
		return nil, err
	}
	if data != nil {
		if s, err = r.merged(data, s); err != nil {
			return nil, err
		}
	}
	if s == nil {
		return nil, fmt.Errorf("publishing: %w", ErrUnsigned)
	}
	if data == nil && r.Here() {
		d, err := r.Draft()
		if err != nil {
			return nil, err
		}
		if !d.same(s.Body.(*custody.Directory)) {
			return nil, fmt.Errorf("publishing: the draft has changed since: %w", ErrUnsigned)
		}
	}
	g, err := r.status(s)
	if err != nil {
		return nil, err
	}
	if !g.Complete() {
		return nil, fmt.Errorf("publishing: %d of %d registrars have signed: %w", len(g.Signed), g.Need, ErrUnsigned)
	}
	return g, nil
}

// merged reads a directory and adds the signatures of another copy of it.
func (r *Registry) merged(data []byte, other *custody.Statement) (*custody.Statement, error) {
	s, err := r.parse(custody.KindDirectory, data)
	if err != nil {
		return nil, fmt.Errorf("reading the directory: %w", err)
	}
	if other == nil || other.SHA256 != s.SHA256 {
		return s, nil
	}
	env, err := statement.Parse(s.Envelope)
	if err != nil {
		return nil, err
	}
	o, err := statement.Parse(other.Envelope)
	if err != nil {
		return nil, err
	}
	if err := env.Merge(o); err != nil {
		return nil, err
	}
	return custody.ParseStatement(env.Marshal())
}
