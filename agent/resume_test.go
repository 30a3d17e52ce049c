package agent_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"
)

// puts counts the parts that a session of de's lab sends, by package.
type puts struct {
	mu sync.Mutex
	n  map[string]int
}

// counted is a session of de's lab with one part in flight, whose parts are counted.
func (w *world) counted() (*agent.Session, *puts) {
	w.t.Helper()
	w.homes["de"].Config.Parallel = 1
	c := &puts{n: map[string]int{}}
	s := w.connect("de", "lab-1")
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if id, _, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/packages/"), "/parts/"); ok {
			c.mu.Lock()
			c.n[id]++
			c.mu.Unlock()
		}
		return next(r)
	})
	return s, c
}

// begin sends a folder until so many parts have arrived, and returns the package.
func (w *world) begin(folder string, parts int, opt agent.SendOptions) string {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	w.homes["de"].Config.Parallel = 1
	n := 0
	var id string
	opt.Begun = func(s string) error { id = s; return nil }
	a := w.agent("de", func(c *agent.Config) {
		c.Progress = func(agent.Progress) {
			if n++; n == parts {
				cancel()
			}
		}
	})
	if _, err := a.Send(ctx, w.connect("de", "lab-1"), w.request, folder, opt); !errors.Is(err, context.Canceled) {
		w.t.Fatalf("Send = %v", err)
	}
	return id
}

// present counts the parts of a package that the relay has.
func (w *world) present(id string) (n int) {
	w.t.Helper()
	p, err := w.connect("de", "lab-1").Package(w.t.Context(), id)
	check(w.t, err)
	for _, b := range p.Present {
		for ; b > 0; b &= b - 1 {
			n++
		}
	}
	return n
}

// TestContinue stops a send after each part. The next one goes on with the same
// package and sends what the relay has not, the part in flight at most twice, and in
// the end the files are as they were.
func TestContinue(t *testing.T) {
	for _, stop := range [][]int{{1}, {2, 1}, {3}} {
		w := newCase(t)
		w.accept()
		folder := exhibits(t, seal.PartPlain+777)
		check(t, os.WriteFile(filepath.Join(folder, "small"), []byte("small"), 0o600))
		check(t, os.WriteFile(filepath.Join(folder, "z.img"), bytes.Repeat([]byte("z"), seal.PartPlain), 0o600))
		opt := agent.SendOptions{Description: "three parts", Final: true}
		id := ""
		for _, n := range stop {
			again := w.begin(folder, n, opt)
			if id != "" && again != id {
				t.Errorf("%v: package %q goes on as %q", stop, id, again)
			}
			id = again
		}
		had := w.present(id)
		s, c := w.counted()
		sent, err := w.agent("de").Send(t.Context(), s, w.request, folder, opt)
		check(t, err)
		if parts := seal.Parts(sent.Payload); sent.Package != id || !sent.Unlocked || c.n[id] != parts-had || len(c.n) > 1 {
			t.Errorf("%v: sent %+v with %v parts, the relay had %d of %d", stop, sent, c.n, had, parts)
		}
		list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
		check(t, err)
		if len(list) != 1 {
			t.Fatalf("%v: %d packages arrived", stop, len(list))
		}
		for _, name := range []string{"disk.img", "small", "z.img"} {
			was, err := os.ReadFile(filepath.Join(folder, name))
			check(t, err)
			if is, err := os.ReadFile(filepath.Join(list[0].Path, "data", name)); err != nil || !bytes.Equal(was, is) {
				t.Errorf("%v: %q arrived otherwise: %v", stop, name, err)
			}
		}
		w.keyless(id)
	}
}

// keyless fails if anything is left with which a package could be continued.
func (w *world) keyless(id string) {
	w.t.Helper()
	for _, name := range []string{"key.age", "journal", "begun.json", "sources.txt"} {
		if _, err := os.Stat(filepath.Join(w.homes["de"].PackageDir(w.request, id), name)); !errors.Is(err, fs.ErrNotExist) {
			w.t.Errorf("%q of the package is still here: %v", name, err)
		}
	}
}

// forge writes other bytes into a file and sets its times back.
func forge(t testing.TB, path string, at int64) {
	t.Helper()
	fi, err := os.Stat(path)
	check(t, err)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	check(t, err)
	_, err = f.WriteAt([]byte("forged"), at)
	check(t, errors.Join(err, f.Close(), os.Chtimes(path, fi.ModTime(), fi.ModTime())))
}

// TestChangedAtRest changes the folder between two sends. The second stops, naming the
// file, before a byte has left, and destroys the key; the third begins a new package.
func TestChangedAtRest(t *testing.T) {
	w := newCase(t)
	for name, change := range map[string]func(path string){
		"written, times forged": func(path string) { forge(t, path, 100) },
		"behind what was sent":  func(path string) { forge(t, path, threeParts-10) },
		"touched":               func(path string) { check(t, os.Chtimes(path, time.Time{}, time.Unix(1, 0))) },
		"replaced": func(path string) {
			fi, err := os.Stat(path)
			check(t, err)
			b, err := os.ReadFile(path)
			check(t, err)
			check(t, errors.Join(os.WriteFile(path+"2", b, 0o600), os.Chtimes(path+"2", time.Time{}, fi.ModTime()), os.Rename(path+"2", path)))
		},
	} {
		folder := exhibits(t, threeParts)
		id := w.begin(folder, 1, agent.SendOptions{})
		change(filepath.Join(folder, "disk.img"))
		s, c := w.counted()
		_, err := w.agent("de").Send(t.Context(), s, w.request, folder, agent.SendOptions{})
		var changed *bag.ChangedError
		if !errors.As(err, &changed) || changed.Path != "disk.img" || !strings.Contains(err.Error(), "given up") {
			t.Errorf("%s: Send = %v", name, err)
		}
		if len(c.n) > 0 {
			t.Errorf("%s: parts were sent: %v", name, c.n)
		}
		w.nothing(id)
	}
	if sent := w.send(); sent.Package == "" {
		t.Error("no new package")
	}
}

// TestForgedInTheMiddle changes the file behind the part that is being sent, and sets
// its times back. No part behind the change leaves.
func TestForgedInTheMiddle(t *testing.T) {
	w := newCase(t)
	folder := exhibits(t, 6*seal.PartPlain)
	w.homes["de"].Config.Parallel = 1
	s, c := w.counted()
	var id string
	var once sync.Once
	a := w.agent("de", func(c *agent.Config) {
		c.Progress = func(agent.Progress) {
			once.Do(func() { forge(t, filepath.Join(folder, "disk.img"), 5*seal.PartPlain) })
		}
	})
	_, err := a.Send(t.Context(), s, w.request, folder, agent.SendOptions{Begun: func(s string) error { id = s; return nil }})
	var changed *bag.ChangedError
	if !errors.As(err, &changed) || changed.Path != "disk.img" {
		t.Errorf("Send = %v", err)
	}
	// Three may be packed already when the first has arrived: they are older.
	if c.n[id] > 4 {
		t.Errorf("%d parts were sent", c.n[id])
	}
	w.nothing(id)
}

// TestCopiedState copies a home in the middle of a package. The copy sends nothing of
// that package: it begins another one.
func TestCopiedState(t *testing.T) {
	w := newCase(t)
	folder := exhibits(t, threeParts)
	id := w.begin(folder, 1, agent.SendOptions{})
	copied := filepath.Join(t.TempDir(), "copy")
	check(t, os.CopyFS(copied, os.DirFS(w.homes["de"].Dir())))
	private(t, copied)
	h, err := agent.OpenHome(copied)
	check(t, err)
	h.Config = w.homes["de"].Config
	w.homes["de"] = h
	w.other(folder, id)
}

// private takes the rights away that a copy has.
func private(t *testing.T, dir string) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	}))
}

// other sends a folder, as another package than the one that was begun, of which
// nothing leaves.
func (w *world) other(folder, id string) {
	w.t.Helper()
	s, c := w.counted()
	sent, err := w.agent("de").Send(w.t.Context(), s, w.request, folder, agent.SendOptions{})
	check(w.t, err)
	if sent.Package == id || c.n[id] != 0 || c.n[sent.Package] != seal.Parts(sent.Payload) {
		w.t.Errorf("sent %+v, parts by package %v; begun was %q", sent, c.n, id)
	}
	if _, err := w.connect("de", "lab-1").Package(w.t.Context(), id); wire.CodeOf(err) != custody.CodeNoSuchPackage {
		w.t.Errorf("the relay still has the package that was begun: %v", err)
	}
}

// TestSetBack sets a machine back to an earlier state, in place: the journal is the
// same file with less in it. Parts that it does not know have left, so nothing of that
// package leaves any more.
func TestSetBack(t *testing.T) {
	for name, between := range map[string]func(w *world, folder string){
		"more parts": func(w *world, folder string) { w.begin(folder, 1, agent.SendOptions{}) },
		"taken over": func(w *world, folder string) {
			_, err := w.connect("de", "lab-1").TakeOver(t.Context(), w.packages("de")[0])
			check(t, err)
		},
		"damaged record": func(w *world, folder string) {},
	} {
		w := newCase(t)
		folder := exhibits(t, threeParts)
		id := w.begin(folder, 1, agent.SendOptions{})
		path := filepath.Join(w.homes["de"].PackageDir(w.request, id), "journal")
		before, err := os.ReadFile(path)
		check(t, err)
		between(w, folder)
		if strings.HasPrefix(name, "damaged") {
			before[100] ^= 1
		}
		check(t, os.WriteFile(path, before, 0o600)) // the same inode
		w.other(folder, id)
	}
}

// TestGrantGone revokes the grant while a package waits: it is given up, its key with
// it. So it is if another grant has taken the place of the first.
func TestGrantGone(t *testing.T) {
	w := newCase(t)
	folder := exhibits(t, threeParts)
	id := w.begin(folder, 1, agent.SendOptions{})
	w.revoke()
	s, c := w.counted()
	if _, err := w.agent("de").Send(t.Context(), s, w.request, folder, agent.SendOptions{}); wire.CodeOf(err) == "" {
		t.Errorf("Send = %v", err)
	}
	w.nothing(id)
	w.grant()
	id = w.begin(folder, 1, agent.SendOptions{})
	w.revoke()
	w.grant()
	if _, err := w.agent("de").Send(t.Context(), s, w.request, folder, agent.SendOptions{}); err == nil || !strings.Contains(err.Error(), "another grant") {
		t.Errorf("Send = %v", err)
	}
	w.nothing(id)
	if len(c.n) > 0 {
		t.Errorf("parts were sent: %v", c.n)
	}
}

// TestRecipientGone: the recipients' key is revoked, or another one, when a send is
// continued. The head that was made would be for the old one.
func TestRecipientGone(t *testing.T) {
	for want, change := range map[string]func(w *world){
		"not-active": func(w *world) {
			w.publish("nl", func(d *officer.Draft) { check(t, d.SetStatus("nl/recipient/lab", custody.StatusRevoked)) })
		},
		"the recipients, or a key of theirs, have changed": func(w *world) { w.rekey() },
	} {
		w := newCase(t)
		folder := exhibits(t, threeParts)
		id := w.begin(folder, 1, agent.SendOptions{})
		change(w)
		s, c := w.counted()
		_, err := w.agent("de").Send(t.Context(), s, w.request, folder, agent.SendOptions{})
		if err == nil || !strings.Contains(err.Error(), "given up") || !strings.Contains(err.Error(), want) {
			t.Errorf("Send = %v, want %q", err, want)
		}
		if len(c.n) > 0 {
			t.Errorf("%s: parts were sent: %v", want, c.n)
		}
		w.nothing(id)
	}
}

// TestTwoFolders: a package that waits is not in the way of another one, nor of the
// same folder with other options, and goes on afterwards.
func TestTwoFolders(t *testing.T) {
	w := newCase(t)
	folder := exhibits(t, threeParts)
	id := w.begin(folder, 2, agent.SendOptions{})
	for _, opt := range []agent.SendOptions{{Description: "other words"}, {}} {
		dir := folder
		if opt.Description == "" {
			dir = exhibits(t, 100)
		}
		sent, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, dir, opt)
		check(t, err)
		if sent.Package == id {
			t.Errorf("%+v went on with the package that waits", opt)
		}
	}
	s, c := w.counted()
	sent, err := w.agent("de").Send(t.Context(), s, w.request, folder, agent.SendOptions{})
	check(t, err)
	if sent.Package != id || c.n[id] > 2 {
		t.Errorf("sent %+v, parts by package %v", sent, c.n)
	}
}

// TestFinish: a send dies when its seal is kept, or when the relay has that and not
// the head. Another send of the same folder finishes the package and sends nothing
// again; one after that makes a second package.
func TestFinish(t *testing.T) {
	for _, suffix := range []string{"/seal", "/unlock"} {
		w := newCase(t)
		w.accept()
		folder := exhibits(t, 100)
		ctx, dying := w.crashAt(suffix)
		if _, err := w.agent("de").Send(ctx, dying, w.request, folder, agent.SendOptions{}); err == nil {
			t.Fatal("the send went through")
		}
		id := w.packages("de")[0]
		s, c := w.counted()
		sent, err := w.agent("de").Send(t.Context(), s, w.request, folder, agent.SendOptions{})
		check(t, err)
		if sent.Package != id || !sent.Unlocked || sent.Files != 1 || sent.Bytes != 100 || len(c.n) > 0 {
			t.Errorf("%s: sent %+v, parts %v; begun was %q", suffix, sent, c.n, id)
		}
		w.keyless(id)
		if sent, err = w.agent("de").Send(t.Context(), s, w.request, folder, agent.SendOptions{}); err != nil || sent.Package == id {
			t.Errorf("%s: then sent %+v, %v", suffix, sent, err)
		}
	}
}

// TestChangedAfterSeal: the folder has changed when a send is run again whose package
// is sealed. That package goes its way, and what the folder holds now is another.
func TestChangedAfterSeal(t *testing.T) {
	w := newCase(t)
	w.accept()
	folder := exhibits(t, 100)
	ctx, dying := w.crashAt("/seal")
	if _, err := w.agent("de").Send(ctx, dying, w.request, folder, agent.SendOptions{}); err == nil {
		t.Fatal("the send went through")
	}
	id := w.packages("de")[0]
	check(t, os.WriteFile(filepath.Join(folder, "more"), nil, 0o600))
	sent, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
	check(t, err)
	if sent.Package == id || sent.Files != 2 {
		t.Errorf("sent %+v; begun was %q", sent, id)
	}
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	check(t, err)
	if len(list) != 2 {
		t.Errorf("%d packages arrived", len(list))
	}
}
