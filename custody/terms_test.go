package custody_test

import (
	"testing"

	"comity.example/comity/custody"
)

// preserves makes of a request one that only asks to keep data.
func preserves(b *custody.Request) { b.Assistance = custody.AssistancePreservation }

// keeps makes of a grant one that lets nothing move.
func keeps(b *custody.Grant) {
	b.Senders, b.Recipients, b.MaxBytes, b.MaxPackages = []custody.PartyID{}, []custody.PartyID{}, 0, 0
}

// asked returns a story in which a changed request was reviewed.
func asked(t failer, change func(*custody.Request)) *story {
	t.Helper()
	s := newStory(t)
	if d := s.try(s.make(custody.KindRequest, edit(change))); !d.Allowed() {
		t.Fatalf("request: %s", d)
	}
	s.do(custody.KindReview)
	return s
}

// TestSensitive: where the directory asks for one officer of a grant and for two of a
// sensitive one, what may hold content and what is marked takes two.
func TestSensitive(t *testing.T) {
	all := []string{"subscriber-data", "traffic-data", "content-data", "stored-data", "preserved-data", "other-evidence"}
	for _, c := range []struct {
		name             string
		categories, mark []string
		officers         int
	}{
		{"subscriber data", []string{"subscriber-data"}, nil, 1},
		{"traffic data", []string{"traffic-data"}, nil, 1},
		{"both", []string{"subscriber-data", "traffic-data"}, nil, 1},
		{"content", []string{"content-data"}, nil, 2},
		{"content among others", []string{"subscriber-data", "content-data"}, nil, 2},
		{"stored data", []string{"stored-data"}, nil, 2},
		{"preserved data", []string{"preserved-data"}, nil, 2},
		{"other evidence", []string{"other-evidence"}, nil, 2},
		{"subscribers with privilege", []string{"subscriber-data"}, []string{"privileged"}, 2},
		{"subscribers of the press", []string{"subscriber-data"}, []string{"press"}, 2},
		{"several subscribers", []string{"subscriber-data"}, []string{"several-persons"}, 2},
	} {
		for n := 1; n <= 2; n++ {
			s := asked(t, func(b *custody.Request) { b.Categories = all })
			s.publish(s.nl, func(b *custody.Directory) { b.Rules.Grant, b.Rules.Sensitive = 1, 2 })
			b := s.body(custody.KindGrant).(*custody.Grant)
			b.Categories, b.Sensitive = c.categories, c.mark
			want := custody.CodeAllowed
			if n < c.officers {
				want = custody.CodeBelowThreshold
			}
			if d := s.try(s.sign(b, s.nl.officers[:n]...)); d.Code != want {
				t.Errorf("%s, signed by %d: %s, want %s", c.name, n, d, want)
			}
		}
	}
}

// TestPartialGrant: a grant may leave out categories, and has to keep every mark.
func TestPartialGrant(t *testing.T) {
	ask := func(b *custody.Request) {
		b.Categories, b.Sensitive = []string{"subscriber-data", "content-data"}, []string{"press"}
	}
	for _, c := range []struct {
		name             string
		categories, mark []string
		want             custody.Code
	}{
		{"all of it", []string{"content-data", "subscriber-data"}, []string{"press"}, custody.CodeAllowed},
		{"a part", []string{"subscriber-data"}, []string{"press"}, custody.CodeAllowed},
		{"a mark more", []string{"subscriber-data"}, []string{"several-persons", "press"}, custody.CodeAllowed},
		{"something else", []string{"subscriber-data", "traffic-data"}, []string{"press"}, custody.CodeWiderThanRequest},
		{"without its mark", []string{"subscriber-data"}, nil, custody.CodeMarkLeftOut},
		{"with another mark", []string{"subscriber-data"}, []string{"privileged"}, custody.CodeMarkLeftOut},
	} {
		s := asked(t, ask)
		d := s.try(s.make(custody.KindGrant, edit(func(b *custody.Grant) { b.Categories, b.Sensitive = c.categories, c.mark })))
		if d.Code != c.want {
			t.Errorf("%s: %s, want %s", c.name, d, c.want)
		}
		s.replay(t)
	}
}

// TestPreservation: what is asked to be kept is kept, and nothing of it moves; what is
// asked to be handed over is not answered by keeping it.
func TestPreservation(t *testing.T) {
	s := asked(t, preserves)
	if d := s.try(s.make(custody.KindGrant)); d.Code != custody.CodeWiderThanRequest {
		t.Errorf("handing over what is to be kept: %s", d)
	}
	if d := s.try(s.make(custody.KindGrant, edit(keeps))); !d.Allowed() {
		t.Fatalf("keeping it: %s", d)
	}
	s.do(custody.KindAcceptance)
	for _, act := range []custody.Act{custody.ActReserve, custody.ActPart} {
		a := custody.Action{Grant: s.sha(custody.KindGrant), Bytes: 16}
		if d := s.act(act, "nl/agent/lab-1", a); d.Code != custody.CodeSenderNotGranted {
			t.Errorf("%s: %s", act, d)
		}
	}
	if d := s.try(s.make(custody.KindSeal)); d.Code != custody.CodeSenderNotGranted {
		t.Errorf("seal: %s", d)
	}
	s.do(custody.KindClosure)
	s.replay(t)

	s = told(t, reviewed...)
	if d := s.try(s.make(custody.KindGrant, edit(keeps))); d.Code != custody.CodeWiderThanRequest {
		t.Errorf("keeping what is to be handed over: %s", d)
	}
}
