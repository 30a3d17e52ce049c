package officer_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
)

const year = 365 * 24 * time.Hour

// TestRotate: a root is renewed, then gets new keys on two machines, and the record of
// the authority takes each only with the signatures of old and new.
func TestRotate(t *testing.T) {
	w := newWorld(t)
	h := w.homes["nl"]
	r := officer.NewRegistry(h)
	w.now = start.Add(300 * 24 * time.Hour)
	renewed, err := r.Rotate(officer.RotationSpec{}, w.now)
	fatalIfErr(t, err)
	if b := renewed.Root(); !renewed.Complete() || b.Version != 2 || !b.Expires.Time().Equal(w.now.Add(year)) || len(b.Registrars) != 2 {
		t.Fatalf("the renewed root: %+v, complete %v", b, renewed.Complete())
	}
	w.add(renewed.Statement, "")

	// The new root key is made on another machine, which has none of the old ones.
	roots, err := r.ExportRoots()
	fatalIfErr(t, err)
	other, err := agent.CreateHome(filepath.Join(t.TempDir(), "other"), "nl")
	fatalIfErr(t, err)
	r2 := officer.NewRegistry(other)
	if err := r2.ImportRoots(roots, w.now); !errors.Is(err, officer.ErrNotPinned) {
		t.Errorf("roots are taken over without a pin: %v", err)
	}
	fatalIfErr(t, other.Trust.PinAuthority("nl", h.Trust.Pins()["nl"]))
	fatalIfErr(t, r2.ImportRoots(roots, w.now))
	fatalIfErr(t, other.SaveRootKey(2, keys.Generate(), nil))
	half, err := r2.Rotate(officer.RotationSpec{Keys: 1, Threshold: 1}, w.now)
	fatalIfErr(t, err)
	if half.Complete() || half.Old != 0 || half.New != 1 {
		t.Errorf("a root signed by its own key alone: %d of %d and %d of %d", half.Old, half.NeedOld, half.New, half.NeedNew)
	}
	if d := w.try(half.Statement, "", nil); d.Code != custody.CodeBelowThreshold {
		t.Errorf("the rules say %s to a root signed by its own key alone", d)
	}
	if list, err := r2.Roots(); err != nil || len(list) != 2 {
		t.Errorf("a root that is not complete is kept: %d, %v", len(list), err)
	}
	full, err := r.SignRoot(half.Statement.Envelope)
	fatalIfErr(t, err)
	if !full.Complete() || !strings.Contains(strings.Join(full.Changes, "\n"), "new root keys: 1 of 1 sign, in place of 1 of 1") {
		t.Errorf("signed by %d of %d and %d of %d: %q", full.Old, full.NeedOld, full.New, full.NeedNew, full.Changes)
	}
	w.add(full.Statement, "")
	if _, err := r.SignRoot(half.Statement.Envelope); !errors.Is(err, officer.ErrOutdated) {
		t.Errorf("a root that has been followed is signed again: %v", err)
	}
	if h.Trust.Pins()["nl"] != roots1(t, r).Fingerprint() {
		t.Error("the pin is not the first root's any more")
	}
}

func roots1(t *testing.T, r *officer.Registry) *custody.Root {
	t.Helper()
	list, err := r.Roots()
	fatalIfErr(t, err)
	return list[0].Body.(*custody.Root)
}

// TestRotateRegistrars: registrars come and go with a root; two at least stay.
func TestRotateRegistrars(t *testing.T) {
	h, r := oneMachine(t, "nl")
	third, err := officer.Enrol(h, "nl/registrar/3", start)
	fatalIfErr(t, err)
	for _, tt := range []struct {
		says string
		spec officer.RotationSpec
	}{
		{"1 registrars would be left", officer.RotationSpec{Leave: []custody.PartyID{"nl/registrar/1"}}},
		{"no active registrar", officer.RotationSpec{Leave: []custody.PartyID{"nl/registrar/9"}}},
		{"malformed", officer.RotationSpec{Registrars: [][]byte{[]byte("{}")}}},
		{"2 of 1 root keys", officer.RotationSpec{Keys: 1, Threshold: 2}},
	} {
		if _, err := r.Rotate(tt.spec, start); err == nil {
			t.Errorf("%s: Rotate took it", tt.says)
		} else if tt.says != "malformed" && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("Rotate = %v, want %q", err, tt.says)
		}
	}
	n, err := r.Rotate(officer.RotationSpec{Registrars: [][]byte{third}, Leave: []custody.PartyID{"nl/registrar/1"}}, start)
	fatalIfErr(t, err)
	if l := n.Root().Registrars; len(l) != 2 || l[0].ID != "nl/registrar/2" || l[1].ID != "nl/registrar/3" {
		t.Errorf("registrars: %v", l)
	}
}

// TestForeignRoots: roots of another history, or of another authority, take the place
// of nothing.
func TestForeignRoots(t *testing.T) {
	h, r := oneMachine(t, "nl")
	_, twin := oneMachine(t, "nl")
	_, de := oneMachine(t, "de")
	for _, o := range []*officer.Registry{twin, de} {
		data, err := o.ExportRoots()
		fatalIfErr(t, err)
		if err := r.ImportRoots(data, start); err == nil {
			t.Error("another root was taken over")
		}
	}
	// A machine that has only pinned it is told the same.
	fresh, err := agent.CreateHome(filepath.Join(t.TempDir(), "fresh"), "nl")
	fatalIfErr(t, err)
	fatalIfErr(t, fresh.Trust.PinAuthority("nl", h.Trust.Pins()["nl"]))
	data, err := twin.ExportRoots()
	fatalIfErr(t, err)
	if err := officer.NewRegistry(fresh).ImportRoots(data, start); !errors.Is(err, agent.ErrVerify) || !strings.Contains(err.Error(), "root-not-pinned") {
		t.Errorf("a root that is not pinned was taken over: %v", err)
	}
	if _, err := os.Stat(filepath.Join(fresh.Dir(), "directory")); err == nil {
		t.Error("something of it was kept")
	}
	for _, bad := range []string{"", "{}", `{"roots":[]}`, `{"roots":["e30="]}`} {
		if err := r.ImportRoots([]byte(bad), start); err == nil {
			t.Errorf("ImportRoots took %q", bad)
		}
	}
}

// TestDeputyDates: what a deputy signs before his first day and after his last is
// refused by the rules that the relay, agents and the court's verifier share.
func TestDeputyDates(t *testing.T) {
	w := newWorld(t)
	h := w.homes["nl"]
	r := officer.NewRegistry(h)
	first, err := r.Signed()
	fatalIfErr(t, err)
	publish(t, h, first)
	fatalIfErr(t, h.SaveKey("nl/officer/mla-2", keys.Generate(), nil))
	env, err := officer.Enrol(h, "nl/officer/mla-2", start)
	fatalIfErr(t, err)
	from, to := start.Add(48*time.Hour), start.Add(96*time.Hour)
	edit(t, r, func(d *officer.Draft) {
		_, err := r.Add(d, env, officer.AddOptions{NotBefore: from, NotAfter: to}, start)
		fatalIfErr(t, err)
	})
	g, err := r.Sign(time.Time{}, w.now)
	fatalIfErr(t, err)
	w.add(g.Statement, "")
	for _, tt := range []struct {
		at   time.Time
		want custody.Code
	}{
		{from.Add(-time.Microsecond), custody.CodeBadSignature},
		{to, custody.CodeBadSignature},
		{from, custody.CodeAllowed},
	} {
		w.now = tt.at
		p, err := w.office("nl").Request(w.header("nl", ""), officer.RequestSpec{
			To: "de", Instrument: "ets-185", Assistance: custody.AssistanceDisclosure, Categories: []string{"stored-data"}, Urgency: "routine",
			Order: officer.Attachment{Name: "order.pdf", Data: []byte("the order")}, Expires: w.now.Add(90 * 24 * time.Hour),
		})
		fatalIfErr(t, err)
		st := w.signed(p.Body, "nl/officer/mla-2")
		if tt.want == custody.CodeAllowed {
			w.add(st, "nl/agent/desk-1") // and the replay takes it: see add
			continue
		}
		if d := custody.Decide(custody.NewRecord(st.Record()), w.book.View(), custody.Action{Act: custody.ActStatement, Via: "nl/agent/desk-1", Statement: st}, st.Header.Issued); d.Code != tt.want {
			t.Errorf("at %s the rules say %s, want %s", tt.at, d, tt.want)
		}
	}
}

// TestLeaver: what a leaver signed before and files after the directory without him is
// refused, whatever date it bears; what was filed before stays.
func TestLeaver(t *testing.T) {
	w := newWorld(t)
	id := w.request()
	h := w.homes["nl"]
	r := officer.NewRegistry(h)
	first, err := r.Signed()
	fatalIfErr(t, err)
	publish(t, h, first)
	p, err := w.office("nl").Withdrawal(w.header("nl", id), w.kase(id), "error", "")
	fatalIfErr(t, err)
	kept := w.signed(p.Body, "nl/officer/mla-1")

	edit(t, r, revoke(t, "nl/officer/mla-1"))
	g, err := r.Sign(time.Time{}, w.now)
	fatalIfErr(t, err)
	w.add(g.Statement, "")
	if d := w.try(kept, "nl/agent/desk-1", nil); d.Code != custody.CodeBadSignature {
		t.Errorf("the rules say %s to a paper that was kept until its signer had left", d)
	}
	if c := w.kase(id); c == nil || c.End != nil {
		t.Error("the request that was filed before is gone, or ended")
	}
}

// FuzzImportRoots: a file that is none changes nothing, and panics nowhere.
func FuzzImportRoots(f *testing.F) {
	h, err := agent.CreateHome(f.TempDir(), "nl")
	fatalIfErr(f, err)
	fatalIfErr(f, h.Trust.PinAuthority("nl", custody.HashOf([]byte("a root"))))
	r := officer.NewRegistry(h)
	for _, s := range []string{"", "{}", `{"roots":[]}`, `{"roots":["e30="]}`, `{"roots":["e30="],"directory":"e30="}`, "[]", "null"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := r.ImportRoots(data, start); err == nil {
			t.Errorf("ImportRoots took %q, which no root is pinned by", data)
		}
		if roots, err := r.Roots(); err != nil || len(roots) > 0 {
			t.Errorf("kept %d roots, %v", len(roots), err)
		}
	})
}
