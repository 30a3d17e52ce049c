package officer_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// publish is what Publish leaves when the relay has taken the directory.
func publish(t *testing.T, h *agent.Home, st *custody.Statement) {
	t.Helper()
	fatalIfErr(t, os.WriteFile(filepath.Join(h.Dir(), "directory", "published.json"), st.Envelope, 0o600))
}

// edit changes the draft and keeps it.
func edit(t *testing.T, r *officer.Registry, f func(*officer.Draft)) {
	t.Helper()
	d, err := r.Draft()
	fatalIfErr(t, err)
	f(d)
	fatalIfErr(t, r.Save(d))
}

func revoke(t *testing.T, id custody.PartyID) func(*officer.Draft) {
	return func(d *officer.Draft) { fatalIfErr(t, d.SetStatus(id, custody.StatusRevoked)) }
}

func TestSignDirectory(t *testing.T) {
	h, r := oneMachine(t, "nl")
	if _, err := r.Ready(nil); !errors.Is(err, officer.ErrUnsigned) {
		t.Errorf("Ready before Sign = %v, want ErrUnsigned", err)
	}
	g, err := r.Sign(time.Time{}, start)
	fatalIfErr(t, err)
	b := g.Directory()
	if b.Version != 1 || !g.Complete() || len(g.Signed) != 2 || !b.Prev.IsZero() {
		t.Errorf("signed version %d by %v, prev %s", b.Version, g.Signed, b.Prev)
	}
	again, err := r.Sign(time.Time{}, start.Add(time.Hour))
	if err != nil || again.Statement.SHA256 != g.Statement.SHA256 {
		t.Errorf("signing an unchanged draft again made another directory: %v", err)
	}
	if ready, err := r.Ready(nil); err != nil || ready.Statement.SHA256 != g.Statement.SHA256 {
		t.Errorf("Ready = %v", err)
	}
	edit(t, r, func(d *officer.Draft) { d.Rules.Grant, d.Rules.Sensitive = 2, 2 })
	if _, err := r.Ready(nil); !errors.Is(err, officer.ErrUnsigned) {
		t.Errorf("Ready after a change = %v, want ErrUnsigned", err)
	}
	publish(t, h, g.Statement)
	if _, err := r.Sign(time.Time{}, start); !errors.Is(err, officer.ErrOutdated) {
		t.Errorf("Sign of a draft of an older base = %v, want ErrOutdated", err)
	}
}

// TestNextDirectory: versions follow each other, also in the rule book.
func TestNextDirectory(t *testing.T) {
	h, r := oneMachine(t, "nl")
	first, err := r.Sign(time.Time{}, start)
	fatalIfErr(t, err)
	publish(t, h, first.Statement)
	// The draft still names no base: Publish crashed before it could say so.
	edit(t, r, func(d *officer.Draft) {
		if d.Base != first.Statement.SHA256 {
			t.Errorf("the draft was not moved onto the published directory")
		}
		d.Rules.Grant, d.Rules.Sensitive = 2, 2
	})
	second, err := r.Sign(time.Time{}, start.Add(time.Hour))
	fatalIfErr(t, err)
	if b := second.Directory(); b.Version != 2 || b.Prev != first.Statement.SHA256 || second.Need != 2 {
		t.Errorf("version %d, prev %s, needs %d signatures", b.Version, b.Prev, second.Need)
	}
	if want := []string{"each grant needs 2 officers"}; !slices.Equal(second.Changes, want) {
		t.Errorf("Changes = %q, want %q", second.Changes, want)
	}
	if w := officer.Warnings(second.Directory()); !slices.Equal(w, []string{"each grant needs 2 officers, active: 1"}) {
		t.Errorf("Warnings = %q", w)
	}
	w := officer.Changes(nil, first.Directory())
	if !slices.Contains(w, "nl/agent/desk-1 is new: active, duty desk") || !slices.ContainsFunc(w, func(s string) bool { return strings.HasPrefix(s, "relay relay.example") }) {
		t.Errorf("Changes of the first directory = %q", w)
	}
}

// TestRevokeAlone: one registrar may revoke, and nothing else.
func TestRevokeAlone(t *testing.T) {
	w := newWorld(t)
	h := w.homes["nl"]
	r := officer.NewRegistry(h)
	first, err := r.Signed()
	fatalIfErr(t, err)
	publish(t, h, first)
	w.now = start.Add(2 * time.Hour)
	fatalIfErr(t, os.Remove(filepath.Join(h.Dir(), "keys", "nl", "registrar", "2.key")))

	edit(t, r, func(d *officer.Draft) { fatalIfErr(t, d.SetStatus("nl/agent/lab-1", custody.StatusRetired)) })
	g, err := r.Sign(time.Time{}, start.Add(time.Hour))
	fatalIfErr(t, err)
	if _, err := r.Ready(nil); !errors.Is(err, officer.ErrUnsigned) || g.Complete() {
		t.Errorf("a retirement by one registrar is ready: %v", err)
	}
	if d := w.try(g.Statement, "", nil); d.Code != custody.CodeBelowThreshold {
		t.Errorf("the rules say %s to a retirement by one registrar", d)
	}
	if _, err := r.Reset(); err != nil {
		t.Fatal(err)
	}
	edit(t, r, revoke(t, "nl/agent/lab-1"))
	if g, err = r.Sign(time.Time{}, start.Add(time.Hour)); err != nil || !g.Complete() || g.Need != 1 {
		t.Fatalf("a revocation by one registrar needs %d, %v", g.Need, err)
	}
	w.add(g.Statement, "")
	if _, ok := w.book.View().Authorities["nl"].Active("nl/agent/lab-1", statement.At(w.now)); ok {
		t.Error("the revoked agent is active")
	}
}

// TestTwoRegistrars: the second one signs on a machine of its own.
func TestTwoRegistrars(t *testing.T) {
	h1, h2 := newHome(t, "nl"), newHome(t, "nl")
	e1, err := officer.Enrol(h1, "nl/registrar/1", start)
	fatalIfErr(t, err)
	e2, err := officer.Enrol(h2, "nl/registrar/2", start)
	fatalIfErr(t, err)
	_, err = officer.InitRoot(h1, officer.RootSpec{Keys: 1, Threshold: 1, Registrars: [][]byte{e2, e1}}, start)
	fatalIfErr(t, err)
	r1, r2 := officer.NewRegistry(h1), officer.NewRegistry(h2)
	g, err := r1.Sign(time.Time{}, start)
	fatalIfErr(t, err)
	if g.Complete() {
		t.Fatal("one registrar completed a directory")
	}
	if _, err := r1.Ready(nil); !errors.Is(err, officer.ErrUnsigned) {
		t.Errorf("Ready with one signature = %v, want ErrUnsigned", err)
	}
	both, err := r2.SignFile(g.Statement.Envelope, start)
	fatalIfErr(t, err)
	// The first machine had its own copy only; the file brings the other half.
	ready, err := r1.Ready(both.Statement.Envelope)
	if err != nil || !slices.Equal(ready.Signed, []custody.PartyID{"nl/registrar/1", "nl/registrar/2"}) {
		t.Errorf("Ready = %v, signed by %v", err, ready.Signed)
	}
	other, _ := oneMachine(t, "de")
	if _, err := officer.NewRegistry(other).SignFile(g.Statement.Envelope, start); err == nil {
		t.Error("registrars of de signed a directory of nl")
	}
}

// TestForgedDirectory: a signature that is not a registrar's is noticed here.
func TestForgedDirectory(t *testing.T) {
	h, r := oneMachine(t, "nl")
	g, err := r.Sign(time.Time{}, start)
	fatalIfErr(t, err)
	k, err := h.Key("nl/officer/mla-1")
	fatalIfErr(t, err)
	env, err := statement.Parse(g.Statement.Envelope)
	fatalIfErr(t, err)
	env.Sign(k)
	if _, err := r.Ready(env.Marshal()); !errors.Is(err, agent.ErrVerify) {
		t.Errorf("Ready of a directory that an officer signed = %v, want ErrVerify", err)
	}
}

func TestAddRefuses(t *testing.T) {
	h, r := oneMachine(t, "nl")
	lab, err := officer.Enrol(h, "nl/agent/lab-1", start)
	fatalIfErr(t, err)
	mla, err := officer.Enrol(h, "nl/officer/mla-1", start)
	fatalIfErr(t, err)
	reg, err := officer.Enrol(h, "nl/registrar/1", start)
	fatalIfErr(t, err)
	foreign, err := officer.Enrol(newHome(t, "de"), "de/officer/mla-1", start)
	fatalIfErr(t, err)
	for _, c := range []struct {
		name, want string
		env        []byte
		opt        officer.AddOptions
	}{
		{"no duty", "needs a duty", lab, officer.AddOptions{}},
		{"unknown duty", "unknown duty", lab, officer.AddOptions{Duties: []string{"judge"}}},
		{"duty of an officer", "unknown duty", mla, officer.AddOptions{Duties: []string{"desk"}}},
		{"registrar", "not the id of a party", reg, officer.AddOptions{}},
		{"foreign", "not of authority", foreign, officer.AddOptions{}},
		{"dates", "end before", mla, officer.AddOptions{NotBefore: start, NotAfter: start}},
		{"garbage", "reading", []byte("{}"), officer.AddOptions{}},
		{"cut", "reading", mla[:len(mla)-20], officer.AddOptions{}},
	} {
		d := &officer.Draft{}
		if _, err := r.Add(d, c.env, c.opt, start); err == nil || !strings.Contains(err.Error(), c.want) || len(d.Entries) > 0 {
			t.Errorf("%s: Add = %v, want %q; %d entries", c.name, err, c.want, len(d.Entries))
		}
	}
}

func TestSetStatus(t *testing.T) {
	_, r := oneMachine(t, "nl")
	d, err := r.Draft()
	fatalIfErr(t, err)
	fatalIfErr(t, d.SetStatus("nl/officer/mla-1", custody.StatusRevoked))
	if err := d.SetStatus("nl/officer/mla-1", custody.StatusRetired); err == nil {
		t.Error("a revoked entry was made a retired one")
	}
	if err := d.SetStatus("nl/officer/none", custody.StatusRevoked); err == nil {
		t.Error("an entry that is not there was revoked")
	}
}
