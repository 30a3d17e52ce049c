package fsck_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/fsck"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/gateway/records/sqlite"
)

const origin = "relay.example"

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// describe returns a relay's descriptor.
func describe(t testing.TB) []byte {
	t.Helper()
	root := keys.Generate()
	_, log, err := translog.GenerateLog(origin)
	fatalIfErr(t, err)
	logKey, logMLDSAKey := log.Strings()
	s, err := custody.Sign(&custody.Relay{
		Header: custody.Header{Relay: origin, By: origin, Issued: statement.At(time.Now())}, Version: 1, RootThreshold: 1,
		RootKeys: []string{root.Public().String()}, Key: keys.Generate().Public().String(), LogKey: logKey, LogMLDSAKey: logMLDSAKey,
		TLS: []custody.Digest{{1}}, Addresses: []string{"127.0.0.1:1"},
	}, root)
	fatalIfErr(t, err)
	return s.Envelope
}

// fill makes a store with small objects, an upload that is complete and locked, and
// one that is not.
func fill(t *testing.T) (root string, store *dir.Dir) {
	t.Helper()
	root = filepath.Join(t.TempDir(), "store")
	store, err := dir.New(root)
	fatalIfErr(t, err)
	t.Cleanup(func() { store.Close() })
	ctx := t.Context()
	for _, key := range []string{"a", "a.b", "b/c", "b.c/d", "log/tile/0/000.p/1", "log/checkpoint"} {
		_, err := store.Put(ctx, key, []byte(key), objects.Create)
		fatalIfErr(t, err)
	}
	for n, key := range []string{"payloads/1", "payloads/2"} {
		id, err := store.Begin(ctx, key, 10, 10)
		fatalIfErr(t, err)
		body := []byte("0123456789")
		p := objects.Part{Size: 10, SHA256: sha256.Sum256(body)}
		p.ETag, err = store.PutPart(ctx, key, id, p, bytes.NewReader(body))
		fatalIfErr(t, err)
		if n == 0 {
			info, err := store.Complete(ctx, key, id, []objects.Part{p})
			fatalIfErr(t, err)
			_, err = store.Lock(ctx, key, info.Version, objects.Compliance, time.Now().Add(time.Hour))
			fatalIfErr(t, err)
		}
	}
	return root, store
}

// TestFolder: what a Folder reads is what the store itself answers.
func TestFolder(t *testing.T) {
	root, store := fill(t)
	f, err := fsck.OpenFolder(root)
	fatalIfErr(t, err)
	defer f.Close()
	ctx := t.Context()
	want, got := list(t, store, ""), list(t, f, "")
	if len(want) != 7 || !slices.Equal(got, want) {
		t.Errorf("List gives %q, the store %q", got, want)
	}
	if got := list(t, f, "log/"); !slices.Equal(got, []string{"log/checkpoint", "log/tile/0/000.p/1"}) {
		t.Errorf("List of a folder gives %q", got)
	}
	for _, key := range want {
		a, err := store.Stat(ctx, key, "")
		fatalIfErr(t, err)
		b, err := f.Stat(ctx, key, a.Version)
		if err != nil || a != b {
			t.Errorf("Stat(%q) = %+v, %v, the store says %+v", key, b, err, a)
		}
		if x, y := read(t, store, key, 1, -1), read(t, f, key, 1, -1); x != y {
			t.Errorf("Get(%q) gives %q, the store %q", key, y, x)
		}
		if _, err := f.Stat(ctx, key, "aaaaaaaaaaaaaaaaaaaaaaaaaa"); !errors.Is(err, objects.ErrNotExist) {
			t.Errorf("Stat of another version of %q: %v", key, err)
		}
	}
	if got := read(t, f, "payloads/1", 2, 3); got != "234" {
		t.Errorf("a range is %q", got)
	}
	for _, key := range []string{"none", "b", "a/b", "payloads/2"} {
		if _, err := f.Stat(ctx, key, ""); !errors.Is(err, objects.ErrNotExist) {
			t.Errorf("Stat(%q): %v", key, err)
		}
	}
	if _, _, err := f.Get(ctx, "a", "", 2, 1); !errors.Is(err, objects.ErrRange) {
		t.Errorf("a range beyond the end: %v", err)
	}
	if _, err := f.Stat(ctx, "../a", ""); !errors.Is(err, objects.ErrKey) {
		t.Errorf("a key that climbs: %v", err)
	}
	n := 0
	for u, err := range f.Uploads(ctx) {
		if n++; err != nil || u.Key != "payloads/2" {
			t.Errorf("upload %v, %v", u, err)
		}
	}
	if n != 1 {
		t.Errorf("%d uploads", n)
	}
}

func list(t *testing.T, s fsck.Store, prefix string) (keys []string) {
	t.Helper()
	for key, err := range s.List(t.Context(), prefix) {
		fatalIfErr(t, err)
		keys = append(keys, key)
	}
	return keys
}

func read(t *testing.T, s fsck.Store, key string, off, length int64) string {
	t.Helper()
	r, _, err := s.Get(t.Context(), key, "", off, length)
	fatalIfErr(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	fatalIfErr(t, err)
	return string(b)
}

// TestEmpty: a relay that never started is clean; a check that cannot be made is an
// error, not a clean report.
func TestEmpty(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "relay.db")
	if _, err := fsck.OpenSQLite(path); err == nil {
		t.Error("a database that is not there was opened")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a database was made")
	}
	db, err := sqlite.Open(path)
	fatalIfErr(t, err)
	fatalIfErr(t, db.Close())
	root, _ := fill(t)
	fatalIfErr(t, os.RemoveAll(filepath.Join(root, "objects")))
	store, err := fsck.OpenFolder(root)
	fatalIfErr(t, err)
	defer store.Close()
	raw, err := fsck.OpenSQLite(path)
	fatalIfErr(t, err)
	defer raw.Close()
	good := fsck.Config{DB: raw, Store: store, Origin: origin, Descriptor: describe(t), Now: time.Now()}
	r, err := fsck.Check(t.Context(), good)
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Code != fsck.CodeOrphan { // the open upload, of which no row knows
		t.Errorf("empty relay: %+v, %v", r, err)
	}
	for name, change := range map[string]func(*fsck.Config){
		"no database":      func(c *fsck.Config) { c.DB = nil },
		"no store":         func(c *fsck.Config) { c.Store = nil },
		"another origin":   func(c *fsck.Config) { c.Origin = "other.example" },
		"no descriptor":    func(c *fsck.Config) { c.Descriptor = nil },
		"closed database":  func(c *fsck.Config) { c.DB, _ = fsck.OpenSQLite(path); c.DB.Close() },
		"store that fails": func(c *fsck.Config) { closed, _ := fsck.OpenFolder(root); closed.Close(); c.Store = closed },
	} {
		c := good
		change(&c)
		if r, err := fsck.Check(t.Context(), c); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fsck.Check(ctx, good); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestEachTile: in whatever steps they are listed, a tree has its full tiles and one
// partial tile at the edge of each level.
func TestEachTile(t *testing.T) {
	for _, size := range []int64{0, 1, 255, 256, 257, fsck.TilesAtOnce, fsck.TilesAtOnce + 10, 5*fsck.TilesAtOnce - 1, 65536, 70000} {
		got := map[translog.Tile]int{}
		fatalIfErr(t, fsck.EachTile(size, func(tile translog.Tile) error { got[tile]++; return nil }))
		want := map[translog.Tile]int{}
		for level := translog.Entries; level <= 3; level++ {
			n := size >> (max(level, 0) * translog.TileHeight)
			for i := range n / translog.TileWidth {
				want[translog.Tile{Level: level, N: i, Width: translog.TileWidth}]++
			}
			if w := int(n % translog.TileWidth); w > 0 {
				want[translog.Tile{Level: level, N: n / translog.TileWidth, Width: w}]++
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("size %d: %d tiles, want %d", size, len(got), len(want))
		}
	}
}

func FuzzParseCopyKey(f *testing.F) {
	f.Add("0000000000/0000000000000009.1")
	f.Add("0000000001/0000000000010000.256")
	f.Add("0000000001/0000000000000000.256")
	f.Add("0000000000/0000000000000009.01")
	f.Fuzz(func(t *testing.T, path string) {
		index, n, ok := fsck.ParseCopyKey(path)
		if ok && fmt.Sprintf("%010d/%016d.%d", index/10000, index, n) != path {
			t.Errorf("%q is read as %d.%d", path, index, n)
		}
	})
}
