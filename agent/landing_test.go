package agent_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"

	"filippo.io/age"
)

// begun sends parts to nl, and has nl's fetch stop when so many have been asked for.
func (w *world) begun(parts, stop int, into string) (folder string) {
	w.t.Helper()
	folder = exhibits(w.t, (parts-1)*seal.PartPlain+1000)
	_, err := w.agent("de").Send(w.t.Context(), w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
	check(w.t, err)
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	w.reads.count(func(calls int) {
		if calls == stop {
			cancel()
		}
	})
	if _, err := w.agent("nl").Fetch(ctx, w.connect("nl", "lab-1"), w.request, into); !errors.Is(err, context.Canceled) {
		w.t.Fatalf("Fetch = %v", err)
	}
	w.reads.then(nil)
	if got := names(w.t, into); len(got) != 1 || !strings.HasSuffix(got[0], ".landing") {
		w.t.Fatalf("a fetch that was stopped leaves %q", got)
	}
	return folder
}

// names lists a folder.
func names(t testing.TB, folder string) (list []string) {
	t.Helper()
	files, err := os.ReadDir(folder)
	check(t, err)
	for _, f := range files {
		list = append(list, f.Name())
	}
	return list
}

// landing is the path of the only landing in a folder.
func landing(t testing.TB, into string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(into, ".comity-quarantine-*.landing"))
	if err != nil || len(list) != 1 {
		t.Fatalf("landings: %q, %v", list, err)
	}
	return list[0]
}

// finish fetches the rest and checks that it arrived as it was sent and
// that nothing else is in the folder.
func (w *world) finish(folder, into string) {
	w.t.Helper()
	list, err := w.agent("nl").Fetch(w.t.Context(), w.connect("nl", "lab-1"), w.request, into)
	check(w.t, err)
	if len(list) != 1 {
		w.t.Fatalf("fetched %+v", list)
	}
	sent, err := os.ReadFile(filepath.Join(folder, "disk.img"))
	check(w.t, err)
	got, err := os.ReadFile(filepath.Join(list[0].Path, "data", "disk.img"))
	if err != nil || !bytes.Equal(got, sent) {
		w.t.Errorf("what arrived is not what was sent: %d bytes, %v", len(got), err)
	}
	if got := names(w.t, into); len(got) != 1 || got[0] != list[0].Package {
		w.t.Errorf("the folder holds %q", got)
	}
}

// TestFetchGoesOn stops a fetch in the middle. The next one fetches what has not
// landed, and of that only the parts in flight for the second time.
func TestFetchGoesOn(t *testing.T) {
	for _, parallel := range []int{1, 3} {
		w := newCase(t)
		w.accept()
		w.homes["nl"].Config.Parallel = parallel
		into := t.TempDir()
		folder := w.begun(5, 4, into)
		w.finish(folder, into)
		if w.reads.all()[0] != 4 {
			t.Errorf("part %d was fetched first, want the last", w.reads.all()[0])
		}
		if n := w.reads.again(); n < 1 || n > parallel {
			t.Errorf("with %d in flight %d parts were fetched again: %v", parallel, n, w.reads.all())
		}
	}
}

// TestLandingSpoilt changes what has landed between two tries: it is fetched again,
// and nothing outside is touched.
func TestLandingSpoilt(t *testing.T) {
	w := newCase(t)
	w.accept()
	w.homes["nl"].Config.Parallel = 1
	const parts, stop = 3, 3 // the last part and part 0 have landed
	for _, tt := range []struct {
		name  string
		again int // parts fetched again
		spoil func(path, outside string) error
	}{
		{"a bit of part 0", 2, func(path, _ string) error { return flipByte(path, 1000+seal.PartSize/2) }},
		{"a bit of the last part", 2, func(path, _ string) error { return flipByte(path, 10) }},
		{"cut", 2, func(path, _ string) error { return os.Truncate(path, 1000+seal.PartSize-1) }},
		{"zeros", 3, func(path, _ string) error {
			return errors.Join(os.Truncate(path, 0), os.Truncate(path, 5*seal.PartSize))
		}},
		{"a link to another file", 3, func(path, outside string) error {
			return errors.Join(os.Remove(path), os.Symlink(outside, path))
		}},
		{"a link to what has landed", 3, func(path, outside string) error {
			return errors.Join(os.Rename(path, outside), os.Symlink(outside, path))
		}},
		{"a pipe", 3, func(path, _ string) error { return errors.Join(os.Remove(path), exec.Command("mkfifo", path).Run()) }},
	} {
		into, outside := t.TempDir(), filepath.Join(t.TempDir(), "mine")
		folder := w.begun(parts, stop, into)
		check(t, os.WriteFile(outside, []byte("mine"), 0o600))
		if err := tt.spoil(landing(t, into), outside); errors.Is(err, exec.ErrNotFound) {
			t.Logf("NOT TESTED with %s: %v", tt.name, err)
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(outside)
		check(t, err)
		w.finish(folder, into)
		if n := w.reads.again(); n != tt.again {
			t.Errorf("%s: %d parts were fetched again, want %d: %v", tt.name, n, tt.again, w.reads.all())
		}
		if after, err := os.ReadFile(outside); err != nil || !bytes.Equal(after, before) {
			t.Errorf("%s: a file outside was changed: %v", tt.name, err)
		}
	}
}

// flipByte changes one byte of a file.
func flipByte(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	b[0] ^= 1
	_, werr := f.WriteAt(b, at)
	return errors.Join(err, werr, f.Close())
}

// TestFetchElsewhere: a fetch into another folder removes what had landed in the
// first, and touches nothing else there.
func TestFetchElsewhere(t *testing.T) {
	w := newCase(t)
	w.accept()
	first, second := t.TempDir(), t.TempDir()
	folder := w.begun(3, 3, first)
	dead := filepath.Join(first, strings.TrimSuffix(filepath.Base(landing(t, first)), ".landing")+"-123")
	check(t, os.Mkdir(dead, 0o700))
	check(t, os.WriteFile(filepath.Join(dead, "plaintext"), nil, 0o600))
	check(t, os.WriteFile(filepath.Join(first, ".comity-quarantine-notes"), nil, 0o600))
	w.finish(folder, second)
	if got := names(t, first); !slices.Equal(got, []string{".comity-quarantine-notes"}) {
		t.Errorf("the first folder holds %q", got)
	}
}

// TestRevokedOnTheWay: what had landed of a package is removed when its grant was
// revoked, whoever notices it first.
func TestRevokedOnTheWay(t *testing.T) {
	w := newCase(t)
	w.accept()
	into := t.TempDir()
	w.begun(3, 3, into)
	w.revoke()
	for range 2 {
		if _, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into); wire.CodeOf(err) != custody.CodeGrantRevoked {
			t.Errorf("Fetch = %v", err)
		}
		empty(t, into)
	}
	if left := w.packages("nl"); len(left) != 0 {
		t.Errorf("the home has %q", left)
	}
}

// TestRevokedWithoutName plays a crash between the last check and the rename, and a
// revocation after it: the quarantine, the landing and what the home knew go away.
func TestRevokedWithoutName(t *testing.T) {
	w := newCase(t)
	w.accept()
	pkg, into := w.send().Package, t.TempDir()
	s := w.connect("nl", "lab-1")
	ctx, cancel := context.WithCancel(t.Context())
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/v1/statements") {
			cancel()
			return nil, context.Canceled
		}
		return next(r)
	})
	if _, err := w.agent("nl").Fetch(ctx, s, w.request, into); err == nil {
		t.Fatal("the fetch went through")
	}
	dead := filepath.Join(into, ".comity-quarantine-"+pkg+"-123")
	check(t, os.Mkdir(dead, 0o700))
	check(t, os.Rename(filepath.Join(into, pkg), filepath.Join(dead, pkg)))
	check(t, os.WriteFile(filepath.Join(into, ".comity-quarantine-"+pkg+".landing"), []byte("ciphertext"), 0o600))
	w.revoke()
	if _, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into); wire.CodeOf(err) != custody.CodeGrantRevoked {
		t.Errorf("Fetch = %v", err)
	}
	empty(t, into)
	if left := w.packages("nl"); len(left) != 0 {
		t.Errorf("the home has %q", left)
	}
}

// lab is the recipient of nl's lab.
func (w *world) lab() age.Recipient {
	w.t.Helper()
	text, err := w.homes["nl"].Identity("nl/recipient/lab")
	check(w.t, err)
	id, err := seal.ParseIdentity(strings.TrimSpace(text))
	check(w.t, err)
	return id.Recipient()
}

// missealed has de deposit a package of three parts with which something is wrong
// although de has signed all of it.
func (w *world) missealed(change func(w *world, dir string, in *custody.Inner, b *custody.Seal)) string {
	w.t.Helper()
	ctx, s := w.crashAt("/seal")
	if _, err := w.agent("de").Send(ctx, s, w.request, exhibits(w.t, threeParts), agent.SendOptions{}); err == nil {
		w.t.Fatal("the send went through")
	}
	pkg := w.packages("de")[0]
	dir := w.homes["de"].PackageDir(w.request, pkg)
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		check(w.t, err)
		return data
	}
	in, old, _, err := custody.ParseInner(read("inner.json"))
	check(w.t, err)
	st, err := custody.ParseStatement(read("seal.json"))
	check(w.t, err)
	b := st.Body.(*custody.Seal)
	change(w, dir, in, b)
	k, err := w.homes["de"].Key("de/agent/lab-1")
	check(w.t, err)
	env, err := custody.SignInner(*in, k)
	check(w.t, err)
	_, now, _, err := custody.ParseInner(env)
	check(w.t, err)
	innerAge, err := seal.SealSmall(env, wire.MaxInner, w.lab())
	check(w.t, err)
	b.InnerSHA256 = custody.HashOf(innerAge)
	st, err = custody.Sign(b, k)
	check(w.t, err)
	state := strings.Replace(string(read("package.json")), old.String(), now.String(), 1)
	for name, data := range map[string][]byte{"inner.json": env, "inner.age": innerAge, "seal.json": st.Envelope, "package.json": []byte(state)} {
		check(w.t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	_, err = w.agent("de").Unlock(w.t.Context(), w.connect("de", "lab-1"), w.request)
	check(w.t, err)
	return pkg
}

// TestRejectedLeavesNothing: what does not open although it is sealed so is rejected
// after its last part, what opens and is another bag after all of it. Nothing of
// either stays.
func TestRejectedLeavesNothing(t *testing.T) {
	for _, tt := range []struct {
		reason string
		parts  []int // that are fetched, in order
		change func(w *world, dir string, in *custody.Inner, b *custody.Seal)
	}{
		{"not-decryptable", []int{2}, func(w *world, dir string, in *custody.Inner, b *custody.Seal) {
			other, err := seal.NewSealer(1, w.lab(), w.lab()) // as many as the seal names
			check(t, err)
			check(t, os.WriteFile(filepath.Join(dir, "head"), other.Head(), 0o600))
			b.HeadSHA256 = custody.HashOf(other.Head())
			in.HeadSHA256 = b.HeadSHA256
		}},
		{"inner-mismatch", []int{2, 0, 1}, func(_ *world, _ string, in *custody.Inner, _ *custody.Seal) { in.TagManifest[0] ^= 1 }},
	} {
		w := newCase(t)
		w.accept()
		w.homes["nl"].Config.Parallel = 1
		pkg, into := w.missealed(tt.change), t.TempDir()
		w.reads.count(nil)
		if _, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into); !errors.Is(err, agent.ErrVerify) {
			t.Errorf("%s: Fetch = %v", tt.reason, err)
		}
		empty(t, into)
		r := w.kase().Package(pkg).Released("nl/agent/lab-1")
		if r == nil || r.Rejection == nil || r.Rejection.Reason != tt.reason {
			t.Errorf("%s: the release is %+v", tt.reason, r)
		}
		if left := w.packages("nl"); len(left) != 0 {
			t.Errorf("%s: the home has %q", tt.reason, left)
		}
		if !slices.Equal(w.reads.all(), tt.parts) {
			t.Errorf("%s: parts %v were fetched, want %v", tt.reason, w.reads.all(), tt.parts)
		}
	}
}
