package objectstest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"comity.example/comity/gateway/objects"
)

func put(w *world) {
	for name, data := range map[string][]byte{"empty": nil, "byte": {7}, "annex": random(1 << 20)} {
		key := w.key("put/" + name)
		w.absent(key)
		info := w.create(key, data)
		if info.Size != int64(len(data)) || info.Digest != sha256.Sum256(data) || info.Version == "" {
			w.Errorf("Put = %+v", info)
		}
		w.holds(key, info, data)
		again, err := w.Put(w.Context(), key, random(10), objects.Create)
		w.want("Put again", err, objects.ErrExist)
		w.same("Put again", again, info)
		w.holds(key, info, data)
	}
	_, err := w.Put(w.Context(), w.key("big"), make([]byte, objects.MaxPut+1), objects.Create)
	w.want("Put of too much", err, objects.ErrInvalid)
	_, err = w.Put(w.Context(), w.key("how"), nil, 0)
	w.want("Put without a way", err, objects.ErrInvalid)
}

func putRaced(w *world) {
	key := w.key("tile")
	var won atomic.Int32
	var winner []byte
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			data := random(1000)
			_, err := w.Put(w.Context(), key, data, objects.Create)
			switch {
			case err == nil:
				won.Add(1)
				winner = data
			case !errors.Is(err, objects.ErrExist):
				w.Error(err)
			}
		})
	}
	wg.Wait()
	if n := won.Load(); n != 1 {
		w.Fatalf("%d calls won", n)
	}
	if b, _ := w.read(key, "", 0, -1); !bytes.Equal(b, winner) {
		w.Error("the object is not what the winner put")
	}
}

func replace(w *world) {
	key := w.key("log/checkpoint")
	var last objects.Info
	for n := range 4 {
		data := random(100 * n)
		info, err := w.Put(w.Context(), key, data, objects.Replace)
		w.fatalIf(err)
		if info.Version == last.Version {
			w.Errorf("version %q again", info.Version)
		}
		last = info
		if b, got := w.read(key, "", 0, -1); !bytes.Equal(b, data) || got.Version != info.Version {
			w.Errorf("the newest version is not the one put")
		}
		w.holds(key, info, data)
	}
	if got := w.list(w.key("log/")); !slices.Equal(got, []string{key}) {
		w.Errorf("List = %q", got)
	}
}

// replaceRaced: readers see one whole checkpoint or another, always.
func replaceRaced(w *world) {
	key := w.key("checkpoint")
	whole := func(b []byte) bool { return len(b) == 9999 && bytes.Count(b, b[:1]) == len(b) }
	w.create(key, bytes.Repeat([]byte{0}, 9999))
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, info, err := w.Get(w.Context(), key, "", 0, -1)
				if err != nil {
					w.Error(err)
					return
				}
				b, err := io.ReadAll(r)
				r.Close()
				if err != nil || !whole(b) || info.Digest != [32]byte{} && info.Digest != sha256.Sum256(b) {
					w.Errorf("read %d bytes, a mixture, error %v", len(b), err)
				}
			}
		})
	}
	for n := range byte(4) {
		writers.Go(func() {
			for range 8 {
				if _, err := w.Put(w.Context(), key, bytes.Repeat([]byte{n}, 9999), objects.Replace); err != nil {
					w.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

func ranges(w *world) {
	big, info := w.uploaded(w.key("p"))
	small := random(100)
	w.create(w.key("s"), small)
	w.create(w.key("e"), nil)
	for _, tt := range []struct {
		key         string
		data        []byte
		off, length int64
		good        bool
	}{
		{"p", big, 0, 10, true}, {"p", big, partSize - 5, 10, true}, {"p", big, partSize, 10, true},
		{"p", big, partSize + 990, 10, true}, {"p", big, partSize + 990, -1, true},
		{"p", big, info.Size, 0, true}, {"p", big, info.Size, -1, true}, {"p", big, 7, 0, true},
		{"p", big, partSize + 990, 11, false}, {"p", big, info.Size, 1, false}, {"p", big, info.Size + 1, -1, false},
		{"p", big, -1, 10, false}, {"p", big, 0, -2, false}, {"p", big, 1, 1<<63 - 1, false}, {"p", big, 1<<63 - 1, 1, false},
		{"s", small, 0, -1, true}, {"s", small, 0, 100, true}, {"s", small, 99, 1, true}, {"s", small, 100, -1, true},
		{"s", small, 99, 2, false}, {"s", small, 101, 0, false},
		{"e", nil, 0, -1, true}, {"e", nil, 0, 0, true}, {"e", nil, 0, 1, false},
	} {
		if !tt.good {
			_, _, err := w.Get(w.Context(), w.key(tt.key), "", tt.off, tt.length)
			w.want("Get", err, objects.ErrRange)
			continue
		}
		want := tt.data[tt.off:]
		if tt.length >= 0 {
			want = want[:tt.length]
		}
		if b, got := w.read(w.key(tt.key), "", tt.off, tt.length); !bytes.Equal(b, want) || got.Size != int64(len(tt.data)) {
			w.Errorf("Get(%q, %d, %d) gives %d bytes of %d, want %d", tt.key, tt.off, tt.length, len(b), got.Size, len(want))
		}
	}
}

// versions: a version is what it was made as, and is named once.
func versions(w *world) {
	key, data := w.key("s"), random(10)
	first := w.create(key, data)
	w.fatalIf(w.Delete(w.Context(), key, first.Version))
	second := w.create(key, data)
	if first.Version == second.Version {
		w.Errorf("version %q again", first.Version)
	}
	w.fatalIf(w.Delete(w.Context(), key, first.Version))
	w.holds(key, second, data)
	_, err := w.Stat(w.Context(), key, first.Version)
	w.want("Stat", err, objects.ErrNotExist)
	_, _, err = w.Get(w.Context(), key, first.Version, 0, -1)
	w.want("Get", err, objects.ErrNotExist)
	_, err = w.Lock(w.Context(), key, first.Version, objects.Governance, hour(1))
	w.want("Lock", err, objects.ErrNotExist)
}

func remove(w *world) {
	key := w.key("d")
	info := w.create(key, random(10))
	w.want("Delete without version", w.Delete(w.Context(), key, ""), objects.ErrInvalid)
	r, _, err := w.Get(w.Context(), key, "", 0, -1)
	w.fatalIf(err)
	r.Close()
	for range 2 {
		w.fatalIf(w.Delete(w.Context(), key, info.Version))
		w.absent(key)
	}
	w.fatalIf(w.Delete(w.Context(), w.key("never"), info.Version))
	_, up := w.uploaded(w.key("p"))
	w.fatalIf(w.Delete(w.Context(), w.key("p"), up.Version))
	w.absent(w.key("p"))
}

func list(w *world) {
	var want []string
	for _, k := range []string{"a/x.0/z", "a.b/c", "log/tile/0/000", "log/tile/0/x001/067.p/8", "log/tile/1/000", "log/checkpoint", "logs", "p.1", "p.0", "0"} {
		w.create(w.key(k), nil)
		want = append(want, w.key(k))
	}
	w.begin(w.key("log/open"), 10)
	w.uploaded(w.key("log/p"))
	want = append(want, w.key("log/p"))
	slices.Sort(want)
	for _, prefix := range []string{"", "log/", "log/tile/", "log/tile/0/x001/", "a/", "none/", "p.0/"} {
		var below []string
		for _, k := range want {
			if strings.HasPrefix(k, w.key(prefix)) {
				below = append(below, k)
			}
		}
		if got := w.list(w.key(prefix)); !slices.Equal(got, below) {
			w.Errorf("List(%q) = %q, want %q", prefix, got, below)
		}
	}
	for k, err := range w.List(w.Context(), w.base) { // leaving early
		if k != want[0] || err != nil {
			w.Errorf("List begins with %q, %v, want %q", k, err, want[0])
		}
		break
	}
}

// keys: each method checks its key; a key below another harms nothing.
func keys(w *world) {
	for _, k := range []string{"", "/", "a/", "/a", "../a", "a/../b", "a//b", "A", "a b", "a@", "a\\b", "a\x00", strings.Repeat("a", 256)} {
		ctx := w.Context()
		_, err := w.Begin(ctx, k, 1, partSize)
		w.want("Begin", err, objects.ErrKey)
		_, err = w.PutPart(ctx, k, "x", objects.Part{}, stream(nil))
		w.want("PutPart", err, objects.ErrKey)
		_, err = w.Complete(ctx, k, "x", nil)
		w.want("Complete", err, objects.ErrKey)
		w.want("Abort", w.Abort(ctx, k, "x"), objects.ErrKey)
		_, err = w.Put(ctx, k, nil, objects.Create)
		w.want("Put", err, objects.ErrKey)
		_, _, err = w.Get(ctx, k, "", 0, -1)
		w.want("Get", err, objects.ErrKey)
		_, err = w.Stat(ctx, k, "")
		w.want("Stat", err, objects.ErrKey)
		_, err = w.Lock(ctx, k, "x", objects.Governance, hour(1))
		w.want("Lock", err, objects.ErrKey)
		w.want("Delete", w.Delete(ctx, k, "x"), objects.ErrKey)
	}
	for _, p := range []string{"a", "/", "../", "a//"} {
		n := 0
		for _, err := range w.List(w.Context(), p) {
			w.want("List", err, objects.ErrKey)
			n++
		}
		if n != 1 {
			w.Errorf("List(%q) gives %d pairs, want one error", p, n)
		}
	}
	long := w.key(strings.Repeat("a", 255))
	w.holds(long, w.create(long, []byte("x")), []byte("x"))
	data, info := w.uploaded(w.key("p"))
	for _, k := range []string{"p/data", "p/info"} {
		if _, err := w.Put(w.Context(), w.key(k), nil, objects.Create); err != nil {
			w.want("Put below an object", err, objects.ErrKey)
		}
	}
	w.holds(w.key("p"), info, data)
}

func space(w *world) {
	s, ok := w.Store.(objects.Spacer)
	if !ok {
		w.Skip("the store does not know its space")
	}
	if n, err := s.Free(); n <= 0 || err != nil {
		w.Errorf("Free = %d, %v", n, err)
	}
}
