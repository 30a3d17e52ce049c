package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"comity.example/comity/custody/bag"
)

// arrived checks a folder against the manifests that were kept when its package
// verified, and its index against the inner statement: every file is there with the same bytes, and no other. It reads all of
// it, which may take as long as unpacking did.
func (x *fetching) arrived(ctx context.Context, path string) error {
	manifest, err := x.a.home.packageData(x.request, x.pkg.Package, fileManifest)
	if err != nil {
		return err
	}
	tags, err := x.a.home.packageData(x.request, x.pkg.Package, fileTagManifest)
	if err != nil {
		return err
	}
	want := map[string][32]byte{fileTagManifest: sha256.Sum256(tags), fileIndex: x.inner.Index}
	for _, m := range [][]byte{manifest, tags} { // the second lists the first
		lines, err := bag.ParseManifest(m)
		if err != nil {
			return err
		}
		for _, l := range lines {
			want[l.Path] = l.Sum
		}
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		sum, ok := want[name]
		if !ok || !d.Type().IsRegular() {
			return fmt.Errorf("%q is not part of it", name)
		}
		delete(want, name)
		return sameFile(ctx, root, name, sum)
	})
	if err != nil {
		return err
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
