package officer_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

func TestGrantDraft(t *testing.T) {
	w := newWorld(t)
	id := w.request()
	for _, reviewed := range []bool{false, true} {
		g, err := w.office("de").DraftGrant(id, w.kase(id), reviewed)
		fatalIfErr(t, err)
		got, err := officer.ParseGrantDraft(g.YAML("Grant of a request."))
		fatalIfErr(t, err)
		if !reflect.DeepEqual(got, g) {
			t.Errorf("the draft reads back as %+v, want %+v", got, g)
		}
		if !reviewed && len(g.Review.Grounds) != len(officer.RequestGrounds) {
			t.Errorf("the draft has %d grounds to examine, want %d", len(g.Review.Grounds), len(officer.RequestGrounds))
		}
		if g.Expires.Sub(g.NotBefore) != 30*24*time.Hour || g.MaxBytes != 1<<40 || (g.Review == nil) != reviewed {
			t.Errorf("draft %+v", g)
		}
	}
	if _, err := w.office("nl").DraftGrant(id, w.kase(id), false); wire.CodeOf(err) != custody.CodeNotRequested {
		t.Errorf("nl drafts a grant of its own request: %v", err)
	}
	w.now = w.now.Add(80 * 24 * time.Hour)
	g, err := w.office("de").DraftGrant(id, w.kase(id), false)
	if err != nil || !g.Expires.Equal(w.kase(id).Request.Expires.Time()) {
		t.Errorf("a late draft expires %s, %v, the request %s", g.Expires, err, w.kase(id).Request.Expires)
	}
}

const draftYAML = `request: aebagaaaaaaaaaaaaaaaaaaaaa
senders: [de/agent/lab-1]
recipients: [nl/recipient/lab]
categories: [stored-data]
max_bytes: 20 GB
max_packages: 2
not_before: 2026-03-02T09:00:00Z
expires: 2026-03-05
`

func TestParseGrantDraft(t *testing.T) {
	g, err := officer.ParseGrantDraft([]byte(draftYAML))
	if err != nil || g.MaxBytes != 20e9 || g.Review != nil || !g.Expires.Equal(time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)) {
		t.Fatalf("ParseGrantDraft = %+v, %v", g, err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":       {"senders:", "sender:", "sender"},
		"repeated key":      {"max_packages: 2", "max_packages: 2\nmax_packages: 3", "already"},
		"no request":        {"request: aebagaaaaaaaaaaaaaaaaaaaaa\n", "", "request"},
		"malformed id":      {"aebagaaaaaaaaaaaaaaaaaaaaa", "aebag", "malformed id"},
		"no recipients":     {"recipients: [nl/recipient/lab]\n", "", "recipients is missing"},
		"no end":            {"expires: 2026-03-05\n", "", "expires is missing"},
		"size":              {"20 GB", "20 lots", "malformed size"},
		"size list":         {"20 GB", "[1]", "does not belong"},
		"date":              {"2026-03-05", "soon", "soon"},
		"second document":   {"max_packages: 2", "max_packages: 2\n---\nx: 1", ""},
		"a ground left out": {"max_packages: 2", "max_packages: 2\nreview: {body: judicial, finding: no-objection, grounds: {sovereignty: ''}}", `"not-in-conformity" is not there`},
		"review key":        {"max_packages: 2", "max_packages: 2\nreview: {verdict: yes}", "verdict"},
	} {
		text := strings.Replace(draftYAML, c.old, c.new, 1)
		if text == draftYAML {
			t.Fatalf("%s: nothing changed", name)
		}
		if _, err := officer.ParseGrantDraft([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: ParseGrantDraft = %v, want %q", name, err, c.want)
		}
	}
}

func TestCheckGrant(t *testing.T) {
	w := newWorld(t)
	id := w.request()
	for name, c := range map[string]struct {
		change func(*officer.GrantDraft)
		want   string
	}{
		"as drafted":       {func(*officer.GrantDraft) {}, ""},
		"after request":    {func(g *officer.GrantDraft) { g.Expires = w.kase(id).Request.Expires.Time().Add(1) }, "after the request"},
		"past":             {func(g *officer.GrantDraft) { g.Expires = w.now }, "past"},
		"other recipient":  {func(g *officer.GrantDraft) { g.Recipients = []custody.PartyID{"nl/recipient/other"} }, "not among those"},
		"desk as sender":   {func(g *officer.GrantDraft) { g.Senders = []custody.PartyID{"de/agent/desk-1"} }, "not an active lab agent"},
		"foreign sender":   {func(g *officer.GrantDraft) { g.Senders = []custody.PartyID{"nl/agent/lab-1"} }, "not an active lab agent"},
		"unlisted sender":  {func(g *officer.GrantDraft) { g.Senders = []custody.PartyID{"de/agent/x"} }, "not an active lab agent"},
		"fewer recipients": {func(g *officer.GrantDraft) { g.Recipients = g.Recipients[:1] }, ""},
	} {
		g, err := w.office("de").DraftGrant(id, w.kase(id), true)
		fatalIfErr(t, err)
		c.change(g)
		err = w.office("de").Check(w.kase(id), g)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: Check = %v, want %q", name, err, c.want)
		}
	}
	g, err := w.office("de").DraftGrant(id, w.kase(id), false)
	fatalIfErr(t, err)
	w.grant(id)
	if err := w.office("de").Check(w.kase(id), g); wire.CodeOf(err) != custody.CodeAlreadyDecided {
		t.Errorf("Check of a second grant = %v, want already-decided", err)
	}
	w.now = w.now.Add(100 * 24 * time.Hour)
	if err := w.office("de").Check(w.kase(id), g); wire.CodeOf(err) != custody.CodeRequestExpired {
		t.Errorf("Check after the request's end = %v", err)
	}
}

func TestBytes(t *testing.T) {
	for s, want := range map[string]officer.Bytes{"1": 1, "1024": 1 << 10, "1 KiB": 1 << 10, "500 GiB": 500 << 30, "2TB": 2e12, "1 TiB": 1 << 40,
		"9007199254740991": 1<<53 - 1, "20 GB": 20e9, "3 MiB": 3 << 20, "7 B": 7, "": 0, "0": 0, "-1": 0, "1.5 TiB": 0, "1 tib": 0, "9 PiB": 0, "9007199254740992": 0,
		"99999999999999999999": 0, "1  GB": 0, "GB": 0} {
		got, err := officer.ParseBytes(s)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("ParseBytes(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 5 << 30: "5.0 GiB", 1500 << 20: "1.5 GiB"} {
		if got := officer.About(n); got != want {
			t.Errorf("About(%d) = %q, want %q", n, got, want)
		}
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, s := range []string{"1 TiB", "0", "20 GB", "1048576", "9007199254740991"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := officer.ParseBytes(s)
		if err != nil {
			return
		}
		if back, err := officer.ParseBytes(n.String()); err != nil || back != n || n < 1 {
			t.Errorf("ParseBytes(%q) = %d, which prints as %q and reads as %d, %v", s, n, n, back, err)
		}
	})
}

func FuzzParseGrantDraft(f *testing.F) {
	f.Add([]byte(draftYAML))
	f.Add([]byte("request: aebagaaaaaaaaaaaaaaaaaaaaa\nreview: {body: judicial, finding: objection, text: \"a\\nb\"}\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := officer.ParseGrantDraft(data)
		if err == nil && (g.MaxBytes < 1 || len(g.Senders) == 0 || custody.CheckID(g.Request) != nil) {
			t.Errorf("ParseGrantDraft took %+v", g)
		}
	})
}
