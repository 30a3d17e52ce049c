package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// RecallSpec says why a package is taken back.
type RecallSpec struct {
	Reason string            // a code
	Annex  *custody.AnnexRef // nil: no more than the code
	File   []byte            // the annex
}

// Recall takes a package back as the agent that sealed it, whatever became of it
// since. A head that is still here is destroyed before the relay is told: if we crash
// in between, or the relay cannot be reached, the package can be opened by nobody, and
// Recall is called again. It returns the entry of the recall.
func (a *Agent) Recall(ctx context.Context, s *Session, request, pkg string, spec RecallSpec) (*custody.Entry, error) {
	snap, err := s.Sync(ctx, request)
	if err != nil {
		return nil, err
	}
	p := snap.Case(request).Package(pkg)
	if p == nil {
		return nil, wire.Refusal(custody.Decision{Code: custody.CodeNoSuchPackage, Rule: "recall"})
	}
	st, err := custody.Sign(&custody.Recall{
		Header: s.header(snap, request, string(s.ID)), Request: snap.Case(request).RequestSHA256,
		Package: pkg, Seal: p.SHA256, Reason: spec.Reason, Annex: spec.Annex,
	}, s.key)
	if err != nil {
		return nil, err
	}
	if d := decide(snap, s, st); !d.Allowed() {
		return nil, wire.Refusal(d)
	}
	own, err := a.home.loadPackage(request, pkg)
	if err != nil {
		return nil, err
	}
	if own != nil && own.Side == sideSender && own.State == stateSealed {
		if err := a.endHead(*own); err != nil {
			return nil, err
		}
	}
	e, err := s.FileStop(ctx, snap, requestOf(st), st, spec.File)
	if err != nil {
		return nil, fmt.Errorf("recalling package %q: %w", pkg, err)
	}
	return e, nil
}

// Recalled is a package that was taken back, as a machine sees it.
type Recalled struct {
	Package   string       `json:"package"`
	By        string       `json:"by"` // agent or authority
	Reason    string       `json:"reason"`
	Time      custody.Time `json:"time"`
	Destroyed custody.Time `json:"head_destroyed,omitzero"` // by the relay's word
	Path      string       `json:"path,omitempty"`          // where this machine has it, verified
	Singles   bool         `json:"single_files,omitempty"`  // this machine has received single files of it
}

// Recalls lists the packages of a request that were taken back, and says of each
// whether it stands in a folder of this machine. Nothing removes it from there:
// whether it is deleted, returned or kept for a court, people decide.
func (a *Agent) Recalls(snap *Snapshot, request string) ([]Recalled, error) {
	list := []Recalled{}
	for _, p := range snap.Case(request).Packages {
		if p.Recall == nil {
			continue
		}
		path, err := a.place(request, p.Package)
		if err != nil {
			return nil, err
		}
		singles, err := a.home.hasSingles(request, p.Package)
		if err != nil {
			return nil, err
		}
		list = append(list, Recalled{p.Package, p.Recall.By, p.Recall.Reason, p.Recall.Time, p.Destroyed, path, singles})
	}
	return list, nil
}

// Recalls is Agent.Recalls of the session's home.
func (s *Session) Recalls(snap *Snapshot, request string) ([]Recalled, error) {
	return s.agent.Recalls(snap, request)
}

// place returns where a package stands that this machine has received and verified,
// or "".
func (a *Agent) place(request, pkg string) (string, error) {
	p, err := a.home.loadPackage(request, pkg)
	if err != nil || p == nil || p.Side != sideRecipient || p.State != stateVerified && p.State != stateReceipt {
		return "", err
	}
	if _, err := os.Lstat(p.Path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	return p.Path, nil
}

// warn tells people what they should know before they open a package.
func (a *Agent) warn(snap *Snapshot, request string) error {
	list, err := a.Recalls(snap, request)
	if err != nil {
		return err
	}
	for _, r := range list {
		fmt.Fprintln(a.out, r.Says())
	}
	c := snap.Case(request)
	for _, p := range c.Packages {
		if n := c.Successor(p.Package); n != nil {
			fmt.Fprintf(a.out, "package %s is replaced by package %s, delivery %d\n", p.Package, n.Package, n.Delivery)
		}
	}
	return nil
}

// Says tells in one sentence what a recall means for this machine.
func (r Recalled) Says() string {
	s := fmt.Sprintf("package %s was recalled by %s at %s (%s): ", r.Package, r.By, r.Time, r.Reason)
	switch {
	case r.Path == "" && r.Singles:
		return s + "it is not fetched; single files of it were fetched here before: do not open them; Comity deletes nothing, an officer decides what becomes of them"
	case r.Path == "":
		return s + "it is not fetched, and nothing of it is here"
	}
	return s + fmt.Sprintf("it stands in %q: do not open it; Comity deletes nothing there, an officer decides what becomes of it", r.Path)
}

// still asks the rules, on the newest state of the log, whether the relay would have
// to hand the package out now. It did not have to tell us that it was recalled, or its
// grant revoked, while it came.
func (x *fetching) still(ctx context.Context) error {
	snap, err := x.s.Sync(ctx, x.request)
	if err != nil {
		return err
	}
	d := custody.Decide(snap.Book.Record(custody.RecordID(x.request)), snap.Book.View(),
		custody.Action{Act: custody.ActPayload, Via: x.s.ID, Package: x.pkg.Package}, statement.At(x.a.now()))
	if !d.Allowed() {
		return wire.Refusal(d)
	}
	return x.a.unnoticed(snap, x.request, x.pkg.Package)
}

// replaces finds the package that the new one is to replace, before anything of it is
// uploaded.
func (x *sending) replaces() error {
	if x.opt.Supersedes == "" {
		return nil
	}
	c := x.snap.Case(x.request)
	id, err := ResolvePackage(c, x.opt.Supersedes)
	if err != nil {
		return err
	}
	if code := c.Supersedable(id); code != custody.CodeAllowed {
		return wire.Refusal(custody.Decision{Code: code, Rule: "supersedes"})
	}
	x.opt.Supersedes = id
	return nil
}
