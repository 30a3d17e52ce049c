package officer

import (
	"context"
	"errors"
	"fmt"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// Publication says what Publish did.
type Publication struct {
	Roots     int // versions that the relay did not have
	Directory int64
	Entry     *custody.Entry // nil if the relay said that it has the directory already
}

// Publish brings the roots that the relay lacks and a directory with enough
// signatures to it, over a connection that needs no hello. What the relay says it
// has is filed again: its log has to prove that, or a revocation could be lost on
// its bare word. Repeating it after a lost connection or a crash is safe.
func (r *Registry) Publish(ctx context.Context, s *agent.Session, dir *custody.Statement) (*Publication, error) {
	roots, err := r.Roots()
	if err != nil {
		return nil, err
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("publishing: the root of %q is not in this home", r.home.Authority())
	}
	have, err := authorityState(ctx, s, r.home.Authority())
	if err != nil {
		return nil, fmt.Errorf("publishing: %w", err)
	}
	p := &Publication{Directory: dir.Body.(*custody.Directory).Version}
	for n, root := range roots {
		if _, err := s.File(ctx, roots[0].SHA256, root, nil); err != nil {
			return nil, fmt.Errorf("publishing root version %d: %w", n+1, err)
		}
		if n >= len(have.Roots) {
			p.Roots++
		}
	}
	there, err := r.there(have, dir)
	if err != nil {
		return nil, err
	}
	e, err := s.File(ctx, roots[0].SHA256, dir, nil)
	if err != nil {
		return nil, fmt.Errorf("publishing directory version %d: %w", p.Directory, err)
	}
	if !there {
		p.Entry = e
	}
	return p, r.published(dir)
}

// there reports whether the relay says it has this directory, and fails if it has
// another one that is as new.
func (r *Registry) there(have *wire.AuthorityState, dir *custody.Statement) (bool, error) {
	if len(have.Directory) == 0 {
		return false, nil
	}
	s, err := r.parse(custody.KindDirectory, have.Directory)
	if err != nil {
		return false, fmt.Errorf("reading the directory that the relay has: %w: %w", err, agent.ErrVerify)
	}
	if s.SHA256 == dir.SHA256 {
		return true, nil
	}
	if v := s.Body.(*custody.Directory).Version; v >= dir.Body.(*custody.Directory).Version {
		return false, fmt.Errorf("the relay has directory version %d: %w", v, ErrOutdated)
	}
	return false, nil
}

// published remembers that the relay has a directory. If we crash between the
// two writes, the draft is moved onto it when it is next read.
func (r *Registry) published(dir *custody.Statement) error {
	if err := r.write(dir.Envelope, "published.json"); err != nil {
		return err
	}
	d, err := r.Draft()
	if errors.Is(err, ErrNoDraft) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.Save(d)
}

// Pull fetches the newest directory of this authority from the relay, checks the
// registrars' signatures against the root that is kept here, and remembers it as
// the published one. It reports whether it was news.
func (r *Registry) Pull(ctx context.Context, s *agent.Session) (bool, error) {
	have, err := authorityState(ctx, s, r.home.Authority())
	if err != nil {
		return false, err
	}
	if len(have.Directory) == 0 {
		return false, nil
	}
	b, err := r.base()
	if err != nil {
		return false, err
	}
	dir, err := r.parse(custody.KindDirectory, have.Directory)
	if err != nil {
		return false, fmt.Errorf("reading the directory that the relay has: %w: %w", err, agent.ErrVerify)
	}
	if b.published != nil && b.published.SHA256 == dir.SHA256 {
		return false, nil
	}
	signed, err := b.signers(dir.Envelope)
	if err != nil {
		return false, err
	}
	body := dir.Body.(*custody.Directory)
	need := int(b.body().RegistrarThreshold)
	if custody.OnlyRevokes(b.directory(), body) {
		need = 1
	}
	if old := b.directory(); body.Root != b.root.SHA256 || len(signed) < need || old != nil && body.Version <= old.Version {
		return false, fmt.Errorf("the relay shows a directory that does not follow the one known here: %w", agent.ErrVerify)
	}
	return true, r.write(dir.Envelope, "published.json")
}

// authorityState asks a relay what it has of an authority; nothing is not an
// error.
func authorityState(ctx context.Context, s *agent.Session, name string) (*wire.AuthorityState, error) {
	have, err := s.Authority(ctx, name)
	switch wire.CodeOf(err) {
	case wire.CodeNotFound, custody.CodeNoDirectory:
		return &wire.AuthorityState{}, nil
	}
	return have, err
}

// Duties returns the agents of an authority's newest directory by duty, as the
// relay tells: good to choose an identity by, not to trust.
func Duties(ctx context.Context, s *agent.Session, name string) (map[custody.PartyID][]string, error) {
	have, err := authorityState(ctx, s, name)
	if err != nil || len(have.Directory) == 0 {
		return nil, err
	}
	st, err := custody.ParseStatement(have.Directory)
	if err != nil {
		return nil, err
	}
	m := map[custody.PartyID][]string{}
	if b, ok := st.Body.(*custody.Directory); ok {
		for _, l := range b.Entries {
			m[l.ID] = l.Duties
		}
	}
	return m, nil
}
