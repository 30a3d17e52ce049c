package agent_test

import (
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

// packages lists what a home keeps of the packages of the request.
func (w *world) packages(name string) []string {
	w.t.Helper()
	list, err := os.ReadDir(filepath.Dir(w.homes[name].PackageDir(w.request, "x")))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	check(w.t, err)
	var ids []string
	for _, f := range list {
		ids = append(ids, f.Name())
	}
	return ids
}

// crashAt is a session of de's lab that dies before a call of that path is made.
func (w *world) crashAt(suffix string) (context.Context, *agent.Session) {
	ctx, cancel := context.WithCancel(w.t.Context())
	s := w.connect("de", "lab-1")
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, suffix) {
			cancel()
			return nil, context.Canceled
		}
		return next(r)
	})
	return ctx, s
}

// TestSealKept stops two sends after their seals were kept. By then both seals
// name a directory that is not in force any more, and both are delivery 1. The
// next send brings both home.
func TestSealKept(t *testing.T) {
	w := newCase(t)
	for range 2 {
		ctx, s := w.crashAt("/seal")
		if _, err := w.agent("de").Send(ctx, s, w.request, exhibits(t, 100), agent.SendOptions{}); err == nil {
			t.Fatal("the send went through")
		}
	}
	w.publish("nl", func(d *officer.Draft) { d.Rules.Request = 2 })
	w.accept()
	done, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request)
	check(t, err)
	if len(done) != 2 {
		t.Errorf("%d packages are unlocked, want 2", len(done))
	}
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	check(t, err)
	if len(list) != 2 {
		t.Errorf("%d packages arrived, want 2", len(list))
	}
}

// TestSealNeverTaken revokes the grant while a seal is kept: the package is given
// up, and its room at the relay with it.
func TestSealNeverTaken(t *testing.T) {
	w := newCase(t)
	ctx, s := w.crashAt("/seal")
	_, err := w.agent("de").Send(ctx, s, w.request, exhibits(t, 100), agent.SendOptions{})
	if err == nil {
		t.Fatal("the send went through")
	}
	id := w.packages("de")[0]
	w.revoke()
	de := w.connect("de", "lab-1")
	if _, err = w.agent("de").Unlock(t.Context(), de, w.request); wire.CodeOf(err) != custody.CodeGrantRevoked {
		t.Errorf("Unlock = %v, want %s", err, custody.CodeGrantRevoked)
	}
	if left := w.packages("de"); len(left) != 0 {
		t.Errorf("%q is left in the home", left)
	}
	if _, err := de.Package(t.Context(), id); wire.CodeOf(err) != custody.CodeNoSuchPackage {
		t.Errorf("the relay still has the package: %v", err)
	}
	if _, err = w.agent("de").Unlock(t.Context(), de, w.request); err != nil {
		t.Errorf("the second Unlock = %v", err)
	}
}

// TestUnlockAgain plays a crash on both sides: the unlock is in the log, the relay
// has not stored the head, the agent has no answer. The head must not be dropped.
func TestUnlockAgain(t *testing.T) {
	w := newCase(t)
	pkg := w.send().Package
	w.accept()
	dir := w.homes["de"].PackageDir(w.request, pkg)
	before := t.TempDir()
	check(t, os.CopyFS(before, os.DirFS(dir)))
	de := w.connect("de", "lab-1")
	_, err := w.agent("de").Unlock(t.Context(), de, w.request)
	check(t, err)
	check(t, os.RemoveAll(dir))
	check(t, os.CopyFS(dir, os.DirFS(before)))
	w.loseHead()
	done, err := w.agent("de").Unlock(t.Context(), de, w.request)
	check(t, err)
	if len(done) != 1 {
		t.Fatalf("%d packages are unlocked", len(done))
	}
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	check(t, err)
	if len(list) != 1 {
		t.Errorf("%d packages arrived", len(list))
	}
}

// loseHead removes every head and inner file from the relay's store.
func (w *world) loseHead() {
	w.t.Helper()
	n := 0
	check(w.t, filepath.WalkDir(filepath.Join(w.folder, "store"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || d.Name() != "head" && d.Name() != "inner.age" {
			return err
		}
		n++
		check(w.t, os.Chmod(path, 0o700))
		check(w.t, os.RemoveAll(path))
		return fs.SkipDir
	}))
	if n != 2 {
		w.t.Fatalf("removed %d files from the store, want 2", n)
	}
}

// TestRevokedAmongOthers: the head of a revoked grant never leaves and is
// destroyed, and neither side is kept from the packages of the next grant.
func TestRevokedAmongOthers(t *testing.T) {
	w := newCase(t)
	first := w.send().Package
	w.accept()
	w.revoke()
	de := w.connect("de", "lab-1")
	if _, err := w.agent("de").Unlock(t.Context(), de, w.request); wire.CodeOf(err) != custody.CodeGrantRevoked {
		t.Errorf("Unlock = %v, want %s", err, custody.CodeGrantRevoked)
	}
	if _, err := w.homes["de"].Head(w.request, first); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the head is still here: %v", err)
	}
	w.grant()
	w.accept()
	if sent := w.send(); !sent.Unlocked {
		t.Error("the head of the second package stayed home")
	}
	w.revoke() // the second is unlocked and not taken
	w.grant()
	w.accept()
	third := w.send().Package
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	if wire.CodeOf(err) != custody.CodeGrantRevoked {
		t.Errorf("Fetch = %v, want %s", err, custody.CodeGrantRevoked)
	}
	if len(list) != 1 || list[0].Package != third {
		t.Errorf("fetched %+v, want the third package", list)
	}
}

// midway sends three parts and calls f once, after the first has arrived.
func (w *world) midway(ctx context.Context, folder string, f func()) (*agent.Sent, error) {
	w.t.Helper()
	w.homes["de"].Config.Parallel = 1
	var once sync.Once
	a := w.agent("de", func(c *agent.Config) { c.Progress = func(agent.Progress) { once.Do(f) } })
	return a.Send(ctx, w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
}

const threeParts = 2*seal.PartPlain + 1000

// nothing fails if a package that was begun and not sent left anything.
func (w *world) nothing(id string) {
	w.t.Helper()
	if left := w.packages("de"); len(left) != 0 {
		w.t.Errorf("%q is left in the home", left)
	}
	if _, err := w.connect("de", "lab-1").Package(w.t.Context(), id); wire.CodeOf(err) != custody.CodeNoSuchPackage {
		w.t.Errorf("the relay still has the package: %v", err)
	}
}

func TestSourceChanged(t *testing.T) {
	w := newCase(t)
	folder := exhibits(t, 5*seal.PartPlain)
	var id string
	_, err := w.midway(t.Context(), folder, func() {
		id = w.packages("de")[0]
		check(t, os.Chtimes(filepath.Join(folder, "disk.img"), time.Time{}, time.Unix(1, 0)))
	})
	var changed *bag.ChangedError
	if !errors.As(err, &changed) {
		t.Errorf("Send = %v", err)
	}
	w.nothing(id)
}

// TestRelayRestarts takes the relay away in the middle. The same package goes on.
func TestRelayRestarts(t *testing.T) {
	w := newCase(t)
	w.accept()
	var id string
	sent, err := w.midway(t.Context(), exhibits(t, threeParts), func() {
		id = w.packages("de")[0]
		w.stop()
		w.start()
	})
	check(t, err)
	if sent.Package != id || !sent.Unlocked {
		t.Errorf("sent %+v, begun was %q", sent, id)
	}
}

// TestRelayRestartsAtTheEnd takes the relay away between the last part and the
// seal: what took hours must not be lost to one call that failed.
func TestRelayRestartsAtTheEnd(t *testing.T) {
	w := newCase(t)
	w.homes["de"].Config.Parallel = 1
	a := w.agent("de", func(c *agent.Config) {
		c.Progress = func(p agent.Progress) {
			if p.Done == p.Total {
				w.stop()
				w.start()
			}
		}
	})
	_, err := a.Send(t.Context(), w.connect("de", "lab-1"), w.request, exhibits(t, 100), agent.SendOptions{})
	check(t, err)
}

// TestWordsCheckedFirst: what the sender says of a package is checked before the
// relay is asked for anything, not after two terabytes were sent.
func TestWordsCheckedFirst(t *testing.T) {
	w := newCase(t)
	for _, opt := range []agent.SendOptions{
		{Handling: []string{"Not A Code"}}, {Examiner: "two\nlines"}, {Description: strings.Repeat("x", 5000)},
	} {
		if _, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, exhibits(t, 100), opt); err == nil {
			t.Errorf("%+v was sent", opt)
		}
		if left := w.packages("de"); len(left) > 0 {
			t.Errorf("%+v reserved %v", opt, left)
		}
	}
}
