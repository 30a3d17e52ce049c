package officer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/statement"
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
	if dir.Body.(*custody.Directory).Root != roots[len(roots)-1].SHA256 {
		return nil, fmt.Errorf("publishing: the directory was signed under an older root, and would leave %q without one: %w", r.home.Authority(), ErrOutdated)
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

// Pull fetches all roots and directories of this authority from the relay, replays
// them from the pinned root by the rules, and remembers the roots that are new here and
// the newest directory as the published one. It reports whether that was news. A
// registrar's machine needs nothing else to go on where another one stopped.
func (r *Registry) Pull(ctx context.Context, s *agent.Session, now time.Time) (bool, error) {
	name := r.home.Authority()
	have, err := authorityState(ctx, s, name)
	if err != nil || len(have.Roots) == 0 {
		return false, err
	}
	var dirs []*custody.Statement
	if len(have.Directory) > 0 {
		newest, err := r.parse(custody.KindDirectory, have.Directory)
		if err != nil {
			return false, fmt.Errorf("reading the directory that the relay has: %w: %w", err, agent.ErrVerify)
		}
		for v := int64(1); v < newest.Body.(*custody.Directory).Version; v++ {
			st, err := r.version(ctx, s, v)
			if err != nil {
				return false, err
			}
			dirs = append(dirs, st)
		}
		dirs = append(dirs, newest)
	}
	return r.take(have.Roots, dirs, now)
}

// version fetches one directory.
func (r *Registry) version(ctx context.Context, s *agent.Session, v int64) (*custody.Statement, error) {
	have, err := s.Directory(ctx, r.home.Authority(), v)
	if err != nil {
		return nil, fmt.Errorf("reading directory version %d: %w", v, err)
	}
	st, err := r.parse(custody.KindDirectory, have.Directory)
	if err != nil {
		return nil, fmt.Errorf("reading directory version %d: %w: %w", v, err, agent.ErrVerify)
	}
	return st, nil
}

// ImportRoots takes roots from a file that the machine with the root keys wrote, after
// the same check. They are not at the relay yet: Publish brings them there.
func (r *Registry) ImportRoots(data []byte, now time.Time) error {
	var file wire.AuthorityState
	if err := statement.Decode(data, &file); err != nil {
		return fmt.Errorf("reading the roots of %q: %v", r.home.Authority(), err)
	}
	if len(file.Roots) == 0 || len(file.Directory) > 0 {
		return fmt.Errorf("reading the roots of %q: the file is none that comity authority roots wrote", r.home.Authority())
	}
	_, err := r.take(file.Roots, nil, now)
	return err
}

// ExportRoots returns the roots that are kept here as a file for ImportRoots.
func (r *Registry) ExportRoots() ([]byte, error) {
	roots, err := r.Roots()
	if err != nil {
		return nil, err
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("authority %q: its root is not in this home", r.home.Authority())
	}
	var file wire.AuthorityState
	for _, s := range roots {
		file.Roots = append(file.Roots, s.Envelope)
	}
	return statement.Encode(file), nil
}

// take checks and keeps roots and directories, oldest first. What is kept here already
// must be among them, or follow them: nothing here is ever replaced by another history.
func (r *Registry) take(envelopes [][]byte, dirs []*custody.Statement, now time.Time) (news bool, err error) {
	here, err := r.Roots()
	if err != nil {
		return false, err
	}
	var roots []*custody.Statement
	for i, env := range envelopes {
		st, err := r.parse(custody.KindRoot, env)
		if err != nil {
			return false, fmt.Errorf("reading root version %d: %w: %w", i+1, err, agent.ErrVerify)
		}
		if i < len(here) && st.SHA256 != here[i].SHA256 {
			return false, fmt.Errorf("root version %d is not the one that is kept here: %w", i+1, agent.ErrVerify)
		}
		roots = append(roots, st)
	}
	known := len(here)
	if len(roots) < len(here) {
		roots = here // the relay does not have the newest yet
	}
	pin, pinned := r.home.Trust.Pins()[r.home.Authority()]
	if !pinned {
		return false, fmt.Errorf("authority %q: %w", r.home.Authority(), ErrNotPinned)
	}
	if _, d := custody.Follow(r.home.Authority(), pin, roots, dirs, statement.At(now)); !d.Allowed() {
		return false, fmt.Errorf("roots and directories of %q do not follow from the pinned root: %s: %w", r.home.Authority(), d, agent.ErrVerify)
	}
	for i := known; i < len(roots); i++ {
		if err := keep(r.path("roots", fmt.Sprintf("%d.json", i+1)), roots[i].Envelope); err != nil {
			return false, err
		}
		news = true
	}
	if len(dirs) == 0 {
		return news, nil
	}
	changed, err := r.newer(dirs)
	return news || changed, err
}

// newer remembers the last of directories as the published one. The one that was
// published as far as known here must be among them: a relay that forgot it, or has
// another of its number, rolled back or forked.
func (r *Registry) newer(dirs []*custody.Statement) (bool, error) {
	pub, err := r.Published()
	if err != nil {
		return false, err
	}
	last := dirs[len(dirs)-1]
	if pub != nil && !slices.ContainsFunc(dirs, func(s *custody.Statement) bool { return s.SHA256 == pub.SHA256 }) {
		return false, fmt.Errorf("the relay shows directories without version %d, which is known here: %w", pub.Body.(*custody.Directory).Version, agent.ErrVerify)
	}
	if pub != nil && pub.SHA256 == last.SHA256 {
		return false, nil
	}
	return true, r.write(last.Envelope, "published.json")
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
