package officer_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// TestCase takes a request along its whole path in the rule book and reads what
// people are told at each step.
func TestCase(t *testing.T) {
	w := newWorld(t)
	id := w.request()
	told := func(step, state, next string) {
		t.Helper()
		c := w.kase(id)
		if got := officer.State(c, w.now); got != state {
			t.Errorf("after the %s the state is %q, want %q", step, got, state)
		}
		var all []string
		for _, n := range officer.Next(c, "0412", w.now) {
			all = append(all, n.Who+" "+n.Do)
		}
		if !strings.Contains(strings.Join(all, "\n"), next) {
			t.Errorf("after the %s next is %q, want %q in it", step, all, next)
		}
	}
	told("request", "waits for a decision", "de decides: comity grant 0412 --draft")
	grant := w.grant(id)
	told("grant", "granted, not accepted", "nl reads the conditions and accepts: comity accept 0412")

	pkg := w.deposit(id, grant)
	told("seal", "granted, not accepted", "comity accept 0412")
	p, err := w.office("nl").Acceptance(w.header("nl", id), w.kase(id))
	acceptance := w.file("nl", p, err)
	told("acceptance", "open", "de lets the key of package "+pkg.Package[:8]+" go: comity send 0412, as de/agent/lab-1")

	lab := custody.PartyID("de/agent/lab-1")
	seal := w.kase(id).Packages[0].SHA256
	w.add(w.signed(&custody.Unlock{Header: w.header(string(lab), id), Request: pkg.Request, Package: pkg.Package, Seal: seal,
		HeadSHA256: pkg.HeadSHA256, Acceptance: acceptance.SHA256, Checkpoint: custody.CheckpointRef{Size: 1, Root: custody.Digest{1}}}, lab), lab)
	told("unlock", "open", "nl fetches package "+pkg.Package[:8])

	taker := custody.PartyID("nl/agent/lab-1")
	w.add(w.signed(&custody.Release{Header: w.header(string(taker), id), Request: pkg.Request, Package: pkg.Package, Seal: seal,
		Acceptance: acceptance.SHA256, Recipient: "nl/recipient/lab"}, taker), taker)
	told("release", "open", "nl finishes fetching package "+pkg.Package[:8]+", as nl/agent/lab-1")
	w.add(w.signed(&custody.Receipt{Header: w.header(string(taker), id), Request: pkg.Request, Package: pkg.Package, Seal: seal,
		InnerStatement: custody.Digest{9}, Scope: custody.ScopeWhole}, taker), taker)
	told("receipt", "all arrived", "all that was granted has arrived")
	w.timeline(id)
}

// deposit logs a seal as the lab of de would after sending.
func (w *world) deposit(id string, grant *custody.Statement) *custody.Seal {
	w.t.Helper()
	lab := custody.PartyID("de/agent/lab-1")
	nl := w.book.View().Authorities["nl"]
	var refs []custody.RecipientRef
	for _, r := range grant.Body.(*custody.Grant).Recipients {
		m, ok := nl.Member(r)
		if !ok {
			w.t.Fatalf("%q is not in the directory", r)
		}
		refs = append(refs, custody.RecipientRef{ID: r, Directory: nl.DirectorySHA256, Key: custody.RecipientKey(m.Recipient)})
	}
	b := &custody.Seal{Header: w.header(string(lab), id), Request: w.kase(id).RequestSHA256, Grant: grant.SHA256,
		Package: custody.PackageID([16]byte{1, 2, 3}), Recipients: refs, HeadSHA256: custody.Digest{2}, PayloadSize: 5 << 30, Parts: 640,
		PayloadRoot: custody.Digest{3}, InnerSHA256: custody.Digest{4}, Delivery: 1, Final: true}
	d := w.try(w.signed(b, lab), lab, &custody.Deposit{Size: b.PayloadSize, Objects: []custody.StoredPayload{{Key: "k", Version: "v", Size: b.PayloadSize}}})
	if !d.Allowed() {
		w.t.Fatalf("the rules refuse the seal: %s", d)
	}
	return b
}

// timeline checks the words for a whole case.
func (w *world) timeline(id string) {
	w.t.Helper()
	events, err := officer.Timeline(w.snapshot(), id)
	fatalIfErr(w.t, err)
	var got []string
	for _, e := range events {
		got = append(got, officer.Sentence(e.What, e.Codes))
	}
	want := []string{"nl asks de for stored-data", "de has examined the request (prosecutorial): no-objection",
		"de grants it to nl: stored-data, 1 TiB in 10 packages", "deposits package aebagaaa, 5.0 GiB, delivery 1, the final one", "nl accepts the conditions of ",
		"lets the head of package aebagaaa go", "takes package aebagaaa for nl/recipient/lab", "has package aebagaaa; everything in it verified"}
	if len(got) != len(want) {
		w.t.Fatalf("timeline has %d entries, want %d: %q", len(got), len(want), got)
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			w.t.Errorf("entry %d reads %q, want %q in it", i, got[i], want[i])
		}
	}
	if e := events[2]; !slices.Equal(e.Signed, []custody.PartyID{"de/officer/mla-1"}) || e.Via != "de/agent/desk-1" || e.Seq != 2 {
		w.t.Errorf("the grant is entry %d, signed by %v, carried by %s", e.Seq, e.Signed, e.Via)
	}
	if i := officer.Packages(w.kase(id))[0]; len(i.Taken) != 1 || i.Taken[0].Closed.IsZero() || i.Unlocked.IsZero() {
		w.t.Errorf("Packages = %+v", i)
	}
}

func TestRefusalAndRevocation(t *testing.T) {
	w := newWorld(t)
	id := w.request()
	p, err := w.office("de").Refusal(w.header("de", id), w.kase(id), []string{"privilege"}, "a lawyer's files")
	if w.file("de", p, err); officer.State(w.kase(id), w.now) != "refused" || officer.Next(w.kase(id), "x", w.now)[0].Who != "" {
		t.Errorf("state %q, next %v", officer.State(w.kase(id), w.now), officer.Next(w.kase(id), "x", w.now))
	}
	if p.Annex == nil {
		t.Error("reasons were given and no annex made")
	}
	id = w.request()
	if _, err := w.office("de").Revocation(w.header("de", id), w.kase(id), "error"); wire.CodeOf(err) != custody.CodeNoGrant {
		t.Errorf("revoking nothing = %v, want no-grant", err)
	}
	w.grant(id)
	p, err = w.office("de").Revocation(w.header("de", id), w.kase(id), "error")
	w.file("de", p, err)
	if got := officer.State(w.kase(id), w.now); got != "grant revoked" {
		t.Errorf("state %q", got)
	}
	st, err := officer.StandingReview(w.snapshot(), id, "de")
	if err != nil || st == nil || st.Kind != custody.KindReview {
		t.Fatalf("StandingReview = %v, %v", st, err)
	}
	if st, err := officer.StandingReview(w.snapshot(), id, "nl"); err != nil || st != nil {
		t.Errorf("StandingReview of nl = %v, %v", st, err)
	}
	// The review still stands: a new grant may rest on it.
	g, err := w.office("de").DraftGrant(id, w.kase(id), true)
	fatalIfErr(t, err)
	p, err = w.office("de").Grant(w.header("de", id), w.kase(id), st.SHA256, g)
	w.file("de", p, err)
}

// TestSealed: who can open which annex.
func TestSealed(t *testing.T) {
	w := newWorld(t)
	p, err := w.office("nl").Request(w.header("nl", ""), officer.RequestSpec{To: "de", Instrument: "ets-185", Assistance: custody.AssistanceDisclosure, Categories: []string{"stored-data"}, Urgency: "routine", Reference: "NL-1", Facts: "facts",
		Order: officer.Attachment{Name: "order.pdf", Data: []byte("order")}, Expires: w.now.Add(time.Hour)})
	fatalIfErr(t, err)
	id := string(w.file("nl", p, nil).Record())
	for _, name := range []string{"nl", "de"} {
		a, err := w.open(name, p.Annex)
		if err != nil || a.Text.Facts != "facts" || a.Text.Reference != "NL-1" || len(a.Attachments) != 1 || string(a.Attachments[0].Data) != "order" {
			t.Errorf("%s opens the request's annex as %+v, %v", name, a, err)
		}
	}
	if bytes.Contains(w.lines[custody.RecordID(id)][0].Envelope, []byte("NL-1")) {
		t.Error("the reference stands in the public part")
	}
	r, err := w.office("de").Review(w.header("de", id), w.kase(id), officer.ReviewDraft{Body: "judicial", Finding: "no-objection", Text: "findings",
		Grounds: map[string]string{"privilege": "a lawyer's mail, left out", "sovereignty": ""}})
	fatalIfErr(t, err)
	if a, err := w.open("de", r.Annex); err != nil || a.Text.Reasons != "findings" || len(a.Text.Examined) != 2 || a.Text.Examined[1].Found != "a lawyer's mail, left out" {
		t.Errorf("de opens its review as %+v, %v", a, err)
	}
	if _, err := w.open("nl", r.Annex); err == nil {
		t.Error("nl opens the findings of de")
	}
}

func (w *world) open(name string, file []byte) (*officer.Annex, error) {
	ids, err := w.homes[name].Identities()
	fatalIfErr(w.t, err)
	return officer.OpenAnnex(file, ids...)
}

func TestRequestRefuses(t *testing.T) {
	w := newWorld(t)
	good := officer.RequestSpec{To: "de", Instrument: "ets-185", Assistance: custody.AssistanceDisclosure, Categories: []string{"stored-data"}, Urgency: "routine", Order: officer.Attachment{Name: "o.pdf", Data: []byte("o")}, Expires: w.now.Add(time.Hour)}
	for name, c := range map[string]struct {
		change func(*officer.RequestSpec)
		want   string
	}{
		"itself":          {func(s *officer.RequestSpec) { s.To = "nl" }, "another authority"},
		"unknown":         {func(s *officer.RequestSpec) { s.To = "fr" }, `no directory of authority "fr"`},
		"category":        {func(s *officer.RequestSpec) { s.Categories = []string{"everything"} }, "unknown"},
		"expired":         {func(s *officer.RequestSpec) { s.Expires = w.now }, "not after issued"},
		"foreign":         {func(s *officer.RequestSpec) { s.Recipients = []custody.PartyID{"de/recipient/lab"} }, "not active"},
		"path":            {func(s *officer.RequestSpec) { s.Order.Name = "../o.pdf" }, "plain name"},
		"same name twice": {func(s *officer.RequestSpec) { s.Attachments = []officer.Attachment{s.Order} }, "plain name"},
	} {
		s := good
		c.change(&s)
		if _, err := w.office("nl").Request(w.header("nl", ""), s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Request = %v, want %q", name, err, c.want)
		}
	}
}

// TestCodes: the rule book knows every code that is offered to people.
func TestCodes(t *testing.T) {
	w := newWorld(t)
	id := w.request()
	c := w.kase(id)
	ref := custody.AnnexRef{SHA256: custody.Digest{1}, Size: 1}
	exp := statement.At(w.now.Add(time.Hour))
	for _, l := range []struct {
		list []officer.Code
		body func(code string) custody.Body
	}{
		{officer.Categories, func(s string) custody.Body {
			b := *c.Request
			b.Categories = []string{s}
			return &b
		}},
		{officer.Instruments, func(s string) custody.Body {
			b := *c.Request
			b.Instrument = s
			return &b
		}},
		{officer.Assistances, func(s string) custody.Body {
			b := *c.Request
			b.Assistance = s
			return &b
		}},
		{officer.Sensitives, func(s string) custody.Body {
			b := *c.Request
			b.Sensitive = []string{s}
			return &b
		}},
		{officer.Urgencies, func(s string) custody.Body {
			b := *c.Request
			b.Urgency = s
			return &b
		}},
		{officer.ReviewBodies, func(s string) custody.Body {
			return &custody.Review{Header: w.header("de", id), Request: c.RequestSHA256, Body: s, Finding: "objection", Annex: ref}
		}},
		{officer.ReviewFindings, func(s string) custody.Body {
			return &custody.Review{Header: w.header("de", id), Request: c.RequestSHA256, Body: "judicial", Finding: s, Annex: ref}
		}},
		{officer.Conditions, func(s string) custody.Body {
			return &custody.Grant{Header: w.header("de", id), Request: c.RequestSHA256, Review: custody.Digest{1}, To: "nl", Terms: custody.Terms{
				MaxBytes: 1, MaxPackages: 1, Categories: []string{"stored-data"}, Senders: []custody.PartyID{"de/agent/lab-1"},
				Recipients: []custody.PartyID{"nl/recipient/lab"}, NotBefore: statement.At(w.now), Expires: exp, Conditions: []string{s}}}
		}},
		{officer.Handlings, func(s string) custody.Body {
			return &custody.Grant{Header: w.header("de", id), Request: c.RequestSHA256, Review: custody.Digest{1}, To: "nl", Terms: custody.Terms{
				MaxBytes: 1, MaxPackages: 1, Categories: []string{"stored-data"}, Senders: []custody.PartyID{"de/agent/lab-1"},
				Recipients: []custody.PartyID{"nl/recipient/lab"}, NotBefore: statement.At(w.now), Expires: exp, Handling: []string{s}}}
		}},
		{officer.Grounds, func(s string) custody.Body {
			return &custody.Refusal{Header: w.header("de", id), Request: c.RequestSHA256, Grounds: []string{s}}
		}},
		{officer.ErasureReasons, func(s string) custody.Body {
			return &custody.Erasure{Header: w.header("de", id), Request: c.RequestSHA256, Annexes: []custody.Ref{{Seq: 0, Leaf: custody.Digest{1}}}, Reason: s}
		}},
		{officer.Reasons, func(s string) custody.Body {
			return &custody.Revocation{Header: w.header("de", id), Request: c.RequestSHA256, Grant: custody.Digest{1}, Reason: s}
		}},
		{officer.SuspensionReasons, func(s string) custody.Body {
			return &custody.Suspension{Header: w.header("de", ""), With: "nl", State: custody.StateSuspended, Reason: s}
		}},
		{officer.LiftReasons, func(s string) custody.Body {
			return &custody.Suspension{Header: w.header("de", ""), With: "nl", State: custody.StateLifted, Reason: s}
		}},
		{officer.RecallReasons, func(s string) custody.Body {
			return &custody.Recall{Header: w.header("de", id), Request: c.RequestSHA256, Package: custody.PackageID([16]byte{1}), Seal: custody.Digest{1}, Reason: s}
		}},
	} {
		for _, code := range l.list {
			if _, err := custody.Draft(l.body(code.Code)); err != nil {
				t.Errorf("code %q: %v", code.Code, err)
			}
			if officer.Means(l.list, code.Code) == "" {
				t.Errorf("code %q has no meaning", code.Code)
			}
		}
		if _, err := custody.Draft(l.body("no-such-code")); err == nil {
			t.Error("an unknown code passes: this test proves nothing")
		}
	}
}

// TestSuspension: an office drafts each suspension after the one before, and people are
// told who holds a case up, since when and why, and what has to come first.
func TestSuspension(t *testing.T) {
	w := newWorld(t)
	id := w.request()
	turn := func(name, with, state, reason string) *custody.Statement {
		p, err := w.office(name).Suspension(w.header(name, ""), with, state, reason)
		return w.file(name, p, err)
	}
	held := func() (string, []officer.Step) {
		list := officer.Suspensions(w.book.View(), w.kase(id))
		return officer.Held("open", list), officer.Resume(w.kase(id), list)
	}
	if state, steps := held(); state != "open" || len(steps) != 0 {
		t.Errorf("before: %q, %v", state, steps)
	}
	first := turn("nl", "de", custody.StateSuspended, "incident")
	turn("de", "nl", custody.StateSuspended, "directory-doubt")
	turn("de", "fr", custody.StateSuspended, "other")
	state, steps := held()
	if !strings.Contains(state, "open, SUSPENDED by nl since ") || !strings.Contains(state, ": incident, SUSPENDED by de since ") || strings.Contains(state, "fr") {
		t.Errorf("state %q", state)
	}
	if len(steps) != 2 || steps[0].Who != "nl" || !strings.HasSuffix(steps[0].Do, "comity request resume de") || steps[1].Who != "de" {
		t.Errorf("steps %v", steps)
	}
	lift := turn("nl", "de", custody.StateLifted, "resolved")
	if lift.Body.(*custody.Suspension).Prev != first.SHA256 {
		t.Error("the lift does not name what it lifts")
	}
	for st, want := range map[*custody.Statement]string{first: "nl suspends all transfers with de: incident", lift: "nl lifts its suspension of all transfers with de: resolved"} {
		if got := officer.Sentence(officer.Say(st)); got != want {
			t.Errorf("said %q, want %q", got, want)
		}
		p := officer.Proposal{Statement: st}
		if p.Request() != "" || p.With() != "de" {
			t.Errorf("a proposal of request %q with %q", p.Request(), p.With())
		}
	}
}

// TestNewest: a second proposal of a kind corrects the first.
func TestNewest(t *testing.T) {
	w := newWorld(t)
	propose := func(kind, reason string) officer.Proposal {
		w.now = w.now.Add(time.Minute)
		h := custody.Header{Relay: origin, By: "de", Issued: statement.At(w.now), After: &custody.Ref{Leaf: custody.Digest{1}}}
		var b custody.Body = &custody.Revocation{Header: h, Request: custody.Digest{1}, Grant: custody.Digest{2}, Reason: reason}
		if kind == "refusal" {
			b = &custody.Refusal{Header: h, Request: custody.Digest{1}, Grounds: []string{reason}}
		}
		st, err := custody.Sign(b)
		fatalIfErr(t, err)
		return officer.Proposal{Statement: st}
	}
	first, refusal, second := propose("revocation", "error"), propose("refusal", "privilege"), propose("revocation", "key-compromise")
	got, older := officer.Newest([]officer.Proposal{second, first, refusal})
	if older != 1 || len(got) != 2 || got[0].Statement != refusal.Statement || got[1].Statement != second.Statement {
		t.Errorf("Newest leaves %d out and returns %d", older, len(got))
	}
}

func TestDeskNeedsKeys(t *testing.T) {
	w := newWorld(t)
	d := &officer.Desk{Home: newHome(t, "fr"), Now: func() time.Time { return w.now }}
	_, err := d.File(t.Context(), w.snapshot(), &officer.Paper{Body: &custody.Acceptance{Header: w.header("fr", w.request()), Request: custody.Digest{1}, Grant: custody.Digest{2}}})
	if wire.CodeOf(err) != custody.CodeNoDirectory {
		t.Errorf("File for an authority without directory = %v", err)
	}
	d.Home, d.As = w.homes["nl"], []custody.PartyID{"nl/officer/none"}
	_, err = d.File(t.Context(), w.snapshot(), &officer.Paper{Body: &custody.Acceptance{Header: w.header("nl", w.request()), Request: custody.Digest{1}, Grant: custody.Digest{2}}})
	if !errors.Is(err, officer.ErrNoKey) {
		t.Errorf("File as an officer who is not here = %v, want ErrNoKey", err)
	}
}
