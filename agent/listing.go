package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/durable"
)

// Listed is a package whose contents are listed.
type Listed struct {
	Package     string
	Sender      custody.PartyID
	Files       int64
	Bytes       int64
	Description string
}

// List tells what is in a package without fetching it: each file and folder, in the
// order of the archive, as its sender signed it. It signs the release, since the
// package's head is needed, and fetches the index and the last part, with all that
// Fetch checks of these; of other bytes it says nothing. The index stays in the
// home, so that the next listing fetches none of it again.
//
// begin is called once before each, when the index is verified to its end; a nil
// begin is not called. A package that does not verify is an error of ErrVerify; it
// is not rejected, because Fetch does that, of the whole.
func (a *Agent) List(ctx context.Context, s *Session, request, pkg string, begin func(Listed) error, each func(bag.Exhibit) error) error {
	x, err := a.open(ctx, s, request, pkg)
	if err != nil {
		return err
	}
	f, err := x.index(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	in := x.inner
	if begin != nil {
		if err := begin(Listed{pkg, in.Sender, in.Files, in.Bytes, in.Description}); err != nil {
			return err
		}
	}
	_, err = bag.ReadIndex(f, pkg, claims(in), each)
	return err
}

// open signs the release of a package if need be, asks the rules whether it may still
// be read (it may have been recalled), and fetches all that leads to its plaintext:
// head, inner statement, digests of the parts.
func (a *Agent) open(ctx context.Context, s *Session, request, pkg string) (*fetching, error) {
	snap, err := s.Sync(ctx, request)
	if err != nil {
		return nil, err
	}
	x := &fetching{a: a, s: s, request: request, snap: snap, pkg: snap.Case(request).Package(pkg)}
	if x.pkg == nil {
		return nil, fmt.Errorf("request %q has no package %q", request, pkg)
	}
	if x.pkg.Unlocked.IsZero() && !x.pkg.PerRelease() {
		return nil, fmt.Errorf("the sender of package %q has not let its head go: %w", pkg, ErrTryLater)
	}
	if x.pkg.Released(s.ID) == nil {
		if err := x.release(ctx); err != nil {
			return nil, err
		}
		if x.snap, err = s.Sync(ctx, request); err != nil {
			return nil, err
		}
		x.pkg = x.snap.Case(request).Package(pkg)
	}
	if !x.pkg.OpenTo(s.ID) {
		return nil, fmt.Errorf("package %q: %w", pkg, errUnanswered)
	}
	for _, step := range []func(context.Context) error{x.still, x.small, x.parts} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// singleDir is where a home keeps what it learned of a package without the whole of
// it: the end of its archive, which holds the index, and, when single files were
// received, inner statement and manifests for dossiers.
func (h *Home) singleDir(request, pkg string) string {
	return h.path("cases", request, "exhibits", pkg)
}

// stored is the end of an archive in a file.
type stored struct {
	*os.File
	start int64 // of it in the archive
}

// ReadAt implements io.ReaderAt on the archive.
func (f *stored) ReadAt(b []byte, off int64) (int, error) {
	if off < f.start {
		return 0, fmt.Errorf("reading byte %d of the archive: only its end is here", off)
	}
	return f.File.ReadAt(b, off-f.start)
}

// index opens the end of the archive, from the home or else from the relay. When it
// returns, all of the index is verified: the file is read once more for what is in
// it, and a file is only as good as the disk, so that reading verifies it again.
func (x *fetching) index(ctx context.Context) (*stored, error) {
	f, err := x.kept()
	if err == nil {
		return f, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		x.a.log.Warn("the index that was kept is fetched again", "package", x.pkg.Package, "error", err)
	}
	if err := x.fetchIndex(ctx); err != nil {
		return nil, err
	}
	f, err = x.kept()
	var refused *bag.RefusedError
	if errors.As(err, &refused) {
		err = errors.Join(rejected("malformed-package", "%w", err), durable.Remove(x.indexPath()))
	}
	return f, err
}

func (x *fetching) indexPath() string {
	return filepath.Join(x.a.home.singleDir(x.request, x.pkg.Package), fileIndex)
}

// kept opens and verifies the end of the archive in the home.
func (x *fetching) kept() (*stored, error) {
	f, err := os.Open(x.indexPath())
	if err != nil {
		return nil, err
	}
	c := claims(x.inner)
	s := &stored{f, bag.IndexStart(x.pkg.Package, c.Index)}
	if _, err := bag.ReadIndex(s, x.pkg.Package, c, func(bag.Exhibit) error { return nil }); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// fetchIndex brings the end of the archive into the home.
func (x *fetching) fetchIndex(ctx context.Context) error {
	ref := claims(x.inner).Index
	if ref.Size > bag.MaxIndex {
		return rejected("inner-mismatch", "an index of %d bytes, more than %d", ref.Size, bag.MaxIndex)
	}
	u := run{bag.IndexStart(x.pkg.Package, ref), ref.Offset + ref.Size}
	r, err := x.ranged(ctx, u)
	if err != nil {
		return err
	}
	defer r.close()
	if err := durable.MkdirAll(filepath.Dir(x.indexPath()), 0o700); err != nil {
		return err
	}
	return durable.WriteStream(x.indexPath(), func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(r, u.from, u.to-u.from))
		return err
	}, 0o600)
}
