package officer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
)

// Registry is what a home keeps for the registrars of its authority, in the
// folder directory/:
//
//	roots/N.json     the signed roots, oldest first
//	published.json   the directory that the relay has, as far as known here
//	draft.json       the next directory
//	signed.json      the next directory as a snapshot with the signatures so far
//	challenges/      what recipients' holders have to open
//
// The home's lock keeps two processes apart.
type Registry struct {
	home *agent.Home
}

// NewRegistry returns the registry of a home.
func NewRegistry(h *agent.Home) *Registry { return &Registry{h} }

func (r *Registry) path(elem ...string) string {
	return filepath.Join(append([]string{r.home.Dir(), "directory"}, elem...)...)
}

// Here reports whether this home keeps a directory draft.
func (r *Registry) Here() bool {
	_, err := os.Stat(r.path("draft.json"))
	return err == nil
}

// Roots returns the authority's roots that are kept here, oldest first.
func (r *Registry) Roots() ([]*custody.Statement, error) {
	var list []*custody.Statement
	for n := 1; ; n++ {
		s, err := r.read(custody.KindRoot, "roots", fmt.Sprintf("%d.json", n))
		if err != nil || s == nil {
			return list, err
		}
		list = append(list, s)
	}
}

// Published returns the directory that the relay is known to have, or nil.
func (r *Registry) Published() (*custody.Statement, error) {
	return r.read(custody.KindDirectory, "published.json")
}

// Signed returns the next directory with the signatures so far, or nil.
func (r *Registry) Signed() (*custody.Statement, error) {
	return r.read(custody.KindDirectory, "signed.json")
}

// read reads a statement of a kind by this authority, or nil if there is none.
func (r *Registry) read(k custody.Kind, elem ...string) (*custody.Statement, error) {
	data, err := os.ReadFile(r.path(elem...))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the registry: %w", err)
	}
	s, err := r.parse(k, data)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", filepath.Join(elem...), err)
	}
	return s, nil
}

func (r *Registry) parse(k custody.Kind, data []byte) (*custody.Statement, error) {
	s, err := custody.ParseStatement(data)
	if err != nil {
		return nil, err
	}
	if s.Kind != k || s.Header.By != r.home.Authority() {
		return nil, fmt.Errorf("it is a %s of %q, not a %s of %q", s.Kind, s.Header.By, k, r.home.Authority())
	}
	return s, nil
}

func (r *Registry) write(data []byte, elem ...string) error {
	path := r.path(elem...)
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(path, data, 0o600)
}

// base is what a new directory follows: the root in force, and the published
// directory if there is one.
type base struct {
	root      *custody.Statement
	published *custody.Statement
}

func (r *Registry) base() (b base, err error) {
	roots, err := r.Roots()
	if err != nil {
		return b, err
	}
	if len(roots) == 0 {
		return b, fmt.Errorf("authority %q: its root is not in this home", r.home.Authority())
	}
	b.root = roots[len(roots)-1]
	b.published, err = r.Published()
	return b, err
}

// body returns the root in force.
func (b base) body() *custody.Root { return b.root.Body.(*custody.Root) }

// directory returns the published directory, or nil.
func (b base) directory() *custody.Directory {
	if b.published == nil {
		return nil
	}
	return b.published.Body.(*custody.Directory)
}

// signers returns the registrars whose verified signatures an envelope carries.
// A signature of anybody else is an error.
func (b base) signers(envelope []byte) ([]custody.PartyID, error) {
	env, err := statement.Parse(envelope)
	if err != nil {
		return nil, err
	}
	if len(env.Signers()) == 0 {
		return nil, nil
	}
	byKey, err := registrarsOf(b.body())
	if err != nil {
		return nil, err
	}
	ids, err := env.Verify(func(id keys.ID) (*keys.Public, bool) {
		k, ok := byKey[id]
		return k.key, ok
	})
	if err != nil {
		return nil, fmt.Errorf("verifying the directory's signatures: %w: %w", err, agent.ErrVerify)
	}
	var list []custody.PartyID
	for _, id := range ids {
		list = append(list, byKey[id].id)
	}
	slices.Sort(list)
	return list, nil
}

type registrar struct {
	id  custody.PartyID
	key *keys.Public
}

func registrarsOf(b *custody.Root) (map[keys.ID]registrar, error) {
	m := map[keys.ID]registrar{}
	for _, l := range b.Registrars {
		_, k, err := custody.ParseEnrolment(l.Enrolment)
		if err != nil {
			return nil, err
		}
		if l.Status == custody.StatusActive {
			m[k.ID()] = registrar{l.ID, k}
		}
	}
	return m, nil
}
