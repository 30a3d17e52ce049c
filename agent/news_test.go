package agent_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// news reads what a reader of an authority's home is told, and forgets nothing.
func (w *world) news(name, of, reader string) (list []agent.DirectoryChange, told func() error) {
	w.t.Helper()
	s := w.connect(name, "desk-1")
	snap, err := s.Sync(w.t.Context(), "", of)
	check(w.t, err)
	list, told, err = s.News(snap, of, reader)
	check(w.t, err)
	return list, told
}

// TestDirectoryNews: each change of a directory is told once to each reader, with who
// signed it, also one that a registrar made alone.
func TestDirectoryNews(t *testing.T) {
	w := newWorld(t)
	list, told := w.news("nl", "nl", agent.ReaderPeople)
	if len(list) != 0 {
		t.Errorf("the first look tells %+v", list)
	}
	check(t, told())
	w.publish("nl", func(d *officer.Draft) { d.Rules.Grant, d.Rules.Sensitive = 2, 2 })
	// A thief has one registrar's machine.
	key := filepath.Join(w.homes["nl"].Dir(), "keys", "nl", "registrar", "1.key")
	check(t, os.Rename(key, key+".away"))
	w.publish("nl", func(d *officer.Draft) { check(t, d.SetStatus("nl/agent/lab-1", custody.StatusRevoked)) })
	check(t, os.Rename(key+".away", key))

	for range 2 { // whoever crashes before it is said is told again
		list, told = w.news("nl", "nl", agent.ReaderPeople)
		if len(list) != 2 {
			t.Fatalf("told %+v", list)
		}
		if c := list[0]; c.New.Version != 2 || c.Who() != "nl/registrar/1 and nl/registrar/2" || c.Alone {
			t.Errorf("version %d by %s", c.New.Version, c.Who())
		}
		c := list[1]
		if words := officer.Changes(c.Old, c.New); c.New.Version != 3 || c.Who() != "nl/registrar/2 alone" || len(words) != 1 || words[0] != "nl/agent/lab-1 was active and is revoked" {
			t.Errorf("version %d by %s: %q", c.New.Version, c.Who(), words)
		}
	}
	check(t, told())
	if list, _ = w.news("nl", "nl", agent.ReaderPeople); len(list) != 0 {
		t.Errorf("told twice: %+v", list)
	}
	// What is remembered is spoilt: better twice than never.
	check(t, os.WriteFile(filepath.Join(w.homes["nl"].Dir(), "relays", relayName, "told", agent.ReaderPeople, "nl"), []byte("x"), 0o600))
	if list, _ = w.news("nl", "nl", agent.ReaderPeople); len(list) != 4 || list[0].Root == nil {
		t.Errorf("after it was spoilt: %+v", list)
	}
}

// TestRecipientKeyTold: who seals to another authority hears that a key is new since the
// last package, and who signed that.
func TestRecipientKeyTold(t *testing.T) {
	w := newCase(t)
	w.accept()
	send := func() string {
		t.Helper()
		var out bytes.Buffer
		a := w.agent("de", func(c *agent.Config) { c.Out = &out })
		_, err := a.Send(t.Context(), w.connect("de", "lab-1"), w.request, exhibits(t, 1000), agent.SendOptions{})
		check(t, err)
		return out.String()
	}
	if s := send(); strings.Contains(s, "new key") {
		t.Errorf("the first package: %s", s)
	}
	w.rekey()
	if s := send(); !strings.Contains(s, "warning: nl/recipient/lab has a new key since ") || !strings.Contains(s, "version 2 of nl, signed by nl/registrar/1 and nl/registrar/2\n") || strings.Contains(s, "backup") {
		t.Errorf("after the key was replaced: %s", s)
	}
	w.publish("nl", func(d *officer.Draft) { d.Rules.Grant, d.Rules.Sensitive = 2, 2 })
	if s := send(); strings.Contains(s, "new key") {
		t.Errorf("after another change: %s", s)
	}
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) has(words ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return true
		}
	}
	return false
}

// TestDaemonReports: the daemon's log says what changed in the directory of its
// authority, as soon as the relay tells, and what expires soon.
func TestDaemonReports(t *testing.T) {
	t.Parallel()
	w := newCase(t)
	w.settings("nl")
	var log lines
	ctx, stop := context.WithCancel(t.Context())
	end := make(chan error, 1)
	near := time.Now().Add(officerDirectoryLife - 6*24*time.Hour)
	ahead := time.Until(near)
	a := w.agent("nl", func(c *agent.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Now = func() time.Time { return time.Now().Add(ahead) }
	})
	go func() { end <- a.Run(ctx, "nl/agent/lab-1", nil) }()
	t.Cleanup(func() { stop(); <-end })
	until(t, "the end of the directory is in the log", func() bool {
		return log.has("something expires soon", "the directory of nl", "urgent=true", "comity directory reset, sign, publish")
	})
	w.publish("nl", func(d *officer.Draft) { check(t, d.SetStatus("nl/agent/desk-1", custody.StatusRevoked)) })
	until(t, "the change is in the log", func() bool {
		return log.has("the directory has changed", "version=2", "nl/registrar/1 and nl/registrar/2", "nl/agent/desk-1 revoked")
	})
}

// officerDirectoryLife is how long a directory lasts if nobody says otherwise.
const officerDirectoryLife = 180 * 24 * time.Hour

// TestExpiring: what of an authority ends is told 30 days before, urgently 7 days
// before, with who renews it; a deputy whose time is over is not.
func TestExpiring(t *testing.T) {
	day := 24 * time.Hour
	t0 := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	at := func(d time.Duration) custody.Time { return statement.At(t0.Add(d)) }
	entry := func(id custody.PartyID, status string, d time.Duration) custody.Listing {
		return custody.Listing{ID: id, Status: status, NotBefore: at(0), NotAfter: at(d)}
	}
	v := &custody.View{Authorities: map[string]*custody.Authority{"nl": {
		Name: "nl", Root: &custody.Root{Expires: at(365 * day)},
		Directory: &custody.Directory{Expires: at(180 * day), Entries: []custody.Listing{
			entry("nl/officer/mla-1", custody.StatusActive, 730*day),
			entry("nl/officer/mla-2", custody.StatusActive, 14*day),
			entry("nl/officer/mla-3", custody.StatusRevoked, 14*day),
		}},
	}}}
	for _, tt := range []struct {
		at   time.Duration
		want string
	}{
		{-17 * day, ""},
		{-16 * day, "the entry of nl/officer/mla-2 note"},
		{7*day - time.Second, "the entry of nl/officer/mla-2 note"},
		{7 * day, "the entry of nl/officer/mla-2 urgent"},
		{14*day - time.Second, "the entry of nl/officer/mla-2 urgent"},
		{14 * day, ""},
		{150*day - time.Second, ""},
		{150 * day, "the directory of nl note"},
		{173 * day, "the directory of nl urgent"},
		{180 * day, "the directory of nl over"},
		{335 * day, "the directory of nl over, the root of nl note"},
		{365 * day, "the directory of nl over, the root of nl over"},
	} {
		var got []string
		for _, e := range agent.Expiring(v, "nl", t0.Add(tt.at)) {
			level := map[bool]string{false: "note", true: "urgent"}[e.Urgent]
			if e.Over {
				level = "over"
			}
			got = append(got, e.What+" "+level)
			if !strings.Contains(e.Renew, "comity ") {
				t.Errorf("%s: renewed by %q", e.What, e.Renew)
			}
		}
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("after %s: %q, want %q", tt.at, s, tt.want)
		}
	}
	e := agent.Expiring(v, "nl", t0.Add(175*day))[0]
	zone := time.FixedZone("CEST", 2*3600)
	if got, want := e.Says(t0.Add(175*day), zone), "the directory of nl expires in 5 days, on 2026-08-29 09:00Z (2026-08-29 11:00 CEST); to renew it: two registrars: comity directory reset, sign, publish"; got != want {
		t.Errorf("Says = %q, want %q", got, want)
	}
	e = agent.Expiring(v, "nl", t0.Add(181*day))[0]
	if got := e.Says(t0.Add(181*day), time.UTC); !strings.HasPrefix(got, "the directory of nl has expired on 2026-08-29 09:00Z; to renew it:") {
		t.Errorf("Says = %q", got)
	}
	if list := agent.Expiring(v, "de", t0); list != nil {
		t.Errorf("of an authority that nobody knows: %v", list)
	}
}

// TestExpiringGrant: a grant that ends while packages under it wait is told.
func TestExpiringGrant(t *testing.T) {
	w := newCase(t)
	c := w.kase()
	end := c.Live().Expires.Time()
	soon, early := end.Add(-29*24*time.Hour), end.Add(-31*24*time.Hour)
	tell := func(at time.Time) string {
		list := agent.GrantEnd(w.kase(), "0412").Soon(at)
		if len(list) == 0 {
			return ""
		}
		return list[0].What
	}
	if got := tell(soon); got != "the grant of request 0412, under which nothing was sent" || tell(early) != "" || tell(end) != "" {
		t.Errorf("before anything is sent: %q, early %q, over %q", got, tell(early), tell(end))
	}
	w.accept()
	w.send()
	if got := tell(soon); got != "the grant of request 0412, with packages that have not arrived: 1" {
		t.Errorf("with a package on its way: %q", got)
	}
	x, err := w.connect("nl", "desk-1").Index(t.Context(), officer.State, false)
	check(t, err)
	if len(x.Requests) != 1 || len(x.Requests[0].Grant.Soon(soon)) != 1 || len(x.Requests[0].Grant.Soon(early)) != 0 {
		t.Errorf("the index of requests: %+v", x.Requests)
	}
	_, err = w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	check(t, err)
	if got := tell(soon); got != "the grant of request 0412, under which more may be sent" {
		t.Errorf("with all arrived: %q", got)
	}
	w.revoke()
	if got := tell(soon); got != "" {
		t.Errorf("after the revocation: %q", got)
	}
}
