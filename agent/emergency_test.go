package agent_test

import (
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// emergency is a world in which nl has asked for subscriber data and sees a danger, de
// has granted it at once and nl has accepted; and whose clock can be moved on.
type emergency struct {
	*world
	later *time.Duration
}

func newEmergency(t *testing.T) *emergency {
	t.Helper()
	e := &emergency{newWorld(t), new(time.Duration)}
	e.stop()
	e.cfg.Now = func() time.Time { return time.Now().Add(*e.later) }
	e.start()
	e.publish("de", func(d *officer.Draft) {
		d.Emergency = &custody.Emergency{With: []string{"nl"}, MaxBytes: 1 << 30, MaxPackages: 3, Hours: 48}
		for i := range d.Entries {
			if d.Entries[i].ID == "de/officer/mla-1" {
				d.Entries[i].Duties = []string{custody.DutyEmergency}
			}
		}
	})
	e.request = e.file("nl", func(o officer.Office, h custody.Header, _ *custody.Case) (*officer.Paper, error) {
		return o.Request(h, officer.RequestSpec{To: "de", Instrument: "ets-185", Assistance: custody.AssistanceDisclosure, Categories: []string{"subscriber-data"},
			Urgency: "emergency", Reference: "NL-2026-0412", Order: officer.Attachment{Name: "order.pdf", Data: []byte("order")}, Expires: time.Now().AddDate(0, 0, 60)})
	}).Request
	e.file("nl", func(o officer.Office, h custody.Header, c *custody.Case) (*officer.Paper, error) {
		return o.Danger(h, c, "life", "a child is held")
	})
	e.file("de", func(o officer.Office, h custody.Header, c *custody.Case) (*officer.Paper, error) {
		g, err := o.DraftEmergency(e.request, c)
		check(t, err)
		read, err := officer.ParseGrantDraft(g.YAML("Grant in an emergency."))
		check(t, err)
		return o.Grant(h, c, custody.Digest{}, read)
	})
	e.accept()
	return e
}

// sends sends a package as de's lab.
func (e *emergency) sends() (*agent.Sent, error) {
	return e.agent("de").Send(e.t.Context(), e.connect("de", "lab-1"), e.request, exhibits(e.t, 1000), agent.SendOptions{})
}

// fetches fetches what is there as nl's lab.
func (e *emergency) fetches() ([]agent.Fetched, error) {
	return e.agent("nl").Fetch(e.t.Context(), e.connect("nl", "lab-1"), e.request, e.t.TempDir())
}

// TestEmergencyLapses: evidence moves before it was examined; nobody validates in time;
// the log says so, nothing more moves, and what was received is ordered back and
// destroyed. The court sees all of it.
func TestEmergencyLapses(t *testing.T) {
	e := newEmergency(t)
	if next := officer.Next(e.kase(), "0412", time.Now()); !strings.Contains(next[0].Do, "validates the grant by ") {
		t.Errorf("next: %+v", next)
	}
	first, err := e.sends()
	check(t, err)
	if list, err := e.fetches(); err != nil || len(list) != 1 {
		t.Fatalf("fetched %+v, %v", list, err)
	}
	_, err = e.sends()
	check(t, err)

	*e.later = 47 * time.Hour
	if g := e.kase().Live(); !g.LapsedAt.IsZero() {
		t.Error("it lapsed early")
	}
	*e.later = 49 * time.Hour
	for e.kase().Live().LapsedAt.IsZero() { // each round asks the relay
		if t.Context().Err() != nil {
			t.Fatal("the log does not say that the grant has lapsed")
		}
	}
	if _, err := e.fetches(); wire.CodeOf(err) != custody.CodeGrantLapsed {
		t.Errorf("fetching after it: %v", err)
	}
	if _, err := e.sends(); wire.CodeOf(err) != custody.CodeGrantLapsed {
		t.Errorf("sending after it: %v", err)
	}
	now := e.cfg.Now()
	if next := officer.Next(e.kase(), "0412", now); !strings.Contains(next[0].Do, "order 0412 --measure delete") || officer.State(e.kase(), now) != "emergency grant lapsed" {
		t.Errorf("next: %+v, state %q", next, officer.State(e.kase(), now))
	}
	e.file("de", func(o officer.Office, h custody.Header, c *custody.Case) (*officer.Paper, error) {

		return o.Order(h, c, custody.MeasureDelete, now.AddDate(0, 0, 7), "nobody examined it")
	})
	if next := officer.Next(e.kase(), "0412", now); !strings.Contains(next[0].Do, "destroyed 0412 "+first.Package[:8]) {
		t.Errorf("next: %+v", next)
	}
	e.file("nl", func(o officer.Office, h custody.Header, c *custody.Case) (*officer.Paper, error) {
		return o.Executed(h, c, first.Package, true, "")
	})
	if p := e.kase().Package(first.Package); p.Gone == nil || p.Gone.Order.IsZero() || len(e.kase().Unexecuted()) != 0 {
		t.Errorf("the package is %+v", p.Gone)
	}
}

// TestEmergencyIsValidated: with a validation in time the grant goes on as any.
func TestEmergencyIsValidated(t *testing.T) {
	e := newEmergency(t)
	_, err := e.sends()
	check(t, err)
	*e.later = 24 * time.Hour
	review := e.file("de", func(o officer.Office, h custody.Header, c *custody.Case) (*officer.Paper, error) {
		return o.Review(h, c, officer.ReviewDraft{Body: "judicial", Finding: custody.FindingNoObjection})
	})
	e.file("de", func(o officer.Office, h custody.Header, c *custody.Case) (*officer.Paper, error) {
		return o.Validation(h, c, review.SHA256)
	})
	*e.later = 72 * time.Hour
	e.publish("nl", func(d *officer.Draft) { d.Rules.Request = 2 }) // the log has to be alive to send by
	_, err = e.sends()
	check(t, err)
	if list, err := e.fetches(); err != nil || len(list) != 2 {
		t.Errorf("fetched %+v, %v", list, err)
	}
	if g := e.kase().Live(); !g.LapsedAt.IsZero() || g.Validated.IsZero() {
		t.Errorf("the grant: lapsed %s, validated %s", g.LapsedAt, g.Validated)
	}
}

// TestEmergencyTold: the log of a daemon has an emergency as soon as the relay tells of it,
// and nothing of an ordinary day.
func TestEmergencyTold(t *testing.T) {
	id := custody.PackageID([16]byte{1})
	for kind, want := range map[custody.Kind]string{
		custody.KindDanger: "EMERGENCY: a danger was declared", custody.KindLapsed: "nobody validated it", custody.KindValidation: "validated", custody.KindGrant: "",
	} {
		got := agent.Alarm(wire.Change{Record: custody.RecordID(id), Seq: 3, Kind: kind})
		if (got == "") != (want == "") || !strings.Contains(got, want) || want != "" && !strings.Contains(got, "level=WARN") {
			t.Errorf("at a %s: %q, want %q", kind, got, want)
		}
	}
}
