package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"comity.example/comity/agent/internal/quarantine"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/room"
	"comity.example/comity/internal/wire"
)

// Received is what became of a fetch of single files.
type Received struct {
	Package string
	Path    string        // the folder; the files are below data/
	Files   []bag.Exhibit // in the order of the archive
	Sender  custody.PartyID
}

// Exhibits takes single files out of a package and puts them below into, as
// ID/data/PATH, with ID/exhibits-sha256.txt, which lists them. A path is relative to
// data/; that of a folder means all that is in it. Only the parts that hold the
// index, the files and the payload's end are fetched, each checked before it is
// decrypted. All of it is verified before the folder has its name, and each file is
// held against index and manifest, which the sender signed. Then it signs a receipt
// that names these files by their lines in the manifest, and leaves the package
// open: Fetch still takes the whole.
//
// If we crash or the relay goes before the receipt is filed, the same call finds the
// files, verifies that they are what it would write, and files it. A package that
// does not verify is an error of ErrVerify, and not rejected: Fetch does that.
func (a *Agent) Exhibits(ctx context.Context, s *Session, request, pkg string, paths []string, into string) (*Received, error) {
	if err := seal.FIPSRefusal(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(into, 0o700); err != nil {
		return nil, fmt.Errorf("creating %q: %w", into, err)
	}
	x, err := a.open(ctx, s, request, pkg)
	if err != nil {
		return nil, err
	}
	x.into = into
	index, err := x.index(ctx)
	if err != nil {
		return nil, err
	}
	defer index.Close()
	items, err := x.choose(index, paths)
	if err != nil {
		return nil, err
	}
	st := x.singleReceipt(x.snap, items)
	signed, err := custody.Sign(st, s.key)
	if err != nil {
		return nil, err
	}
	// Before anything is fetched that could then not be receipted.
	if d := decide(x.snap, s, signed); !d.Allowed() {
		return nil, wire.Refusal(d)
	}
	was, err := x.single(ctx, items)
	if err != nil {
		return nil, err
	}
	done := &Received{Package: pkg, Path: x.target(), Files: items, Sender: x.inner.Sender}
	if was && x.receipted(st.Exhibits) {
		return done, nil
	}
	if err := x.keepSingle(index); err != nil {
		return nil, err
	}
	if err := x.close(ctx, st); err != nil {
		return nil, fmt.Errorf("signing the receipt: the files are in %q, the same command files it: %w", x.target(), err)
	}
	return done, nil
}

// receipted reports whether receipts name all of these lines already.
func (x *fetching) receipted(lines []int64) bool {
	had := x.pkg.Released(x.s.ID).Exhibits(x.innerH)
	return !slices.ContainsFunc(lines, func(n int64) bool { return !slices.Contains(had, n) })
}

// choose finds the items that paths mean.
func (x *fetching) choose(index *stored, paths []string) ([]bag.Exhibit, error) {
	var items []bag.Exhibit
	found := make(map[string]bool, len(paths))
	files := 0
	_, err := bag.ReadIndex(index, x.pkg.Package, claims(x.inner), func(e bag.Exhibit) error {
		for _, p := range paths {
			p = strings.TrimSuffix(p, "/")
			if e.Path != p && !strings.HasPrefix(e.Path, p+"/") {
				continue
			}
			found[p] = true
			items = append(items, e)
			if !e.Dir {
				files++
			}
			break
		}
		if files > custody.MaxExhibits {
			return fmt.Errorf("more than %d files: fetch the whole package, or fewer", custody.MaxExhibits)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		if !found[strings.TrimSuffix(p, "/")] {
			return nil, fmt.Errorf("package %q holds no %q", x.pkg.Package, p)
		}
	}
	if files == 0 {
		return nil, errors.New("there is no file in the folders that were named")
	}
	return items, nil
}

// singleReceipt is the receipt for some items.
func (x *fetching) singleReceipt(snap *Snapshot, items []bag.Exhibit) *custody.Receipt {
	b := &custody.Receipt{
		Header:  x.s.header(snap, x.request, string(x.s.ID)),
		Request: snap.Case(x.request).RequestSHA256, Package: x.pkg.Package, Seal: x.pkg.SHA256,
		InnerStatement: x.innerH, Scope: custody.ScopeExhibits,
	}
	for _, e := range items {
		if !e.Dir {
			b.Exhibits = append(b.Exhibits, int64(e.Line))
		}
	}
	return b
}

// single brings the items to their place, and tells whether an earlier call did.
func (x *fetching) single(ctx context.Context, items []bag.Exhibit) (was bool, err error) {
	_, err = os.Lstat(x.target())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, x.takeSingle(ctx, items)
	case err != nil:
		return false, err
	}
	if err := x.there(ctx, items); err != nil {
		return false, fmt.Errorf("%q exists already, and is not what is fetched: name another folder: %w", x.target(), err)
	}
	return true, nil
}

// takeSingle fetches the items into quarantine, verifies them, and gives them their
// name.
func (x *fetching) takeSingle(ctx context.Context, items []bag.Exhibit) error {
	if err := x.roomFor(items); err != nil {
		return err
	}
	if err := quarantine.Clean(x.into, x.pkg.Package); err != nil {
		return err
	}
	q, err := quarantine.New(x.into, x.pkg.Package)
	if err != nil {
		return err
	}
	defer q.Remove()
	r, err := x.ranged(ctx, runsOf(x.pkg.Package, items)...)
	if err != nil {
		return err
	}
	defer r.close()
	if err := bag.ExtractExhibits(r, q.Root(), x.pkg.Package, items); err != nil {
		return r.blame(err)
	}
	if err := q.Sync(); err != nil {
		return err
	}
	if err := x.still(ctx); err != nil {
		return err
	}
	// If we crash here, the next call cleans up and begins anew; after the rename it
	// finds the files.
	return q.Publish(x.target())
}

// roomFor checks the free space for some items, as room does for all.
func (x *fetching) roomFor(items []bag.Exhibit) error {
	free, err := room.Free(x.into)
	if err != nil {
		return err
	}
	need := int64(spareRoom)
	for _, e := range items {
		need += e.Size + fileRoom
	}
	if need > free {
		return &SpaceError{Folder: x.into, Free: free, Files: need}
	}
	return nil
}

// runsOf lists the runs of the archive that hold some items, headers included.
func runsOf(pkg string, items []bag.Exhibit) []run {
	var list []run
	for _, e := range items {
		list = append(list, run{e.Start(pkg), e.Offset + e.Size})
	}
	return list
}

// there checks that a folder holds these items and nothing else.
func (x *fetching) there(ctx context.Context, items []bag.Exhibit) error {
	root, err := os.OpenRoot(x.target())
	if err != nil {
		return err
	}
	defer root.Close()
	var list bytes.Buffer
	want := map[string][32]byte{}
	for _, e := range items {
		if !e.Dir {
			list.Write(e.ManifestLine())
			want["data/"+e.Path] = e.Sum
		}
	}
	got, err := root.ReadFile(bag.ExhibitsName)
	if err != nil || !bytes.Equal(got, list.Bytes()) {
		return errors.Join(err, fmt.Errorf("%q lists other files", bag.ExhibitsName))
	}
	return fs.WalkDir(root.FS(), "data", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		sum, ok := want[name]
		if !ok || !d.Type().IsRegular() {
			return fmt.Errorf("%q is not part of it", name)
		}
		return sameFile(ctx, root, name, sum)
	})
}

// keepSingle keeps what a dossier needs to show the files: inner statement and
// manifests. If we crash in between, the same call writes them again.
func (x *fetching) keepSingle(index *stored) error {
	dir := x.a.home.singleDir(x.request, x.pkg.Package)
	var tags []byte
	listing := []byte(bag.IndexHead)
	err := durable.WriteStream(filepath.Join(dir, fileManifest), func(w io.Writer) (err error) {
		tags, err = bag.ReadIndex(index, x.pkg.Package, claims(x.inner), func(e bag.Exhibit) error {
			if x.inner.IndexSize <= dossier.MaxIndex {
				listing = append(listing, e.IndexLine()...)
			}
			if e.Dir {
				return nil
			}
			_, err := w.Write(e.ManifestLine())
			return err
		})
		return err
	}, 0o600)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, fileTagManifest), tags, 0o600); err != nil {
		return err
	}
	if x.inner.IndexSize <= dossier.MaxIndex {
		if err := durable.WriteFile(filepath.Join(dir, fileListing), listing, 0o600); err != nil {
			return err
		}
	}
	return durable.WriteFile(filepath.Join(dir, fileInner), x.innerEn, 0o600)
}

// hasSingles reports whether single files of a package were received.
func (h *Home) hasSingles(request, pkg string) (bool, error) {
	_, err := os.Lstat(filepath.Join(h.singleDir(request, pkg), fileInner))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Lines lists the lines of the manifest that were received.
func (r *Received) Lines() []int64 {
	var list []int64
	for _, e := range r.Files {
		if !e.Dir {
			list = append(list, int64(e.Line))
		}
	}
	return slices.Clip(list)
}
