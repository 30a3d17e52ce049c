package custody_test

import (
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// urgently is what happens in an emergency before the examination.
var urgently = then(requested, custody.KindDanger, custody.KindGrant, custody.KindAcceptance,
	custody.KindSeal, custody.KindUnlock, custody.KindRelease, custody.KindReceipt)

// urgent are the states of a grant in an emergency that stands.
const urgent = " emergency emergency-accepted emergency-released emergency-received emergency-reviewed validated"

// The states and rows of emergencies, for the matrix.
func init() {
	for name, before := range map[string][]custody.Kind{
		"endangered":         urgently[:2],
		"emergency":          urgently[:3],
		"emergency-accepted": urgently[:4],
		"emergency-released": urgently[:7],
		"emergency-received": urgently,
		"emergency-reviewed": then(urgently[:3], custody.KindReview),
		"validated":          then(urgently[:3], custody.KindReview, custody.KindValidation),
	} {
		states[name] = before
	}
	for k, when := range map[custody.Kind]string{
		custody.KindReview:      "endangered" + urgent,
		custody.KindGrant:       "endangered",
		custody.KindRefusal:     "endangered",
		custody.KindAcceptance:  "emergency emergency-reviewed validated",
		custody.KindAmendment:   "validated",
		custody.KindConsent:     "emergency-released emergency-received",
		custody.KindRevocation:  urgent,
		custody.KindWithdrawal:  "endangered" + urgent,
		custody.KindClosure:     urgent,
		custody.KindValidation:  "emergency-reviewed",
		custody.KindDestruction: "emergency-received",
		custody.KindRestriction: "emergency-received",
		custody.KindUseReport:   "emergency-received",
		custody.KindHold:        "endangered" + urgent,
		custody.KindAttestation: "endangered" + urgent,
		custody.KindSeal:        "emergency emergency-accepted emergency-reviewed validated",
		custody.KindReceipt:     "emergency-released",
		custody.KindRejection:   "emergency-released",
		custody.KindRecall:      "emergency-released emergency-received",
	} {
		r := may[k]
		r.when += " " + when
		may[k] = r
	}
}

// emergent edits the honest grant in an emergency.
func emergent(f func(*custody.Grant)) func(*story) custody.Decision {
	return wrong(custody.KindGrant, edit(f))
}

var endangered = then(requested, custody.KindDanger)

var emergencyRefusals = []refusal{
	{"a danger that the requested State sees", custody.CodeNotRequesting, requested, wrong(custody.KindDanger, by("nl"))},
	{"a second danger", custody.CodeAlreadyDecided, endangered, wrong(custody.KindDanger)},
	{"a danger after the refusal", custody.CodeAlreadyDecided, then(reviewed, custody.KindRefusal), wrong(custody.KindDanger)},
	{"an emergency grant without danger", custody.CodeNoDanger, requested, emergent(func(b *custody.Grant) {
		b.Review, b.Danger, b.ValidateBy = custody.Digest{}, digest, statement.At(t0.Add(day))
	})},
	{"an emergency grant for another danger", custody.CodeNoDanger, endangered, emergent(func(b *custody.Grant) { b.Danger = digest })},
	{"an emergency grant that the directory does not provide for", custody.CodeNoEmergency, endangered, func(s *story) custody.Decision {
		s.publish(s.nl, func(b *custody.Directory) { b.Emergency = nil })
		return s.try(s.make(custody.KindGrant))
	}},
	{"an emergency grant to an authority that the directory does not name", custody.CodeNoEmergency, endangered, func(s *story) custody.Decision {
		s.publish(s.nl, func(b *custody.Directory) {
			b.Emergency = &custody.Emergency{With: []string{"de"}, MaxBytes: 1 << 40, MaxPackages: 10, Hours: 48}
		})
		return s.try(s.make(custody.KindGrant))
	}},
	{"an emergency grant of too many bytes", custody.CodeBeyondEmergency, endangered, emergent(func(b *custody.Grant) { b.MaxBytes = 100_001 })},
	{"an emergency grant that has the relay keep packages", custody.CodeBeyondEmergency, endangered, emergent(func(b *custody.Grant) { b.RetentionDays = 31 })},
	{"an emergency grant of too many packages", custody.CodeBeyondEmergency, endangered, emergent(func(b *custody.Grant) { b.MaxPackages = 3 })},
	{"an emergency grant with too long a time for its validation", custody.CodeBeyondEmergency, endangered, emergent(func(b *custody.Grant) {
		b.ValidateBy = statement.At(t0.Add(49 * time.Hour))
	})},
	{"an emergency grant that has lapsed when it is filed", custody.CodeGrantLapsed, endangered, func(s *story) custody.Decision {
		st := s.make(custody.KindGrant, edit(func(b *custody.Grant) { b.ValidateBy = statement.At(s.now.Add(time.Minute)) }))
		s.now = s.now.Add(time.Minute)
		return s.try(st)
	}},
	{"an emergency grant after an objection", custody.CodeNoReview, endangered, func(s *story) custody.Decision {
		st := s.make(custody.KindGrant)
		s.objects()
		st = s.make(custody.KindGrant, edit(func(b *custody.Grant) {
			b.Review, b.Danger, b.ValidateBy = custody.Digest{}, s.sha(custody.KindDanger), st.Body.(*custody.Grant).ValidateBy
		}))
		return s.try(st)
	}},
	{"a second emergency grant", custody.CodeAlreadyDecided, then(urgently[:3], custody.KindRevocation), wrong(custody.KindGrant)},
	{"an emergency grant beyond the request", custody.CodeWiderThanRequest, endangered, emergent(func(b *custody.Grant) { b.Categories = []string{"content-data"} })},
	{"an emergency grant of content by one officer", custody.CodeBelowThreshold, endangered, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindGrant), s.nl.officers[0]))
	}},
	{"an emergency grant by an officer who is not listed for it", custody.CodeBadSignature, endangered, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindGrant), s.nl.officers[1:]...))
	}},
	{"validating nothing", custody.CodeNoGrant, reviewed, wrong(custody.KindValidation)},
	{"validating an ordinary grant", custody.CodeAlreadyDecided, granted, wrong(custody.KindValidation)},
	{"the requesting State validates", custody.CodeNotRequested, then(urgently[:3], custody.KindReview), wrong(custody.KindValidation, by("fr"))},
	{"validating without a review", custody.CodeNoReview, urgently[:3], wrong(custody.KindValidation)},
	{"validating over an objection", custody.CodeNoReview, then(urgently[:3], custody.KindReview), func(s *story) custody.Decision {
		s.objects()
		return s.try(s.make(custody.KindValidation))
	}},
	{"validating what was revoked", custody.CodeGrantRevoked, then(urgently[:3], custody.KindReview, custody.KindRevocation), wrong(custody.KindValidation)},
	{"validating too late", custody.CodeGrantLapsed, then(urgently[:3], custody.KindReview), later(2*day, wrong(custody.KindValidation))},
	{"validating by one officer", custody.CodeBelowThreshold, then(urgently[:3], custody.KindReview), func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindValidation), s.nl.officers[2]))
	}},
	{"amending before the validation", custody.CodeNotValidated, then(urgently[:3], custody.KindReview), wrong(custody.KindAmendment)},
	{"amending after it has lapsed", custody.CodeGrantLapsed, then(urgently[:3], custody.KindReview), later(2*day, wrong(custody.KindAmendment))},
	{"accepting after it has lapsed", custody.CodeGrantLapsed, urgently[:3], later(2*day, wrong(custody.KindAcceptance))},
	{"ordering back what stands", custody.CodeGrantStands, path, wrong(custody.KindOrder)},
	{"the requesting State orders", custody.CodeNotRequested, then(path, custody.KindRevocation), wrong(custody.KindOrder, by("fr"))},
	{"ordering under no grant", custody.CodeNoGrant, path, wrong(custody.KindOrder, edit(func(b *custody.Order) { b.Grant = digest }))},
	{"the sending State destroys", custody.CodeNotRequesting, path, wrong(custody.KindDestruction, by("nl"))},
	{"destroying what is not there", custody.CodeNoSuchPackage, agreed, wrong(custody.KindDestruction)},
	{"destroying what has not arrived", custody.CodeNotReceived, released, wrong(custody.KindDestruction)},
	{"destroying twice", custody.CodeAlreadyDecided, then(path, custody.KindDestruction), wrong(custody.KindDestruction)},
	{"restricting what is destroyed", custody.CodeAlreadyDecided, then(path, custody.KindDestruction), wrong(custody.KindRestriction)},
	{"destroying on an order that does not exist", custody.CodeNoOrder, path, wrong(custody.KindDestruction, edit(func(b *custody.Destruction) { b.Order = digest }))},
	{"a lapse that is not", custody.CodeGrantStands, urgently[:3], lapse(0)},
	{"a lapse of an ordinary grant", custody.CodeGrantStands, granted, lapse(2 * day)},
	{"a lapse of no grant", custody.CodeNoGrant, requested, lapse(2 * day)},
	{"a lapse told twice", custody.CodeDuplicate, urgently[:3], func(s *story) custody.Decision {
		lapse(2 * day)(s)
		return lapse(2 * day)(s)
	}},
}

// lapse has the relay say that the grant has lapsed, some time after the beginning.
func lapse(after time.Duration) func(*story) custody.Decision {
	return func(s *story) custody.Decision {
		if after > 0 {
			s.now = t0.Add(after)
		}
		return s.event(s.id(), &custody.Event{Lapsed: &custody.Lapsed{Grant: s.sha(custody.KindGrant)}})
	}
}

// TestEmergencySigners: who a subscriber is one officer may tell who is listed for
// emergencies, whatever the directory asks for otherwise; all else takes two of them.
func TestEmergencySigners(t *testing.T) {
	for _, c := range []struct {
		categories, marks []string
		signers           func(*story) []*keys.Private
		want              custody.Code
	}{
		{[]string{"subscriber-data"}, nil, pick(0), custody.CodeAllowed},
		{[]string{"subscriber-data"}, nil, pick(1), custody.CodeAllowed},
		{[]string{"subscriber-data"}, nil, pick(2), custody.CodeBadSignature},
		{[]string{"subscriber-data"}, []string{"press"}, pick(0), custody.CodeBelowThreshold},
		{[]string{"subscriber-data"}, []string{"press"}, pick(0, 1), custody.CodeAllowed},
		{[]string{"traffic-data"}, nil, pick(0), custody.CodeBelowThreshold},
		{[]string{"subscriber-data", "content-data"}, nil, pick(0), custody.CodeBelowThreshold},
		{[]string{"content-data"}, nil, pick(0, 0), custody.CodeBelowThreshold},
		{[]string{"content-data"}, nil, pick(0, 2), custody.CodeBadSignature},
		{[]string{"content-data"}, nil, pick(0, 1), custody.CodeAllowed},
	} {
		s := newStory(t)
		s.publish(s.nl, func(b *custody.Directory) { b.Rules.Grant, b.Rules.Sensitive = 3, 3 })
		s.try(s.make(custody.KindRequest, edit(func(b *custody.Request) {
			b.Categories, b.Urgency = []string{"subscriber-data", "traffic-data", "content-data"}, "emergency"
		})))
		s.do(custody.KindDanger)
		b := s.body(custody.KindGrant).(*custody.Grant)
		b.Categories, b.Sensitive = c.categories, c.marks
		if d := s.try(s.sign(b, c.signers(s)...)); d.Code != c.want {
			t.Errorf("%q %q: %s, want %s", c.categories, c.marks, d, c.want)
		}
		s.replay(t)
	}
}

// TestEmergencyLapsed: when nobody validates, nothing moves any more from that moment on,
// also to who has a release; the obligation to delete stands in the record, and so does
// what the other State did.
func TestEmergencyLapsed(t *testing.T) {
	s := told(t, urgently...)
	s.pkg = custody.PackageID([16]byte{2})
	second := edit(func(b *custody.Seal) { b.Delivery = 2 })
	g := s.kase().Live()
	moves := func(want custody.Code) {
		t.Helper()
		for act, who := range map[custody.Act]custody.PartyID{custody.ActReserve: "nl/agent/lab-1", custody.ActPart: "nl/agent/lab-1",
			custody.ActHead: "fr/agent/lab-1", custody.ActPayload: "fr/agent/lab-1"} {
			d := s.act(act, who, custody.Action{Grant: g.SHA256, Package: custody.PackageID([16]byte{1}), Bytes: 16})
			if d.Code != want {
				t.Errorf("%s at %s: %s, want %s", act, s.time(), d, want)
			}
		}
	}
	s.now = g.ValidateBy.Time().Add(-time.Second)
	moves(custody.CodeAllowed)
	s.now = g.ValidateBy.Time()
	moves(custody.CodeGrantLapsed)
	if d := s.try(s.make(custody.KindSeal, second)); d.Code != custody.CodeGrantLapsed {
		t.Errorf("seal: %s", d)
	}
	s.pkg = custody.PackageID([16]byte{1})
	if d := lapse(0)(s); !d.Allowed() {
		t.Errorf("the relay's word: %s", d)
	}
	s.do(custody.KindOrder)
	if n := len(s.kase().Unexecuted()); n != 1 {
		t.Errorf("%d packages to be deleted, want 1", n)
	}
	s.do(custody.KindRestriction)
	if n := len(s.kase().Unexecuted()); n != 1 {
		t.Errorf("%d packages to be deleted after a restriction, want 1", n)
	}
	if d := s.try(s.make(custody.KindDestruction, edit(func(b *custody.Destruction) { b.Order = s.sha(custody.KindOrder) }))); !d.Allowed() {
		t.Errorf("destruction: %s", d)
	}
	if n := len(s.kase().Unexecuted()); n != 0 {
		t.Errorf("%d packages to be deleted after it, want none", n)
	}
	s.do(custody.KindReview, custody.KindGrant, custody.KindAcceptance) // an ordinary grant can follow
	if s.kase().Live().InEmergency() {
		t.Error("the new grant is one in an emergency")
	}
	s.replay(t)
}

// TestEmergencyValidated: a grant that is validated in time goes on as any.
func TestEmergencyValidated(t *testing.T) {
	s := told(t, urgently[:7]...)
	s.do(custody.KindReview, custody.KindValidation)
	s.now = s.now.Add(3 * day)
	if d := read("fr/agent/lab-1")(s); !d.Allowed() {
		t.Errorf("reading: %s", d)
	}
	if d := lapse(0)(s); d.Code != custody.CodeGrantStands {
		t.Errorf("a lapse of what was validated: %s", d)
	}
	s.do(custody.KindReceipt, custody.KindAmendment, custody.KindClosure)
	s.replay(t)
}

// TestEmergencyFields breaks what the kinds of an emergency say.
func TestEmergencyFields(t *testing.T) {
	refused := breaker(t)
	refused("an unknown danger", custody.KindDanger, edit(func(b *custody.Danger) { b.Danger = "impatience" }))
	refused("no annex", custody.KindDanger, edit(func(b *custody.Danger) { b.Annex = custody.AnnexRef{} }))
	refused("no request", custody.KindDanger, edit(func(b *custody.Danger) { b.Request = custody.Digest{} }))
	refused("no review", custody.KindValidation, edit(func(b *custody.Validation) { b.Review = custody.Digest{} }))
	refused("no grant", custody.KindValidation, edit(func(b *custody.Validation) { b.Grant = custody.Digest{} }))
	refused("an unknown measure", custody.KindOrder, edit(func(b *custody.Order) { b.Measure = "regret" }))
	refused("no day", custody.KindOrder, edit(func(b *custody.Order) { b.Due = custody.Time{} }))
	refused("no grant", custody.KindOrder, edit(func(b *custody.Order) { b.Grant = custody.Digest{} }))
	refused("an empty annex", custody.KindOrder, edit(func(b *custody.Order) { b.Annex = &custody.AnnexRef{} }))
	refused("no package", custody.KindDestruction, edit(func(b *custody.Destruction) { b.Package = "" }))
	refused("an empty annex", custody.KindDestruction, edit(func(b *custody.Destruction) { b.Annex = &custody.AnnexRef{} }))
	refused("no request", custody.KindRestriction, edit(func(b *custody.Restriction) { b.Request = custody.Digest{} }))
	refused("review and danger", custody.KindGrant, edit(func(b *custody.Grant) { b.Danger, b.ValidateBy = digest, statement.At(t0.Add(day)) }))
	refused("a danger and no time", custody.KindGrant, edit(func(b *custody.Grant) { b.Review, b.Danger = custody.Digest{}, digest }))
	refused("a time and no danger", custody.KindGrant, edit(func(b *custody.Grant) { b.ValidateBy = statement.At(t0.Add(day)) }))
}

// TestEmergencyRules breaks what a directory provides for emergencies.
func TestEmergencyRules(t *testing.T) {
	w := newWorld(t)
	for name, f := range map[string]func(*custody.Emergency){
		"nobody": func(e *custody.Emergency) { e.With = []string{} }, "itself": func(e *custody.Emergency) { e.With = []string{"nl"} },
		"one twice": func(e *custody.Emergency) { e.With = []string{"fr", "fr"} }, "a malformed name": func(e *custody.Emergency) { e.With = []string{"FR"} },
		"no bytes": func(e *custody.Emergency) { e.MaxBytes = 0 }, "no packages": func(e *custody.Emergency) { e.MaxPackages = 0 },
		"no hours": func(e *custody.Emergency) { e.Hours = 0 }, "five days": func(e *custody.Emergency) { e.Hours = 97 },
	} {
		b := w.nl.directory(w.now)
		e := *b.Emergency
		b.Emergency = &e
		f(&e)
		if _, err := custody.Draft(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	b := w.nl.directory(w.now)
	*entry(b, "nl/officer/mla-1") = listing("nl/officer/mla-1", w.nl.officers[0], nil)
	entry(b, "nl/officer/mla-1").Duties = []string{custody.DutyDesk}
	if _, err := custody.Draft(b); err == nil {
		t.Error("an officer with an agent's duty is accepted")
	}
	d := w.publish(w.nl, func(b *custody.Directory) {
		b.Emergency = &custody.Emergency{With: []string{"fr"}, MaxBytes: 1 << 50, MaxPackages: 9, Hours: 96}
		entry(b, "nl/agent/lab-2").Status = custody.StatusRevoked
	}, w.nl.registrars[0])
	if d.Code != custody.CodeBelowThreshold {
		t.Errorf("one registrar widens the caps beside a revocation: %s", d)
	}
}
