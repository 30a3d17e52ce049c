package dir

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"comity.example/comity/gateway/objects"
)

// TestLockEnds: a lock binds until its second and no longer.
func TestLockEnds(t *testing.T) {
	for _, mode := range []objects.Mode{objects.Governance, objects.Compliance} {
		synctest.Test(t, func(t *testing.T) {
			d := reopen(t, t.TempDir())
			info, err := d.Put(t.Context(), testKey, []byte("x"), objects.Create)
			fatalIf(t, err)
			_, err = d.Lock(t.Context(), testKey, info.Version, mode, time.Now().Add(time.Hour))
			fatalIf(t, err)
			time.Sleep(time.Hour - 1)
			if err := d.Delete(t.Context(), testKey, info.Version); !errors.Is(err, objects.ErrLocked) {
				t.Errorf("%s: Delete before the end: %v, want ErrLocked", mode, err)
			}
			time.Sleep(time.Nanosecond)
			fatalIf(t, d.Delete(t.Context(), testKey, info.Version))
		})
	}
}

// TestDamage: what was changed behind the store's back is an error, never a
// shorter object or an absent lock.
func TestDamage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(path, lock string) error
	}{
		{"cut", func(p, _ string) error { return os.Truncate(p, headerSize+3) }},
		{"longer", func(p, _ string) error { return os.Truncate(p, headerSize+5) }},
		{"no header", func(p, _ string) error { return os.WriteFile(p, []byte("data"), 0o600) }},
		{"other header", func(p, _ string) error { return os.WriteFile(p, bytes.Repeat([]byte("{}"), 130), 0o600) }},
		{"empty lock", func(_, l string) error { return os.WriteFile(l, nil, 0o600) }},
		{"other lock", func(_, l string) error { return os.WriteFile(l, []byte(`{"mode":""}`), 0o600) }},
	} {
		d := reopen(t, t.TempDir())
		info, err := d.Put(t.Context(), testKey, []byte("data"), objects.Create)
		fatalIf(t, err)
		_, err = d.Lock(t.Context(), testKey, info.Version, objects.Governance, time.Now().Add(time.Hour))
		fatalIf(t, err)
		fatalIf(t, tt.damage(d.disk.at(objectPath(testKey)), d.disk.at(lockPath(testKey))))
		if _, err := d.Stat(t.Context(), testKey, ""); err == nil || errors.Is(err, objects.ErrNotExist) {
			t.Errorf("%s: Stat: %v, want an error about damage", tt.name, err)
		}
		if err := NewDestroyer(d).Destroy(t.Context(), testKey, info.Version); err == nil {
			t.Errorf("%s: Destroy succeeds", tt.name)
		}
	}
}

// TestModes: nobody but the user of the relay reads what it keeps.
func TestModes(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	d, id, _, ps := filled(t, root)
	_, err := d.Complete(t.Context(), testKey, id, ps)
	fatalIf(t, err)
	_, err = d.Put(t.Context(), "log/checkpoint", nil, objects.Replace)
	fatalIf(t, err)
	fatalIf(t, filepath.WalkDir(root, func(p string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err == nil && fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%q has mode %v", p, fi.Mode())
		}
		return err
	}))
}
