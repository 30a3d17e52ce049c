package agent_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// statementsOf counts the statements of a kind in the record of the case.
func (w *world) statementsOf(kind custody.Kind) (n int) {
	w.t.Helper()
	snap, err := w.connect("nl", "desk-1").Sync(w.t.Context(), w.request)
	check(w.t, err)
	for _, l := range snap.Records[custody.RecordID(w.request)] {
		st, err := custody.ParseStatement(l.Envelope)
		check(w.t, err)
		if st.Kind == kind {
			n++
		}
	}
	return n
}

// TestLyingDelivery fetches packages that the relay spoils, each in another way.
// That is no fault of the sender's: nothing is signed, nothing of them is left, the
// one that is whole arrives, and the others do when the relay has them again.
func TestLyingDelivery(t *testing.T) {
	w := newCase(t)
	w.accept()
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	digests := func(change func([]byte) []byte) func([]byte) []byte {
		return func(b []byte) []byte {
			var st wire.PackageState
			check(t, json.Unmarshal(b, &st))
			st.Digests = change(st.Digests)
			out, err := json.Marshal(st)
			check(t, err)
			return out
		}
	}
	rows := []struct {
		path string
		lie  func([]byte) []byte
	}{
		{"/head", flip},
		{"/inner", flip},
		{"/payload", flip},
		{"", digests(flip)},
		{"", digests(func(b []byte) []byte { return b[:31] })},
		{"", digests(func(b []byte) []byte { return append(b, b...) })},
	}
	var ids []string
	for range rows {
		ids = append(ids, w.send().Package)
	}
	whole := w.send().Package
	s := w.connect("nl", "lab-1")
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		id, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/packages/"), "/")
		if i := slices.Index(ids, id); i >= 0 && rows[i].path == strings.TrimSuffix("/"+path, "/") {
			return rewrite(r.URL.Path, rows[i].lie)(r, next)
		}
		return next(r)
	})
	into := t.TempDir()
	list, err := w.agent("nl").Fetch(t.Context(), s, w.request, into)
	if !errors.Is(err, agent.ErrVerify) {
		t.Errorf("Fetch = %v", err)
	}
	if len(list) != 1 || list[0].Package != whole {
		t.Errorf("fetched %+v", list)
	}
	check(t, os.RemoveAll(filepath.Join(into, whole)))
	empty(t, into)
	for i, p := range w.kase().Packages {
		if r := p.Released("nl/agent/lab-1"); r == nil || r.Rejection != nil || r.Closed.IsZero() != slices.Contains(ids, p.Package) {
			t.Errorf("package %d is not open or closed as it should: %+v", i, r)
		}
	}
	if got := w.packages("nl"); !slices.Equal(got, []string{whole}) {
		t.Errorf("the home has %q, want %q", got, whole)
	}
	list, err = w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into)
	if err != nil || len(list) != len(ids) {
		t.Errorf("fetched %d packages again: %v", len(list), err)
	}
}

// misseal has de deposit a package whose inner.age is not for anybody: the sender
// has signed it so.
func (w *world) misseal() string {
	w.t.Helper()
	ctx, s := w.crashAt("/seal")
	if _, err := w.agent("de").Send(ctx, s, w.request, exhibits(w.t, 100), agent.SendOptions{}); err == nil {
		w.t.Fatal("the send went through")
	}
	pkg := w.packages("de")[0]
	dir := w.homes["de"].PackageDir(w.request, pkg)
	env, err := os.ReadFile(filepath.Join(dir, "seal.json"))
	check(w.t, err)
	st, err := custody.ParseStatement(env)
	check(w.t, err)
	other := []byte("no age file")
	b := st.Body.(*custody.Seal)
	b.InnerSHA256 = custody.HashOf(other)
	k, err := w.homes["de"].Key("de/agent/lab-1")
	check(w.t, err)
	st, err = custody.Sign(b, k)
	check(w.t, err)
	check(w.t, os.WriteFile(filepath.Join(dir, "seal.json"), st.Envelope, 0o600))
	check(w.t, os.WriteFile(filepath.Join(dir, "inner.age"), other, 0o600))
	_, err = w.agent("de").Unlock(w.t.Context(), w.connect("de", "lab-1"), w.request)
	check(w.t, err)
	return pkg
}

// TestSendersFault: what does not open although it is to its last byte what the
// sender has signed is rejected, and closed by that.
func TestSendersFault(t *testing.T) {
	w := newCase(t)
	w.accept()
	pkg, into := w.misseal(), t.TempDir()
	if _, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into); !errors.Is(err, agent.ErrVerify) {
		t.Errorf("Fetch = %v", err)
	}
	empty(t, into)
	r := w.kase().Package(pkg).Released("nl/agent/lab-1")
	if r == nil || r.Rejection == nil || r.Rejection.Reason != "not-decryptable" {
		t.Errorf("the release is %+v", r)
	}
	if list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into); err != nil || len(list) != 0 {
		t.Errorf("Fetch again = %v, %v", list, err)
	}
}

// TestFetchStops stops a fetch at each step; the next one ends with the package in
// place, one release and one receipt.
func TestFetchStops(t *testing.T) {
	w := newCase(t)
	w.accept()
	stops := []string{"/release", "/head", "/payload", "/v1/statements"}
	for _, suffix := range stops {
		pkg, into := w.send().Package, t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		s := w.connect("nl", "lab-1")
		s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, suffix) {
				cancel()
				return nil, context.Canceled
			}
			return next(r)
		})
		if _, err := w.agent("nl").Fetch(ctx, s, w.request, into); err == nil {
			t.Errorf("%s: the fetch went through", suffix)
		}
		if suffix != "/v1/statements" {
			empty(t, into)
		}
		list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into)
		check(t, err)
		if len(list) != 1 || list[0].Path != filepath.Join(into, pkg) {
			t.Errorf("%s: fetched %+v", suffix, list)
		}
	}
	if r, c := w.statementsOf(custody.KindRelease), w.statementsOf(custody.KindReceipt); r != len(stops) || c != len(stops) {
		t.Errorf("%d releases, %d receipts, want %d each", r, c, len(stops))
	}
}

// TestNoNameYet plays a crash between the last check and the rename: what is in
// the quarantine of the dead process goes away, and the package is fetched again.
func TestNoNameYet(t *testing.T) {
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
	_, err := w.agent("nl").Fetch(ctx, s, w.request, into)
	if err == nil {
		t.Fatal("the fetch went through")
	}
	dead := filepath.Join(into, ".comity-quarantine-"+pkg+"-123")
	check(t, os.Mkdir(dead, 0o700))
	check(t, os.Rename(filepath.Join(into, pkg), filepath.Join(dead, pkg)))
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into)
	check(t, err)
	if len(list) != 1 {
		t.Fatalf("fetched %+v", list)
	}
	check(t, os.RemoveAll(list[0].Path))
	empty(t, into)
}

// TestTargetExists: nothing is replaced, and nothing signed.
func TestTargetExists(t *testing.T) {
	w := newCase(t)
	w.accept()
	pkg, into := w.send().Package, t.TempDir()
	check(t, os.Mkdir(filepath.Join(into, pkg), 0o700))
	if _, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into); err == nil || errors.Is(err, agent.ErrVerify) {
		t.Errorf("Fetch = %v", err)
	}
	if n := w.statementsOf(custody.KindRelease); n != 0 {
		t.Errorf("%d releases", n)
	}
}

// TestSenderGone: the sender's agent is in no directory any more when the package
// is opened. It was in the one in force at the seal.
func TestSenderGone(t *testing.T) {
	w := newCase(t)
	w.accept()
	w.send()
	w.publish("de", func(d *officer.Draft) {
		d.Entries = slices.DeleteFunc(d.Entries, func(l custody.Listing) bool {
			return l.ID == "de/agent/lab-1" || l.ID == "de/recipient/lab"
		})
	})
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	check(t, err)
	if len(list) != 1 {
		t.Errorf("fetched %+v", list)
	}
}

// rekey gives nl's recipient lab another identity, which the next directory lists.
func (w *world) rekey() {
	w.t.Helper()
	h := w.homes["nl"]
	for _, name := range []string{"keys/nl/recipient/lab.key", "enrolments/nl/recipient/lab.claim", "enrolments/nl/recipient/lab.json"} {
		check(w.t, os.Remove(filepath.Join(h.Dir(), name)))
	}
	r := officer.NewRegistry(h)
	claim, err := officer.NewRecipient(h, "nl/recipient/lab", "nl/agent/lab-1")
	check(w.t, err)
	challenge, err := r.Challenge(claim)
	check(w.t, err)
	env, err := officer.Answer(h, "nl/recipient/lab", challenge, time.Now())
	check(w.t, err)
	w.publish("nl", func(d *officer.Draft) {
		_, err := r.Add(d, env, officer.AddOptions{}, time.Now())
		check(w.t, err)
	})
}

// TestKeyGone: the recipient has another key than the package is sealed to. That
// is not the sender's fault.
func TestKeyGone(t *testing.T) {
	w := newCase(t)
	w.accept()
	w.send()
	w.rekey()
	_, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	if err == nil || errors.Is(err, agent.ErrVerify) || !strings.Contains(err.Error(), "is not the one") {
		t.Errorf("Fetch = %v", err)
	}
	if r, c := w.statementsOf(custody.KindRelease), w.statementsOf(custody.KindRejection); r+c != 0 {
		t.Errorf("%d releases, %d rejections", r, c)
	}
}

// TestKeyChangesMidway: a seal never names a key that the head is not made for.
func TestKeyChangesMidway(t *testing.T) {
	w := newCase(t)
	w.accept()
	var id string
	_, err := w.midway(t.Context(), exhibits(t, threeParts), func() { id = w.packages("de")[0]; w.rekey() })
	if !errors.Is(err, agent.ErrTryLater) {
		t.Errorf("Send = %v", err)
	}
	w.nothing(id)
	w.send()
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	check(t, err)
	if len(list) != 1 {
		t.Errorf("fetched %+v", list)
	}
}

// TestManyParts sends and fetches with more workers than parts are ready, in
// files that cross parts.
func TestManyParts(t *testing.T) {
	w := newCase(t)
	w.accept()
	w.homes["de"].Config.Parallel, w.homes["nl"].Config.Parallel = 4, 4
	folder := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		b := make([]byte, seal.PartPlain+7)
		rand.Read(b)
		check(t, os.WriteFile(filepath.Join(folder, name), b, 0o600))
	}
	_, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
	check(t, err)
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	check(t, err)
	if len(list) != 1 || list[0].Files != 3 {
		t.Errorf("fetched %+v", list)
	}
}
