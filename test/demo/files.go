package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"

	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/gateway/objects/s3"
)

// store is what is read of the relay's objects.
type store interface {
	Get(ctx context.Context, key, version string, off, length int64) (io.ReadCloser, objects.Info, error)
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
	Close() error
}

// openStore opens the relay's objects as their operator does.
func (w *world) openStore() (store, error) {
	if w.s3 {
		return s3.NewReader(w.ctx, w.server.Config(bucketName, ""))
	}
	return dir.New(w.path("relay", "store"))
}

// export copies the package's files out of the relay's store, as the relay had
// them.
func (w *world) export() error {
	store, err := w.openStore()
	if err != nil {
		return err
	}
	defer store.Close()
	if err := os.Mkdir(w.path("package"), 0o700); err != nil {
		return err
	}
	for _, prefix := range []string{"payloads/", "heads/"} {
		for key, err := range store.List(w.ctx, prefix) {
			if err != nil {
				return err
			}
			name := path.Base(key)
			if strings.HasPrefix(name, "payload.") { // payload.000, payload.001, … in order
				name = "payload"
			}
			if err := w.appendObject(store, key, w.path("package", name)); err != nil {
				return fmt.Errorf("copying %q: %w", key, err)
			}
		}
	}
	return nil
}

func (w *world) appendObject(store store, key, to string) error {
	r, _, err := store.Get(w.ctx, key, "", 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// same compares two folders: the same names, the same sorts, the same bytes. It
// returns how many files and folders there are.
func same(a, b string) (int, error) {
	left, err := list(a)
	if err != nil {
		return 0, err
	}
	right, err := list(b)
	if err != nil {
		return 0, err
	}
	for name, sum := range left {
		other, ok := right[name]
		if !ok {
			return 0, fmt.Errorf("%q did not arrive", name)
		}
		if !bytes.Equal(sum, other) {
			return 0, fmt.Errorf("%q is not the same on both sides", name)
		}
	}
	if len(left) != len(right) {
		return 0, fmt.Errorf("%d files and folders were sent, %d arrived", len(left), len(right))
	}
	return len(left), nil
}

// list returns the SHA-256 of every file below a folder, and nil for a folder.
func list(dir string) (map[string][]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	m := map[string][]byte{}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if m[name] = nil; d.IsDir() {
			return nil
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		_, err = io.Copy(h, f)
		m[name] = h.Sum(nil)
		return err
	})
	return m, err
}
