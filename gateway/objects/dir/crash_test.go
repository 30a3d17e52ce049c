package dir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"comity.example/comity/gateway/objects"
)

const (
	testKey  = "7f/abc/payload.000"
	testPart = 300_000 // more than one block
)

func fatalIf(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reopen opens a root as after a crash: nothing was closed before.
func reopen(t *testing.T, root string) *Dir {
	t.Helper()
	d, err := New(root)
	fatalIf(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// filled returns an upload of three parts, all put.
func filled(t *testing.T, root string) (d *Dir, id string, data []byte, ps []objects.Part) {
	t.Helper()
	d = reopen(t, root)
	data = bytes.Repeat([]byte("evidence "), 2*testPart/9+11)
	id, err := d.Begin(t.Context(), testKey, int64(len(data)), testPart)
	fatalIf(t, err)
	for n := 0; n*testPart < len(data); n++ {
		b := data[n*testPart : min(len(data), (n+1)*testPart)]
		p := objects.Part{Number: n, Size: int64(len(b)), SHA256: sha256.Sum256(b)}
		_, err := d.PutPart(t.Context(), testKey, id, p, bytes.NewReader(b))
		fatalIf(t, err)
		ps = append(ps, p)
	}
	return d, id, data, ps
}

func check(t *testing.T, d *Dir, key string, data []byte) {
	t.Helper()
	r, _, err := d.Get(t.Context(), key, "", 0, -1)
	fatalIf(t, err)
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, data) {
		t.Errorf("%q has %d bytes, error %v, want the %d put", key, len(b), err, len(data))
	}
}

// TestCompleteCrash stops Complete after each of its steps, and within them,
// and completes on what is then on disk.
func TestCompleteCrash(t *testing.T) {
	type state struct {
		*testing.T
		d  *Dir
		u  *upload
		ps []objects.Part
	}
	freeze := func(s state) { fatalIf(s.T, s.d.freeze(s.u, s.ps)) }
	seal := func(s state) { fatalIf(s.T, s.d.seal(s.u)) }
	for _, tt := range []struct {
		name   string
		frozen bool
		until  func(state)
	}{
		{"before", false, func(s state) {}},
		{"info is a temporary file", false, func(s state) {
			fatalIf(s.T, os.WriteFile(s.d.disk.at(uploadPath(s.u.id)+"/.tmp-X"), []byte(`{"ver`), 0o600))
		}},
		{"frozen", true, freeze},
		{"cut", true, func(s state) {
			freeze(s)
			fatalIf(s.T, os.Truncate(s.d.disk.at(s.u.data()), s.u.Size))
		}},
		{"read-only", true, func(s state) {
			freeze(s)
			fatalIf(s.T, os.Truncate(s.d.disk.at(s.u.data()), s.u.Size))
			fatalIf(s.T, os.Chmod(s.d.disk.at(s.u.data()), 0o400))
		}},
		{"sealed", true, func(s state) { freeze(s); seal(s) }},
		{"folder made", true, func(s state) {
			freeze(s)
			seal(s)
			fatalIf(s.T, s.d.disk.mkdirAll("objects/"+testKey))
		}},
		{"published", true, func(s state) { freeze(s); seal(s); fatalIf(s.T, s.d.publish(s.u)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			d, id, data, ps := filled(t, root)
			u, err := d.upload(testKey, id)
			fatalIf(t, err)
			tt.until(state{t, d, u, ps})

			d = reopen(t, root)
			_, err = d.PutPart(t.Context(), testKey, id, ps[2], bytes.NewReader(data[2*testPart:]))
			if tt.frozen != (errors.Is(err, objects.ErrFrozen) || errors.Is(err, objects.ErrNoUpload)) {
				t.Errorf("PutPart after the crash: %v, frozen %v", err, tt.frozen)
			}
			other := append([]objects.Part{}, ps...)
			other[1].SHA256[0] ^= 1
			if _, err := d.Complete(t.Context(), testKey, id, other); !errors.Is(err, objects.ErrParts) {
				t.Errorf("Complete with another table: %v, want ErrParts", err)
			}
			var infos [2]objects.Info
			for i := range infos {
				infos[i], err = d.Complete(t.Context(), testKey, id, ps)
				fatalIf(t, err)
			}
			if infos[0] != infos[1] || infos[0].Digest != objects.Composite(ps) {
				t.Errorf("Complete = %+v, then %+v", infos[0], infos[1])
			}
			check(t, d, testKey, data)
			left, err := d.disk.names("uploads")
			fatalIf(t, err)
			fi, err := d.disk.root.Stat(objectPath(testKey) + "/@data")
			fatalIf(t, err)
			if len(left) != 0 || fi.Mode().Perm()&0o222 != 0 || fi.Size() != int64(len(data)) {
				t.Errorf("uploads %q, mode %v, %d bytes", left, fi.Mode(), fi.Size())
			}
		})
	}
}

// TestFrozen: once Complete has begun, also a PutPart that was running ends.
func TestFrozen(t *testing.T) {
	d, id, data, ps := filled(t, t.TempDir())
	u, err := d.upload(testKey, id)
	fatalIf(t, err)
	body, feed := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := d.PutPart(context.Background(), testKey, id, ps[0], body)
		done <- err
	}()
	_, err = feed.Write(data[:1])
	fatalIf(t, err)
	fatalIf(t, d.freeze(u, ps))
	if _, err := d.PutPart(t.Context(), testKey, id, ps[1], bytes.NewReader(data[testPart:])); !errors.Is(err, objects.ErrFrozen) {
		t.Errorf("PutPart: %v, want ErrFrozen", err)
	}
	go func() { feed.Write(data[1:testPart]); feed.Close() }()
	if err := <-done; !errors.Is(err, objects.ErrFrozen) {
		t.Errorf("PutPart amid Complete: %v, want ErrFrozen", err)
	}
	body.Close()
	_, err = d.Complete(t.Context(), testKey, id, ps)
	fatalIf(t, err)
	check(t, d, testKey, data)
}

// TestAbortFrozen: an upload that crashed while it was completed can be given up.
func TestAbortFrozen(t *testing.T) {
	root := t.TempDir()
	d, id, _, ps := filled(t, root)
	u, err := d.upload(testKey, id)
	fatalIf(t, err)
	fatalIf(t, d.freeze(u, ps))
	fatalIf(t, d.seal(u))
	d = reopen(t, root)
	fatalIf(t, d.Abort(t.Context(), testKey, id))
	if _, err := d.Complete(t.Context(), testKey, id, ps); !errors.Is(err, objects.ErrNoUpload) {
		t.Errorf("Complete after Abort: %v, want ErrNoUpload", err)
	}
}

// TestMarkWithoutData: a power cut may keep the mark of a part that was not
// acknowledged and lose its bytes. Putting the part again writes them.
func TestMarkWithoutData(t *testing.T) {
	root := t.TempDir()
	d, id, data, ps := filled(t, root)
	f, err := os.OpenFile(d.disk.at(uploadPath(id)+"/@data"), os.O_RDWR, 0)
	fatalIf(t, err)
	_, err = f.WriteAt(make([]byte, testPart), testPart)
	fatalIf(t, errors.Join(err, f.Close()))
	d = reopen(t, root)
	// First a connection that is cut: it must leave no mark over the mixture.
	_, err = d.PutPart(t.Context(), testKey, id, ps[1], bytes.NewReader(data[testPart:2*testPart-1]))
	if !errors.Is(err, objects.ErrDigest) {
		t.Errorf("short PutPart: %v, want ErrDigest", err)
	}
	if _, err := d.Complete(t.Context(), testKey, id, ps); !errors.Is(err, objects.ErrParts) {
		t.Errorf("Complete: %v, want ErrParts", err)
	}
	_, err = d.PutPart(t.Context(), testKey, id, ps[1], bytes.NewReader(data[testPart:2*testPart]))
	fatalIf(t, err)
	_, err = d.Complete(t.Context(), testKey, id, ps)
	fatalIf(t, err)
	check(t, d, testKey, data)
}

// TestBeginCrash: an upload whose id nobody was told is dropped at the next
// start, and one that was begun stays.
func TestBeginCrash(t *testing.T) {
	root := t.TempDir()
	d := reopen(t, root)
	kept, err := d.Begin(t.Context(), testKey, 10, testPart)
	fatalIf(t, err)
	lost, err := d.Begin(t.Context(), testKey, 10, testPart)
	fatalIf(t, err)
	fatalIf(t, os.Remove(d.disk.at(uploadPath(lost)+"/@begin")))
	fatalIf(t, os.Mkdir(d.disk.at("trash/x"), 0o700)) // a crash in discard
	d = reopen(t, root)
	ids, err := d.disk.names("uploads")
	fatalIf(t, err)
	bin, err := d.disk.names("trash")
	fatalIf(t, err)
	if len(ids) != 1 || ids[0] != kept || len(bin) != 0 {
		t.Errorf("uploads %q, trash %q, want only %q", ids, bin, kept)
	}
}

// TestDeleteCrash: the lock of a version that is gone binds no other, and
// deleting removes the copies that crashes left.
func TestDeleteCrash(t *testing.T) {
	root := t.TempDir()
	d := reopen(t, root)
	info, err := d.Put(t.Context(), testKey, []byte("head"), objects.Create)
	fatalIf(t, err)
	_, err = d.Lock(t.Context(), testKey, info.Version, objects.Governance, time.Now().Add(time.Hour))
	fatalIf(t, err)
	temp := d.disk.at("objects/" + testKey + "/.tmp-X")
	fatalIf(t, os.WriteFile(temp, []byte("head"), 0o600))
	fatalIf(t, d.disk.rename(objectPath(testKey), "trash/x"))
	d = reopen(t, root)
	fatalIf(t, NewDestroyer(d).Destroy(t.Context(), testKey, info.Version))
	if _, err := os.Lstat(temp); !os.IsNotExist(err) {
		t.Errorf("a copy is left: %v", err)
	}
	info, err = d.Put(t.Context(), testKey, []byte("next"), objects.Create)
	fatalIf(t, err)
	if got, err := d.Stat(t.Context(), testKey, ""); err != nil || got != info {
		t.Errorf("Stat = %+v, %v, want %+v", got, err, info)
	}
	fatalIf(t, d.Delete(t.Context(), testKey, info.Version))
}
