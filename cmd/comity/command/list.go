package command

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"

	"github.com/spf13/cobra"
)

const listHelp = `List what is in the packages of a request, or in one, without fetching them: size in
bytes, time, SHA-256, name. It signs the release of each, and reads from the relay
only the package's index and its end. Names are quoted, so that none can move the
cursor; --json has one item a line.

  comity list 0412
  comity list 0412 k3jq
  comity fetch 0412 --package k3jq --exhibit "phone/1.jpg" --into evidence/`

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list REQUEST [PACKAGE]", Short: "list what is in a package", Long: listHelp, Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.transfer(c.Context(), args[0], func(ag *agent.Agent, s *agent.Session, id string) error {
				return a.list(c.Context(), ag, s, id, args)
			})
		},
	}
}

func (a *app) list(ctx context.Context, ag *agent.Agent, s *agent.Session, id string, args []string) error {
	snap, err := s.Sync(ctx, id)
	if err != nil {
		return err
	}
	var pkgs []string
	if len(args) == 2 {
		pkg, err := agent.ResolvePackage(snap.Case(id), args[1])
		if err != nil {
			return err
		}
		pkgs = []string{pkg}
	} else {
		for _, p := range snap.Case(id).Packages {
			if p.OpenTo(s.ID) || p.PerRelease() && !p.Grant.Acceptance.IsZero() { // these have to be asked for
				pkgs = append(pkgs, p.Package)
			}
		}
	}
	if len(pkgs) == 0 {
		return hintf(fmt.Errorf("no package of it can be listed yet: %w", agent.ErrTryLater), "comity status %s says who acts next", args[0])
	}
	// A line at a time, a million of them: not a call of the system for each.
	direct := a.stdout
	out := bufio.NewWriter(direct)
	a.stdout = out
	defer func() { a.stdout = direct }()
	p := &lister{app: a}
	var failed []error
	for _, pkg := range pkgs {
		if err := ag.List(ctx, s, id, pkg, p.begin, p.item); err != nil {
			failed = append(failed, fmt.Errorf("listing package %q: %w", pkg, err))
			if ctx.Err() != nil {
				break
			}
		}
	}
	a.settle()
	return errors.Join(append(failed, out.Flush())...)
}

// lister prints packages as they are read: a million lines are not held.
type lister struct {
	*app
	pkg string
}

// itemJSON is one file or folder of a package as data.
type itemJSON struct {
	Package string         `json:"package"`
	Path    string         `json:"path"` // below data/
	Folder  bool           `json:"folder,omitempty"`
	Line    int            `json:"line,omitempty"` // of a file in the manifest
	Size    int64          `json:"size"`
	ModTime string         `json:"mtime"`
	SHA256  custody.Digest `json:"sha256,omitzero"`
}

func (l *lister) begin(p agent.Listed) error {
	l.settle()
	l.pkg = p.Package
	l.say("package %s from %s: %d files, %s, by the sender's signed word", p.Package, p.Sender, p.Files, officer.About(p.Bytes))
	return nil
}

func (l *lister) item(x bag.Exhibit) error {
	when := x.ModTime.Format("2006-01-02T15:04:05.999999999Z")
	if l.json {
		return l.printLine(itemJSON{l.pkg, x.Path, x.Dir, x.Line, x.Size, when, custody.Digest(x.Sum)})
	}
	sum, name := hex.EncodeToString(x.Sum[:]), x.Path
	if x.Dir {
		sum, name = fmt.Sprintf("%-*s", len(sum), "folder"), name+"/"
	}
	l.print("%14d  %-30s  %s  %q", x.Size, when, sum, name)
	return nil
}
