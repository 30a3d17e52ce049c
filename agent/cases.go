package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"comity.example/comity/agent/internal/annex"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/wire"
)

// caseFile is what a home keeps to find a request again.
type caseFile struct {
	Request   string `json:"request"`
	Reference string `json:"reference,omitempty"` // from the annex, in clear only here
}

// AmbiguousError says that a short name fits several requests.
type AmbiguousError struct {
	Name string
	Fits []string
}

// Error lists what fits.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%q names %d requests: %s", e.Name, len(e.Fits), strings.Join(e.Fits, ", "))
}

// Resolve finds a request by its id, a prefix of four or more letters of it, its
// reference, or an end of the reference after a dash. It asks the relay for
// requests that this home does not know yet.
func (s *Session) Resolve(ctx context.Context, name string) (string, error) {
	if custody.CheckID(name) == nil {
		return name, nil
	}
	if id, err := s.agent.home.resolve(name); id != "" || err != nil {
		return id, err
	}
	failed := s.Discover(ctx)
	id, err := s.agent.home.resolve(name)
	switch {
	case id != "" || err != nil:
		return id, err
	case failed != nil:
		return "", failed
	}
	return "", fmt.Errorf("no request here is called %q", name)
}

// Request returns the id of a request that this home knows by a name, without asking the
// relay.
func (h *Home) Request(name string) (string, error) {
	id, err := h.resolve(name)
	if err == nil && id == "" {
		err = fmt.Errorf("no request here is called %q", name)
	}
	return id, err
}

func (h *Home) resolve(name string) (string, error) {
	list, err := h.cases()
	if err != nil {
		return "", err
	}
	var fits []string
	for _, c := range list {
		if len(name) >= 4 && strings.HasPrefix(c.Request, name) || c.Reference != "" &&
			(c.Reference == name || strings.HasSuffix(c.Reference, "-"+name)) {
			fits = append(fits, c.Request)
		}
	}
	if len(fits) > 1 {
		return "", &AmbiguousError{name, fits}
	}
	if len(fits) == 1 {
		return fits[0], nil
	}
	return "", nil
}

// cases lists the requests that this home knows.
func (h *Home) cases() ([]caseFile, error) {
	files, err := os.ReadDir(h.path("cases"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing cases: %w", err)
	}
	var list []caseFile
	for _, f := range files {
		c, err := h.caseOf(f.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// caseOf reads what this home keeps of one request.
func (h *Home) caseOf(request string) (c caseFile, err error) {
	data, err := os.ReadFile(h.path("cases", request, "case.json"))
	if err != nil {
		return c, fmt.Errorf("reading case: %w", err)
	}
	if err := statement.Decode(data, &c); err != nil {
		return c, fmt.Errorf("reading case %q: %v", request, err)
	}
	return c, nil
}

// Known lists the requests that this home knows, with their references.
func (h *Home) Known() (map[string]string, error) {
	list, err := h.cases()
	m := map[string]string{}
	for _, c := range list {
		m[c.Request] = c.Reference
	}
	return m, err
}

// Remember stores a request's reference, so that people can use it.
func (h *Home) Remember(request, reference string) error {
	if err := custody.CheckID(request); err != nil {
		return err
	}
	path := h.path("cases", request, "case.json")
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(path, statement.Encode(caseFile{request, reference}), 0o600)
}

// Discover asks the relay which requests concern this authority and learns the
// references of those it does not know. One that does not verify, because its
// other authority is not pinned here, say, does not hide the rest: the error comes
// after all the others were learned.
func (s *Session) Discover(ctx context.Context) error {
	known, err := s.agent.home.Known()
	if err != nil {
		return err
	}
	var failed []error
	if err := s.changes(ctx, func(c wire.Change) {
		if _, ok := known[string(c.Record)]; ok || c.Kind != custody.KindRequest && c.Kind != custody.KindOffer {
			return
		}
		known[string(c.Record)] = ""
		if err := s.learn(ctx, string(c.Record)); err != nil {
			failed = append(failed, fmt.Errorf("reading request %q: %w", c.Record, err))
		}
	}); err != nil {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// maxChanges bounds what the relay may list: the entries of fifty thousand cases.
const maxChanges = 1 << 20

// changes calls f for each entry that concerns this authority, as the relay lists
// them. The entries of a record come in their order, so a page without a later one
// of any record is the last that is worth reading, whatever its cursor says.
func (s *Session) changes(ctx context.Context, f func(wire.Change)) error {
	_, err := s.changesAfter(ctx, "", f)
	return err
}

// changesAfter is changes from a cursor on, and returns the cursor to go on from.
func (s *Session) changesAfter(ctx context.Context, cursor string, f func(wire.Change)) (string, error) {
	entries := map[custody.RecordID]int64{} // read so far
	for read := 0; read <= maxChanges; {
		var ch *wire.Changes
		if err := s.retry(ctx, func(c *wire.Client) (err error) {
			ch, err = c.Changes(ctx, cursor, 0)
			return err
		}); err != nil {
			return "", err
		}
		news := false
		for _, c := range ch.Changes {
			if c.Seq < entries[c.Record] {
				continue
			}
			news, entries[c.Record] = true, c.Seq+1
			f(c)
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
		}
		if !news || ch.Cursor == cursor {
			return cursor, nil
		}
		read, cursor = read+len(ch.Changes), ch.Cursor
	}
	return "", fmt.Errorf("the relay lists more than %d entries: %w", maxChanges, ErrVerify)
}

// learn reads a request's reference from its annex, if this home can open it.
func (s *Session) learn(ctx context.Context, request string) error {
	snap, err := s.Sync(ctx, request)
	if err != nil {
		return err
	}
	return s.remember(ctx, request, snap.Case(request).Annex())
}

// remember keeps a request with the reference in its annex, if this home can open it.
func (s *Session) remember(ctx context.Context, request string, ref custody.AnnexRef) error {
	if s.ID.Role() == custody.RoleAuditor { // it may not read the annex
		return s.agent.home.Remember(request, "")
	}
	file, err := s.annexFile(ctx, ref)
	if err != nil {
		return err // and ask again: without its reference nobody finds the request
	}
	ids, err := s.agent.home.Identities()
	if err != nil {
		return err
	}
	name := ""
	if a, err := annex.Open(file, ids...); err == nil { // a desk may have no key to it
		name = a.Text.Reference
	}
	return s.agent.home.Remember(request, name)
}

// annex fetches and opens an annex with the identities of this home.
func (s *Session) annex(ctx context.Context, ref custody.AnnexRef) (*annex.Annex, error) {
	ids, err := s.agent.home.Identities()
	if err != nil {
		return nil, err
	}
	file, err := s.annexFile(ctx, ref)
	if err != nil {
		return nil, err
	}
	return annex.Open(file, ids...)
}

func (s *Session) annexFile(ctx context.Context, ref custody.AnnexRef) (file []byte, err error) {
	err = s.retry(ctx, func(c *wire.Client) (err error) {
		file, err = c.Annex(ctx, ref.SHA256)
		return err
	})
	return file, err
}
