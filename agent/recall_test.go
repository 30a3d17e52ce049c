package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// recall has de's lab take a package back.
func (w *world) recall(pkg string) {
	w.t.Helper()
	_, err := w.agent("de").Recall(w.t.Context(), w.connect("de", "lab-1"), w.request, pkg, agent.RecallSpec{Reason: "wrong-package"})
	check(w.t, err)
}

// officerRecalls has an officer of an authority take a package back.
func (w *world) officerRecalls(pkg string) {
	w.t.Helper()
	w.file("de", func(o officer.Office, h custody.Header, c *custody.Case) (*officer.Paper, error) {
		return o.Recall(h, c, pkg, "contains-privileged", []officer.Attachment{{Name: "why.pdf", Data: []byte("letters to counsel")}})
	})
}

// fetch fetches as nl's lab into a folder and returns what it told people.
func (w *world) fetch(s *agent.Session, into string) (list []agent.Fetched, said string, err error) {
	w.t.Helper()
	var out bytes.Buffer
	list, err = w.agent("nl", func(c *agent.Config) { c.Out = &out }).Fetch(w.t.Context(), s, w.request, into)
	return list, out.String(), err
}

// killed begins a fetch as nl's lab and ends it at a request, the nth whose path ends so.
func (w *world) killed(into, suffix string, nth int) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	s := w.connect("nl", "lab-1")
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, suffix) {
			if nth--; nth <= 0 {
				cancel()
				return nil, context.Canceled
			}
		}
		return next(r)
	})
	if _, err := w.agent("nl").Fetch(ctx, s, w.request, into); err == nil {
		w.t.Fatal("the fetch went through")
	}
}

// recalled checks what a recipient's home says of a recalled package.
func (w *world) recalled(pkg, path string) {
	w.t.Helper()
	snap, err := w.connect("nl", "lab-1").Sync(w.t.Context(), w.request)
	check(w.t, err)
	list, err := w.agent("nl").Recalls(snap, w.request)
	check(w.t, err)
	for _, r := range list {
		if r.Package == pkg {
			if r.Path != path {
				w.t.Errorf("the recalled package stands at %q, want %q", r.Path, path)
			}
			return
		}
	}
	w.t.Errorf("package %q is not among the recalled ones: %+v", pkg, list)
}

// headless checks that a home of de has no head of a package.
func (w *world) headless(pkg string) {
	w.t.Helper()
	if _, err := w.homes["de"].Head(w.request, pkg); err == nil {
		w.t.Error("the head is still with the sender")
	}
}

// TestRecallBeforeUnlock: the head never leaves, whoever recalls, and nothing waits
// for the recipient.
func TestRecallBeforeUnlock(t *testing.T) {
	w := newCase(t)
	lab, desk := w.send().Package, w.send().Package
	w.recall(lab)
	w.headless(lab)
	w.officerRecalls(desk)
	w.accept()
	done, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request)
	if wire.CodeOf(err) != custody.CodePackageRecalled || len(done) != 0 {
		t.Errorf("Unlock = %q, %v", done, err)
	}
	w.headless(desk)
	if done, err = w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request); err != nil || len(done) != 0 {
		t.Errorf("Unlock again = %q, %v", done, err)
	}
	into := t.TempDir()
	list, said, err := w.fetch(w.connect("nl", "lab-1"), into)
	if err != nil || len(list) != 0 || !strings.Contains(said, lab) || !strings.Contains(said, "contains-privileged") {
		t.Errorf("Fetch = %+v, %v, and says %q", list, err, said)
	}
	empty(t, into)
	for _, p := range w.kase().Packages {
		if !p.Unlocked.IsZero() || !p.Destroyed.IsZero() {
			t.Errorf("package %q: %+v", p.Package, p)
		}
	}
	_, err = w.agent("de").Recall(t.Context(), w.connect("de", "lab-1"), w.request, lab, agent.RecallSpec{Reason: "other"})
	if wire.CodeOf(err) != custody.CodePackageRecalled {
		t.Errorf("recalling twice: %v", err)
	}
}

// TestRecallUnheard: the relay cannot be told. The head is destroyed before it is
// tried, so nothing can let it go meanwhile; the second try is heard.
func TestRecallUnheard(t *testing.T) {
	w := newCase(t)
	pkg := w.send().Package
	ctx, s := w.crashAt("/v1/statements")
	if _, err := w.agent("de").Recall(ctx, s, w.request, pkg, agent.RecallSpec{Reason: "other"}); err == nil {
		t.Fatal("the recall was heard")
	}
	w.headless(pkg)
	w.accept()
	if done, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request); err != nil || len(done) != 0 {
		t.Errorf("Unlock = %q, %v", done, err)
	}
	w.recall(pkg)
	if p := w.kase().Package(pkg); p.Recall == nil || !p.Unlocked.IsZero() {
		t.Errorf("the package is %+v", p)
	}
}

// TestRecallBeforeRelease: what the recipient has not begun to fetch, it does not begin
// to fetch; the package in its place arrives, and it is told which that is.
func TestRecallBeforeRelease(t *testing.T) {
	w := newCase(t)
	w.accept()
	wrong, kept := w.send().Package, w.send().Package
	w.officerRecalls(wrong)
	sent, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, exhibits(t, 1000), agent.SendOptions{Supersedes: wrong[:6]})
	check(t, err)
	second, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, exhibits(t, 1000), agent.SendOptions{Supersedes: kept})
	check(t, err)
	into := t.TempDir()
	list, said, err := w.fetch(w.connect("nl", "lab-1"), into)
	if err != nil || len(list) != 3 || list[0].Package != kept || list[1].Package != sent.Package || list[2].Package != second.Package {
		t.Errorf("Fetch = %+v, %v", list, err)
	}
	for _, want := range []string{"package " + wrong + " was recalled by de at ", "nothing of it is here",
		"package " + wrong + " is replaced by package " + sent.Package + ", delivery 3", "package " + kept + " is replaced by package " + second.Package} {
		if !strings.Contains(said, want) {
			t.Errorf("Fetch says %q, not %q", said, want)
		}
	}
	w.recalled(wrong, "")
	if p := w.kase().Package(wrong); p.Destroyed.IsZero() || len(p.Releases) != 0 {
		t.Errorf("the recalled package: %+v", p)
	}
}

// TestSupersedesRefused: what cannot be replaced is found before anything is uploaded.
func TestSupersedesRefused(t *testing.T) {
	w := newCase(t)
	first := w.send().Package
	s := w.connect("de", "lab-1")
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/v1/packages") {
			t.Errorf("%s is asked for", r.URL.Path)
		}
		return next(r)
	})
	for _, name := range []string{"zzzz", first[:3], strings.Repeat("a", 26)} {
		if _, err := w.agent("de").Send(t.Context(), s, w.request, exhibits(t, 10), agent.SendOptions{Supersedes: name}); err == nil {
			t.Errorf("a package was sent in place of %q", name)
		}
	}
	_, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, exhibits(t, 10), agent.SendOptions{Supersedes: first})
	check(t, err)
	if _, err := w.agent("de").Send(t.Context(), s, w.request, exhibits(t, 10), agent.SendOptions{Supersedes: first}); wire.CodeOf(err) != custody.CodeAlreadySuperseded {
		t.Errorf("a second package in one's place: %v", err)
	}
}

// TestRecallMidFetch: a recall that comes while the payload is on its way ends the
// fetch. What has landed is removed, and the next fetch says why.
func TestRecallMidFetch(t *testing.T) {
	w := newCase(t)
	w.accept()
	sent, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, exhibits(t, 3*seal.PartPlain), agent.SendOptions{})
	check(t, err)
	w.homes["nl"].Config.Parallel = 1
	s := w.connect("nl", "lab-1")
	parts := 0
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/payload") {
			if parts++; parts == 2 {
				w.recall(sent.Package)
			}
		}
		return next(r)
	})
	into := t.TempDir()
	list, _, err := w.fetch(s, into)
	if wire.CodeOf(err) != custody.CodePackageRecalled || len(list) != 0 || parts < 2 {
		t.Errorf("Fetch = %+v, %v after %d parts", list, err, parts)
	}
	empty(t, into)
	if got := w.packages("nl"); len(got) != 0 {
		t.Errorf("the home has %q", got)
	}
	list, said, err := w.fetch(w.connect("nl", "lab-1"), into)
	if err != nil || len(list) != 0 || !strings.Contains(said, "wrong-package") {
		t.Errorf("Fetch again = %+v, %v, and says %q", list, err, said)
	}
	w.recalled(sent.Package, "")
}

// TestRecallStopped: a fetch was killed, and the package recalled before the next one:
// that removes what has landed.
func TestRecallStopped(t *testing.T) {
	w := newCase(t)
	w.accept()
	sent, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, exhibits(t, 3*seal.PartPlain), agent.SendOptions{})
	check(t, err)
	w.homes["nl"].Config.Parallel = 1
	into := t.TempDir()
	w.killed(into, "/payload", 2)
	left, err := os.ReadDir(into)
	check(t, err)
	if len(left) == 0 {
		t.Fatal("nothing has landed")
	}
	w.recall(sent.Package)
	list, _, err := w.fetch(w.connect("nl", "lab-1"), into)
	if err != nil || len(list) != 0 {
		t.Errorf("Fetch = %+v, %v", list, err)
	}
	empty(t, into)
}

// TestRecallHidden: the relay hands out every byte and keeps the recall to itself. The
// agent asks the log once more before anything gets its name, and finds it there; a
// record without it does not fit the log.
func TestRecallHidden(t *testing.T) {
	for _, single := range []bool{false, true} {
		for _, hides := range []bool{false, true} {
			t.Run(fmt.Sprintf("single %t, hidden %t", single, hides), func(t *testing.T) { recallOnTheWay(t, single, hides) })
		}
	}
}

// recallOnTheWay recalls a package when the last of it has come: of the whole, or of
// one file.
func recallOnTheWay(t *testing.T, single, hides bool) {
	w := newCase(t)
	w.accept()
	pkg := w.sendFolder(tree(t, map[string]string{"a": "alpha", "b": "beta"}))
	s := w.connect("nl", "lab-1")
	came, told := false, false
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/payload"):
			came = true
		case r.URL.Path == "/log/checkpoint" && came && !told:
			told = true
			w.recall(pkg)
		case hides && told:
			return rewrite("/v1/records/"+w.request, recordOf(t, func(p *wire.RecordProof) {
				for len(p.Lines) > 0 {
					l := p.Lines[len(p.Lines)-1].Custody()
					_, st, err := l.Parse()
					check(t, err)
					p.Lines = p.Lines[:len(p.Lines)-1]
					if st != nil && st.Kind == custody.KindRecall {
						break
					}
				}
			}))(r, next)
		}
		return next(r)
	})
	into := t.TempDir()
	var err error
	if single {
		w.names(s, pkg) // so that the index is here and the payload comes once
		came = false
		_, err = w.agent("nl").Exhibits(t.Context(), s, w.request, pkg, []string{"a"}, into)
	} else {
		_, _, err = w.fetch(s, into)
	}
	if err == nil || hides && !errors.Is(err, agent.ErrVerify) || !hides && wire.CodeOf(err) != custody.CodePackageRecalled {
		t.Errorf("fetching: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(into, pkg)); !errors.Is(err, os.ErrNotExist) {
		t.Error("the package is shown")
	}
	if _, _, err := w.fetch(w.connect("nl", "lab-1"), into); err != nil {
		t.Error(err)
	}
	empty(t, into)
}

// TestRecallAfterReceipt: what stands in its place stays there, receipted or not yet;
// its machine says so plainly.
func TestRecallAfterReceipt(t *testing.T) {
	w := newCase(t)
	w.accept()
	into := t.TempDir()
	received := w.send().Package
	_, _, err := w.fetch(w.connect("nl", "lab-1"), into)
	check(t, err)
	placed := w.send().Package
	w.killed(into, "/v1/statements", 1)
	w.recall(received)
	w.officerRecalls(placed)
	list, said, err := w.fetch(w.connect("nl", "lab-1"), into)
	if err != nil || len(list) != 1 || list[0].Package != placed || strings.Count(said, "do not open it") != 2 {
		t.Errorf("Fetch = %+v, %v, and says %q", list, err, said)
	}
	for _, pkg := range []string{received, placed} {
		path := filepath.Join(into, pkg)
		if _, err := os.Stat(filepath.Join(path, "data", "disk.img")); err != nil {
			t.Errorf("what stood in its place: %v", err)
		}
		w.recalled(pkg, path)
		if r := w.kase().Package(pkg).Released("nl/agent/lab-1"); r.Receipt == nil {
			t.Errorf("package %q is not receipted", pkg)
		}
		check(t, os.RemoveAll(path))
		w.recalled(pkg, "")
	}
}

// TestDeliveriesOverWeeks: a grant of a month, a delivery a week, directories renewed
// between them; the final one was wrong, is recalled, and another follows in its place.
func TestDeliveriesOverWeeks(t *testing.T) {
	w := newCase(t)
	w.accept()
	var weeks time.Duration
	w.cfg.Now = func() time.Time { return time.Now().Add(weeks) }
	clock := func(c *agent.Config) { c.Now = w.cfg.Now }
	into := t.TempDir()
	send := func(opt agent.SendOptions) (*agent.Sent, error) {
		return w.agent("de", clock).Send(t.Context(), w.connect("de", "lab-1"), w.request, exhibits(t, 1000), opt)
	}
	var last string
	for week := range 3 {
		weeks = time.Duration(week) * 7 * 24 * time.Hour
		w.stop()
		w.start()
		for name := range w.homes {
			w.publish(name, func(d *officer.Draft) { d.Rules.Request = int64(1 + week%2) })
		}
		sent, err := send(agent.SendOptions{Final: week == 2})
		check(t, err)
		last = sent.Package
		list, _, err := w.fetch(w.connect("nl", "lab-1"), into)
		if err != nil || len(list) != 1 {
			t.Fatalf("week %d: fetched %+v, %v", week, list, err)
		}
	}
	if _, err := send(agent.SendOptions{}); wire.CodeOf(err) != custody.CodeGrantFinal {
		t.Errorf("after the final delivery: %v", err)
	}
	w.recall(last)
	sent, err := send(agent.SendOptions{Final: true, Supersedes: last})
	check(t, err)
	if _, err := send(agent.SendOptions{}); wire.CodeOf(err) != custody.CodeGrantFinal {
		t.Errorf("after the second final delivery: %v", err)
	}
	list, _, err := w.fetch(w.connect("nl", "lab-1"), into)
	if err != nil || len(list) != 1 || list[0].Package != sent.Package {
		t.Errorf("fetched %+v, %v", list, err)
	}
	c := w.kase()
	for i, p := range c.Packages {
		if p.Delivery != int64(i+1) || p.Final != (i >= 2) {
			t.Errorf("package %d is delivery %d, final %t", i, p.Delivery, p.Final)
		}
	}
	if g := c.Live(); len(c.Packages) != 4 || g.Packages != 4 || c.Successor(last).Package != sent.Package {
		t.Errorf("the grant: %d packages", g.Packages)
	}
	if got := officer.State(c, w.cfg.Now()); got != "all arrived" {
		t.Errorf("the case is %q", got)
	}
	weeks = 31 * 24 * time.Hour
	w.stop()
	w.start()
	if _, err := send(agent.SendOptions{}); wire.CodeOf(err) != custody.CodeGrantExpired && wire.CodeOf(err) != custody.CodeGrantFinal {
		t.Errorf("after the end: %v", err)
	}
}
