package command

import (
	"context"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
)

// receivedJSON is what was taken out of a package as data.
type receivedJSON struct {
	Package string          `json:"package"`
	Path    string          `json:"path"`
	Sender  custody.PartyID `json:"sender"`
	Files   []fileJSON      `json:"files"`
}

// fileJSON is one file of it.
type fileJSON struct {
	Path   string         `json:"path"` // below data/
	Line   int            `json:"line"` // in the manifest, as the receipt names it
	Size   int64          `json:"size"`
	SHA256 custody.Digest `json:"sha256"`
}

// fetchExhibits takes single files out of a package.
func (a *app) fetchExhibits(ctx context.Context, ag *agent.Agent, s *agent.Session, id, name string, paths []string, into string) error {
	snap, err := s.Sync(ctx, id)
	if err != nil {
		return err
	}
	pkg, err := agent.ResolvePackage(snap.Case(id), name)
	if err != nil {
		return err
	}
	r, err := ag.Exhibits(ctx, s, id, pkg, paths, into)
	a.settle()
	if err != nil {
		return err
	}
	j := receivedJSON{Package: pkg, Path: r.Path, Sender: r.Sender, Files: []fileJSON{}}
	bytes := int64(0)
	for _, x := range r.Files {
		if !x.Dir {
			j.Files = append(j.Files, fileJSON{x.Path, x.Line, x.Size, custody.Digest(x.Sum)})
			bytes += x.Size
		}
	}
	a.say("package %s from %s: %d of its files, %s, verified; receipt for %s of its manifest filed",
		pkg, r.Sender, len(j.Files), officer.About(bytes), custody.Lines(r.Lines()))
	if a.json {
		return a.printJSON(j)
	}
	a.print("%s", line(j.Path))
	return nil
}
