package agent_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/config"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/custody/acquisition"
	"comity.example/comity/internal/wire"
)

// untouched is an input that nobody may read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the input was read")
	return 0, io.EOF
}

// noise is so many bytes that look like nothing else.
func noise(size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

// capture captures bytes as standard input of de's lab.
func (w *world) capture(name string, content []byte, opt agent.SendOptions) *agent.Captured {
	w.t.Helper()
	c, err := w.agent("de").CaptureInput(w.t.Context(), w.connect("de", "lab-1"), w.request, name, bytes.NewReader(content), opt)
	check(w.t, err)
	return c
}

// captureDir is where de's home keeps a capture.
func (w *world) captureDir(id string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(w.homes["de"].PackageDir(w.request, "x"))), "captures", id)
}

// waiting fails unless de's home keeps exactly these captures.
func (w *world) waiting(want ...string) {
	w.t.Helper()
	list, err := w.homes["de"].Captures(w.request)
	check(w.t, err)
	var got []string
	for _, c := range list {
		got = append(got, c.ID)
	}
	if left, err := os.ReadDir(w.captureDir("")); len(want) == 0 && len(left) > 0 {
		w.t.Errorf("of captures %v is left: %v", left, err)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("the captures %q wait, want %q", got, want)
	}
}

// arrives fetches the one package that waits for nl and returns its folder.
func (w *world) arrives() string {
	w.t.Helper()
	list, err := w.agent("nl").Fetch(w.t.Context(), w.connect("nl", "lab-1"), w.request, w.t.TempDir())
	check(w.t, err)
	if len(list) != 1 {
		w.t.Fatalf("fetched %+v", list)
	}
	return list[0].Path
}

// holds fails unless a file is exactly that.
func holds(t testing.TB, path string, want []byte) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%q has %d bytes, want %d, %v", path, len(got), len(want), err)
	}
}

// nowhere fails if a file below the folders holds the bytes.
func nowhere(t testing.TB, canary []byte, folders ...string) {
	t.Helper()
	for _, folder := range folders {
		check(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if bytes.Contains(b, canary) {
				t.Errorf("%q holds plaintext of the input", path)
			}
			return err
		}))
	}
}

// TestCaptureInput sends standard input as one file in a folder. No plaintext of it
// lies on a disk at any time, and nothing of the capture is left in the end.
func TestCaptureInput(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	w := newCase(t)
	w.accept()
	content := noise(seal.PartPlain + 12345)
	canary, home := content[4000:4032], w.homes["de"].Dir()
	looks := 0
	look := func() {
		looks++
		nowhere(t, canary, temp, home)
	}
	a := w.agent("de", func(c *agent.Config) {
		last := ""
		c.Progress = func(p agent.Progress) {
			if p.Act != last {
				last = p.Act
				look()
			}
		}
	})
	before := time.Now().Truncate(time.Microsecond)
	c, err := a.CaptureInput(t.Context(), w.connect("de", "lab-1"), w.request, "laptop/disk.img", bytes.NewReader(content), agent.SendOptions{Description: "piped"})
	check(t, err)
	look()
	if c.Name != "laptop/disk.img" || c.Files != 1 || c.Bytes != int64(len(content)) {
		t.Errorf("captured %+v", c)
	}
	w.waiting(c.ID)
	sent, err := a.SendCapture(t.Context(), w.connect("de", "lab-1"), w.request, c.ID[:6], nil)
	check(t, err)
	look()
	if sent.Files != 1 || sent.Bytes != c.Bytes || !sent.Unlocked || looks < 4 {
		t.Errorf("sent %+v, looked %d times", sent, looks)
	}
	w.waiting()
	w.keyless(sent.Package)
	path := w.arrives()
	holds(t, filepath.Join(path, "data", "laptop", "disk.img"), content)
	fi, err := os.Stat(filepath.Join(path, "data", "laptop", "disk.img"))
	check(t, err)
	if end := c.Ended.Time(); !fi.ModTime().Equal(end) || end.Before(before) {
		t.Errorf("its time is %v, the capture ended at %v", fi.ModTime(), end)
	}
	info, err := os.ReadFile(filepath.Join(path, "bag-info.txt"))
	check(t, err)
	times, ok := strings.CutPrefix(string(info[bytes.Index(info, []byte("Capture-Time: ")):]), "Capture-Time: ")
	start, rest, _ := strings.Cut(times, "/")
	begun, err := time.Parse(time.RFC3339Nano, start)
	if !ok || err != nil || begun.Before(before) || begun.After(c.Ended.Time()) || !strings.HasPrefix(rest, c.Ended.String()+"\n") {
		t.Errorf("bag-info.txt says\n%s", info)
	}
}

// TestCaptureEmpty: an empty input is an empty file, and is told.
func TestCaptureEmpty(t *testing.T) {
	w := newCase(t)
	w.accept()
	var out bytes.Buffer
	a := w.agent("de", func(c *agent.Config) { c.Out = &out })
	c, err := a.CaptureInput(t.Context(), w.connect("de", "lab-1"), w.request, "none", strings.NewReader(""), agent.SendOptions{})
	check(t, err)
	if want := "standard input was empty: \"none\" is an empty file\n"; out.String() != want {
		t.Errorf("told %q", out.String())
	}
	_, err = a.SendCapture(t.Context(), w.connect("de", "lab-1"), w.request, c.ID, nil)
	check(t, err)
	holds(t, filepath.Join(w.arrives(), "data", "none"), nil)
}

// TestCaptureRefused: what can be known before is refused before a byte is read.
func TestCaptureRefused(t *testing.T) {
	w := newCase(t)
	act := &config.Acquisition{Examiner: "e", Acquisitions: []config.AcquisitionAct{{Files: []config.AcquisitionFile{{Path: "other"}}}}}
	input := func(name string, opt agent.SendOptions) error {
		_, err := w.agent("de").CaptureInput(t.Context(), w.connect("de", "lab-1"), w.request, name, untouched{t}, opt)
		return err
	}
	for name, want := range map[string]string{
		"": "empty component", "/a": "empty component", "a/": "empty component", "a//b": "empty component", "../a": ". or ..", "a/./b": ". or ..",
		"a\x00": "NUL", "\xff": "not valid UTF-8", strings.Repeat("a/", 600) + "a": "too deep", strings.Repeat("a", 40_000): "too long",
	} {
		if err := input(name, agent.SendOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", name, err, want)
		}
	}
	for want, opt := range map[string]agent.SendOptions{
		"no package": {Supersedes: "aaaa"},
		"no file of": {Acquisition: act},
		"malformed":  {Handling: []string{"\x1b"}},
	} {
		if err := input("disk.img", opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", opt, err, want)
		}
	}
	w.revoke()
	if err := input("disk.img", agent.SendOptions{}); wire.CodeOf(err) != custody.CodeGrantRevoked {
		t.Errorf("after the revocation: %v", err)
	}
	_, err := w.agent("de").CaptureFolder(t.Context(), w.connect("de", "lab-1"), w.request, exhibits(t, 10), agent.SendOptions{})
	if wire.CodeOf(err) != custody.CodeGrantRevoked {
		t.Errorf("a folder after the revocation: %v", err)
	}
	w.waiting()
}

// TestCaptureEnds: a capture that is refused because the grant was revoked destroys the
// heads that waited under it, as a send does.
func TestCaptureEnds(t *testing.T) {
	w := newCase(t)
	sent := w.send()
	if _, err := w.homes["de"].Head(w.request, sent.Package); err != nil || sent.Unlocked {
		t.Fatalf("the head is not here: %v", err)
	}
	w.revoke()
	_, err := w.agent("de").CaptureInput(t.Context(), w.connect("de", "lab-1"), w.request, "disk.img", untouched{t}, agent.SendOptions{})
	if wire.CodeOf(err) != custody.CodeGrantRevoked {
		t.Errorf("CaptureInput = %v", err)
	}
	if _, err := w.homes["de"].Head(w.request, sent.Package); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the head is still here: %v", err)
	}
}

// TestCaptureTooLarge: what turns out larger than the grant allows is refused behind
// the capture, which stays for the next grant.
func TestCaptureTooLarge(t *testing.T) {
	w := newWorld(t)
	w.ask()
	w.grant(func(g *officer.GrantDraft) { g.MaxBytes = 100_000 })
	w.accept()
	content := noise(200_000)
	c := w.capture("disk.img", content, agent.SendOptions{})
	send := func() error {
		_, err := w.agent("de").SendCapture(t.Context(), w.connect("de", "lab-1"), w.request, c.ID, nil)
		return err
	}
	if err := send(); wire.CodeOf(err) != custody.CodeGrantUsedUp {
		t.Errorf("SendCapture = %v", err)
	}
	w.waiting(c.ID)
	w.revoke()
	w.grant()
	w.accept()
	check(t, send())
	w.waiting()
	holds(t, filepath.Join(w.arrives(), "data", "disk.img"), content)
}

// TestCaptureLive captures a folder whose files grow, shrink, vanish and turn into
// something else while others of it are read.
func TestCaptureLive(t *testing.T) {
	w := newCase(t)
	w.accept()
	dir, big := t.TempDir(), noise(3<<20)
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	check(t, os.MkdirAll(at("gone/below"), 0o700))
	check(t, os.Mkdir(at("empty"), 0o700))
	for _, name := range []string{"a growing", "b shrinking", "c replaced", "d gone", "gone/below/file", "late"} {
		check(t, os.WriteFile(at(name), big, 0o600))
	}
	var out bytes.Buffer
	done := map[string]bool{}
	once := func(what string, do func() error) {
		if !done[what] {
			done[what] = true
			check(t, do())
		}
	}
	a := w.agent("de", func(c *agent.Config) {
		c.Out = &out
		c.Progress = func(p agent.Progress) {
			if p.Act != "capturing" {
				return
			}
			if p.Done > 1<<20 { // in the first file
				once("grow", func() error { return appendTo(at("a growing"), "more") })
				once("late", func() error { return appendTo(at("late"), "more") })
				once("replace", func() error { return errors.Join(os.Remove(at("c replaced")), os.Mkdir(at("c replaced"), 0o700)) })
				once("vanish", func() error { return errors.Join(os.Remove(at("d gone")), os.RemoveAll(at("gone"))) })
			}
			if p.Done > 4<<20 { // in the second
				once("shrink", func() error { return os.Truncate(at("b shrinking"), 2<<20) })
			}
		}
	})
	c, err := a.CaptureFolder(t.Context(), w.connect("de", "lab-1"), w.request, dir, agent.SendOptions{})
	check(t, err)
	check(t, os.RemoveAll(dir)) // all of it is in the capture
	if len(done) != 5 || c.Folder != dir || c.Files != 3 || c.Bytes != 3<<20+2<<20+3<<20+4 {
		t.Errorf("captured %+v, after %v", c, done)
	}
	want := "left out: \"c replaced\" is no regular file since the folder was listed\nleft out: \"d gone\" is gone since the folder was listed\n" +
		"left out: \"gone/below/file\" is gone since the folder was listed\n"
	if out.String() != want {
		t.Errorf("told\n%swant\n%s", out.String(), want)
	}
	_, err = a.SendCapture(t.Context(), w.connect("de", "lab-1"), w.request, c.ID, nil)
	check(t, err)
	data := filepath.Join(w.arrives(), "data")
	holds(t, filepath.Join(data, "a growing"), big)
	holds(t, filepath.Join(data, "b shrinking"), big[:2<<20])
	holds(t, filepath.Join(data, "late"), append(bytes.Clone(big), "more"...))
	if got := names(t, data); !slices.Equal(got, []string{"a growing", "b shrinking", "empty", "gone", "late"}) {
		t.Errorf("arrived are %q", got)
	}
	w.waiting()
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// resent sends a capture until so many parts have arrived, and returns the package.
func (w *world) resent(id string, parts int) (pkg string) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	w.homes["de"].Config.Parallel = 1
	n := 0
	a := w.agent("de", func(c *agent.Config) {
		c.Progress = func(p agent.Progress) {
			if p.Act == "sending" {
				if n++; n == parts {
					cancel()
				}
			}
		}
	})
	if _, err := a.SendCapture(ctx, w.connect("de", "lab-1"), w.request, id, nil); !errors.Is(err, context.Canceled) {
		w.t.Fatalf("SendCapture = %v", err)
	}
	list := w.packages("de")
	if len(list) != 1 {
		w.t.Fatalf("the home has the packages %q", list)
	}
	return list[0]
}

// spoil changes one byte of a capture's ciphertext.
func (w *world) spoil(id string, at int64) {
	w.t.Helper()
	f, err := os.OpenFile(filepath.Join(w.captureDir(id), "spool.age"), os.O_RDWR, 0)
	check(w.t, err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	check(w.t, err)
	b[0] ^= 1
	_, err = f.WriteAt(b, at)
	check(w.t, errors.Join(err, f.Close()))
}

// TestCaptureContinues stops the sending of a capture. It goes on with the same
// package, where it stopped: what is with the relay is not even read, which shows in
// that it may be damaged by then.
func TestCaptureContinues(t *testing.T) {
	w := newCase(t)
	w.accept()
	content := noise(3 * seal.PartPlain)
	c := w.capture("disk.img", content, agent.SendOptions{Description: "three parts"})
	pkg := w.resent(c.ID, 2)
	had := w.present(pkg)
	w.waiting(c.ID)
	w.spoil(c.ID, 1<<20)
	s, sends := w.counted()
	sent, err := w.agent("de").SendCapture(t.Context(), s, w.request, c.ID, nil)
	check(t, err)
	if parts := seal.Parts(sent.Payload); sent.Package != pkg || had < 2 || sends.n[pkg] != parts-had {
		t.Errorf("sent %+v with %v parts, the relay had %d of %d", sent, sends.n, had, parts)
	}
	w.waiting()
	w.keyless(pkg)
	holds(t, filepath.Join(w.arrives(), "data", "disk.img"), content)
}

// TestCaptureDamaged: a capture that was changed on the disk is never sealed. It stays
// until it is discarded.
func TestCaptureDamaged(t *testing.T) {
	w := newCase(t)
	w.accept()
	c := w.capture("disk.img", noise(3*seal.PartPlain), agent.SendOptions{})
	pkg := w.resent(c.ID, 1)
	w.spoil(c.ID, 5<<20+2*seal.PartPlain)
	send := func() error {
		_, err := w.agent("de").SendCapture(t.Context(), w.connect("de", "lab-1"), w.request, c.ID, nil)
		return err
	}
	if err := send(); !errors.Is(err, agent.ErrDamaged) || !errors.Is(err, agent.ErrVerify) || !strings.Contains(err.Error(), `reading "disk.img"`) {
		t.Errorf("SendCapture = %v", err)
	}
	w.nothing(pkg)
	w.spoil(c.ID, 100) // its header
	if err := send(); !errors.Is(err, agent.ErrDamaged) || !errors.Is(err, agent.ErrVerify) {
		t.Errorf("with another header: %v", err)
	}
	if n := w.statementsOf(custody.KindSeal); n != 0 {
		t.Errorf("%d seals", n)
	}
	w.waiting(c.ID)
	id, err := w.agent("de").DiscardCapture(t.Context(), w.connect("de", "lab-1"), w.request, c.ID)
	if check(t, err); id != c.ID {
		t.Errorf("discarded %q", id)
	}
	w.waiting()
}

// TestCaptureStays: a package that is given up takes no capture with it.
func TestCaptureStays(t *testing.T) {
	w := newCase(t)
	w.accept()
	content := noise(3 * seal.PartPlain)
	c := w.capture("disk.img", content, agent.SendOptions{})
	pkg := w.resent(c.ID, 1)
	w.revoke()
	send := func() (*agent.Sent, error) {
		return w.agent("de").SendCapture(t.Context(), w.connect("de", "lab-1"), w.request, c.ID, nil)
	}
	if _, err := send(); wire.CodeOf(err) != custody.CodeGrantRevoked {
		t.Errorf("SendCapture = %v", err)
	}
	w.nothing(pkg)
	w.waiting(c.ID)
	w.grant()
	w.accept()
	sent, err := send()
	check(t, err)
	if sent.Package == pkg {
		t.Error("the package that was given up was sent")
	}
	w.waiting()
	holds(t, filepath.Join(w.arrives(), "data", "disk.img"), content)
}

// TestCaptureReworded: other words of a capture are another package, and kept. The one
// with the words before is given up: nobody would send it any more.
func TestCaptureReworded(t *testing.T) {
	w := newCase(t)
	w.accept()
	c := w.capture("disk.img", noise(3*seal.PartPlain), agent.SendOptions{Description: "wrong", Handling: []string{"x"}})
	pkg := w.resent(c.ID, 1)
	ctx, cancel := context.WithCancel(t.Context())
	a := w.agent("de", func(c *agent.Config) { c.Progress = func(agent.Progress) { cancel() } })
	_, err := a.SendCapture(ctx, w.connect("de", "lab-1"), w.request, c.ID, func(o *agent.SendOptions) { o.Description = "right" })
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("SendCapture = %v", err)
	}
	if list := w.packages("de"); len(list) != 1 || list[0] == pkg {
		t.Errorf("the home has the packages %q, the first was %q", list, pkg)
	}
	_, err = w.agent("de").SendCapture(t.Context(), w.connect("de", "lab-1"), w.request, c.ID, nil)
	check(t, err)
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	check(t, err)
	if len(list) != 1 || list[0].Description != "right" {
		t.Errorf("fetched %+v", list)
	}
	w.waiting()
}

// TestCaptureDiscarded: with a capture its package goes, unless that is sealed.
func TestCaptureDiscarded(t *testing.T) {
	w := newCase(t)
	w.accept()
	c := w.capture("disk.img", noise(3*seal.PartPlain), agent.SendOptions{})
	pkg := w.resent(c.ID, 1)
	discard := func(name string) error {
		_, err := w.agent("de").DiscardCapture(t.Context(), w.connect("de", "lab-1"), w.request, name)
		return err
	}
	check(t, discard(c.ID))
	w.nothing(pkg)
	w.waiting()
	for _, name := range []string{c.ID, "aaaa", "", "../packages"} {
		if err := discard(name); err == nil || !strings.Contains(err.Error(), "no capture") {
			t.Errorf("discarding %q: %v", name, err)
		}
	}
}

// TestCaptureSealed: until the relay has acknowledged the seal the capture stays, and
// then it goes, whichever command comes by.
func TestCaptureSealed(t *testing.T) {
	for name, finish := range map[string]func(*world, string) error{
		"capture": func(w *world, id string) error {
			_, err := w.agent("de").SendCapture(w.t.Context(), w.connect("de", "lab-1"), w.request, id, func(o *agent.SendOptions) { o.Description = "too late" })
			return err
		},
		"unlock": func(w *world, _ string) error {
			_, err := w.agent("de").Unlock(w.t.Context(), w.connect("de", "lab-1"), w.request)
			return err
		},
	} {
		w := newCase(t)
		w.accept()
		content := noise(1000)
		c := w.capture("disk.img", content, agent.SendOptions{})
		dying := w.connect("de", "lab-1")
		ctx, cancel := context.WithCancel(t.Context())
		dying.Tamper(func(r *http.Request, next call) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/seal") {
				cancel()
				return nil, context.Canceled
			}
			return next(r)
		})
		if _, err := w.agent("de").SendCapture(ctx, dying, w.request, c.ID, nil); !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: SendCapture = %v", name, err)
		}
		w.waiting(c.ID)
		check(t, finish(w, c.ID))
		w.waiting()
		if n := w.statementsOf(custody.KindSeal); n != 1 {
			t.Errorf("%s: %d seals", name, n)
		}
		holds(t, filepath.Join(w.arrives(), "data", "disk.img"), content)
	}
}

// TestCaptureInterrupted: of an input that stops before its end nothing is left, at
// once, even where it stands still.
func TestCaptureInterrupted(t *testing.T) {
	w := newCase(t)
	from, to := io.Pipe()
	defer from.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go to.Write(make([]byte, 1<<20)) // and no end
	var out bytes.Buffer
	a := w.agent("de", func(c *agent.Config) {
		c.Out = &out
		c.Progress = func(p agent.Progress) {
			if p.Done == 1<<20 {
				cancel()
			}
		}
	})
	if _, err := a.CaptureInput(ctx, w.connect("de", "lab-1"), w.request, "disk.img", from, agent.SendOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("CaptureInput = %v", err)
	}
	if want := "the capture was interrupted after 1048576 bytes and is removed; nothing was sent\n"; out.String() != want {
		t.Errorf("told %q", out.String())
	}
	w.waiting()
	broken := errors.New("the device is gone")
	_, err := w.agent("de").CaptureInput(t.Context(), w.connect("de", "lab-1"), w.request, "disk.img",
		io.MultiReader(strings.NewReader("12345"), brokenReader{broken}), agent.SendOptions{})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "5 bytes were read") || !strings.Contains(err.Error(), "spool.age") {
		t.Errorf("CaptureInput = %v", err)
	}
	w.waiting()
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

// segment is an EWF image in one segment that holds nothing.
func ewfSegment() []byte {
	b := append([]byte("EVF\x09\x0d\x0a\xff\x00"), 1, 1, 0, 0, 0)
	s := make([]byte, 76)
	copy(s, "done")
	binary.LittleEndian.PutUint64(s[16:], uint64(len(b)))
	binary.LittleEndian.PutUint32(s[72:], adler32.Checksum(s[:72]))
	return append(b, s...)
}

// TestCaptureAcquisition: images are recognised in what was captured, and compared
// with the examiner's hashes. That no verifier has read them is told and recorded.
func TestCaptureAcquisition(t *testing.T) {
	w := newCase(t)
	w.accept()
	w.homes["de"].Config.Verifiers = []string{filepath.Join(t.TempDir(), "ewfverify")} // would fail if it ran
	content := ewfSegment()
	load := func(sum string) *config.Acquisition {
		c, err := config.LoadAcquisition("a.yaml", []byte("examiner: e\nacquisitions: [{device: {kind: d}, tool: {name: t}, files: [{path: laptop/disk.E01, md5: "+sum+"}]}]"))
		check(t, err)
		return c
	}
	c := w.capture("laptop/disk.E01", content, agent.SendOptions{Acquisition: load(strings.Repeat("0", 32))})
	var out bytes.Buffer
	a := w.agent("de", func(c *agent.Config) { c.Out = &out })
	_, err := a.SendCapture(t.Context(), w.connect("de", "lab-1"), w.request, c.ID, nil)
	if !errors.Is(err, agent.ErrVerify) || !strings.Contains(err.Error(), `comparing "laptop/disk.E01"`) {
		t.Errorf("another hash: %v", err)
	}
	w.waiting(c.ID)
	out.Reset()
	right := fmt.Sprintf("%x", md5.Sum(content))
	_, err = a.SendCapture(t.Context(), w.connect("de", "lab-1"), w.request, c.ID, func(o *agent.SendOptions) { o.Acquisition = load(right) })
	check(t, err)
	const says = "no verifier has read it, since it was captured and is no file"
	if want := "recognised \"laptop/disk.E01\": EWF image, 1 segment\nwarning: image \"laptop/disk.E01\": " + says + "\n"; out.String() != want {
		t.Errorf("told %q", out.String())
	}
	path := w.arrives()
	holds(t, filepath.Join(path, "data", "laptop", "disk.E01"), content)
	b, err := os.ReadFile(filepath.Join(path, "acquisition.jsonld"))
	check(t, err)
	r, err := acquisition.Parse(b)
	check(t, err)
	if len(r.Images) != 1 || !slices.Equal(r.Images[0].Findings, []string{says}) || len(r.Assertions) != 0 || r.Files[0].Hashes.MD5 != right {
		t.Errorf("the record says %+v", r)
	}
	w.waiting()
}
