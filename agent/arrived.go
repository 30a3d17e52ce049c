package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"slices"

	"comity.example/comity/custody/bag"
)

// arrived checks a folder against the manifests that were kept when its package
// verified, and its index against the inner statement: every file is there with the
// same bytes, and no other. It reads all of it, which may take as long as unpacking
// did.
func (x *fetching) arrived(ctx context.Context, path string) error {
	manifest, err := x.a.home.packageData(x.request, x.pkg.Package, fileManifest)
	if err != nil {
		return err
	}
	tags, err := x.a.home.packageData(x.request, x.pkg.Package, fileTagManifest)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := tagFiles(ctx, root, tags, x.inner.Index); err != nil {
		return err
	}
	// A walk has the order of a manifest: a million lines are compared as they come.
	next, stop := iter.Pull2(bag.Lines(manifest))
	defer stop()
	err = fs.WalkDir(root.FS(), "data", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		l, err, ok := next()
		switch {
		case err != nil:
			return err
		case !ok || !d.Type().IsRegular():
			return fmt.Errorf("%q is not part of it", name)
		case l.Path != name:
			return fmt.Errorf("%q stands where %q must", name, l.Path)
		}
		return sameFile(ctx, root, name, l.Sum)
	})
	if err != nil {
		return err
	}
	if l, err, ok := next(); ok {
		return errors.Join(err, fmt.Errorf("%q is missing", l.Path))
	}
	return nil
}

// tagFiles checks what stands beside data/.
func tagFiles(ctx context.Context, root *os.Root, tags []byte, index [32]byte) error {
	want := map[string][32]byte{fileTagManifest: sha256.Sum256(tags), fileIndex: index}
	lines, err := bag.ParseManifest(tags)
	if err != nil {
		return err
	}
	for _, l := range lines {
		want[l.Path] = l.Sum
	}
	list, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	for _, d := range list {
		if d.Name() == "data" && d.IsDir() {
			continue
		}
		sum, ok := want[d.Name()]
		if !ok || !d.Type().IsRegular() {
			return fmt.Errorf("%q is not part of it", d.Name())
		}
		delete(want, d.Name())
		if err := sameFile(ctx, root, d.Name(), sum); err != nil {
			return err
		}
	}
	if len(want) > 0 {
		return fmt.Errorf("files that are missing: %d, among them %q", len(want), slices.Min(slices.Collect(maps.Keys(want))))
	}
	return nil
}

// sameFile compares the hash of a file.
func sameFile(ctx context.Context, root *os.Root, name string, sum [32]byte) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, ctxReader{ctx, f}); err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	if [32]byte(h.Sum(nil)) != sum {
		return fmt.Errorf("%q has other bytes", name)
	}
	return nil
}

// ctxReader is a reader that ends with its context: a file may have terabytes.
type ctxReader struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (r ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
