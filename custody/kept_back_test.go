package custody_test

import (
	"testing"
	"time"

	"comity.example/comity/custody"
)

// objects files a review that stands against a grant.
func (s *story) objects() {
	s.Helper()
	st := s.make(custody.KindReview, edit(func(b *custody.Review) { b.Body, b.Finding = "prosecutorial", custody.FindingObjection }))
	if d := s.file(via("nl"), st); !d.Allowed() {
		s.Fatalf("objecting: %s", d)
	}
}

// keptBack are papers that were signed in time, kept in a drawer, and filed after
// something that they would undo.
var keptBack = []refusal{
	{"a review signed before an objection", custody.CodeBadAfter, requested, func(s *story) custody.Decision {
		kept := s.make(custody.KindReview)
		s.objects()
		return s.try(kept)
	}},
	{"a review signed before the second objection", custody.CodeBadAfter, requested, func(s *story) custody.Decision {
		s.objects()
		kept := s.make(custody.KindReview)
		s.objects()
		return s.try(kept)
	}},
	{"a grant that rests on a review of after an objection, but has not seen it", custody.CodeBadAfter, requested, func(s *story) custody.Decision {
		before := s.after()
		s.objects()
		s.do(custody.KindReview)
		return s.try(s.make(custody.KindGrant, header(func(h *custody.Header) { h.After = before })))
	}},
	{"a grant signed before the revocation of another", custody.CodeBadAfter, granted, func(s *story) custody.Decision {
		kept := s.make(custody.KindGrant)
		s.do(custody.KindRevocation)
		return s.try(kept)
	}},
	{"a grant signed before another that has ended since", custody.CodeBadAfter, reviewed, func(s *story) custody.Decision {
		kept := s.make(custody.KindGrant, edit(func(b *custody.Grant) { b.Expires = s.kase().Request.Expires }))
		s.do(custody.KindGrant)
		s.now = t0.Add(60*day + time.Hour)
		return s.try(kept)
	}},
	{"a refusal signed before a grant that was revoked since", custody.CodeBadAfter, reviewed, func(s *story) custody.Decision {
		kept := s.make(custody.KindRefusal)
		s.do(custody.KindGrant, custody.KindRevocation)
		return s.try(kept)
	}},
	{"an acceptance of before the revocation", custody.CodeGrantRevoked, granted, func(s *story) custody.Decision {
		kept := s.make(custody.KindAcceptance)
		s.do(custody.KindRevocation)
		return s.try(kept)
	}},
	{"a lift signed before another lift and a new suspension", custody.CodeBadAfter, agreed, func(s *story) custody.Decision {
		s.turns("nl", "fr")
		kept := s.make(custody.KindSuspension)
		s.turns("nl", "fr")
		s.turns("nl", "fr")
		return s.file("", kept)
	}},
	{"a suspension signed before another and its lift", custody.CodeBadAfter, agreed, func(s *story) custody.Decision {
		kept := s.make(custody.KindSuspension)
		s.turns("nl", "fr")
		s.turns("nl", "fr")
		return s.file("", kept)
	}},
	{"an acceptance of the grant before", custody.CodeNoGrant, granted, func(s *story) custody.Decision {
		kept := s.make(custody.KindAcceptance)
		s.do(custody.KindRevocation, custody.KindGrant)
		return s.try(kept)
	}},
}

// TestKeptBack: what the signers of a paper had not seen, the paper does not undo.
func TestKeptBack(t *testing.T) {
	for _, r := range keptBack {
		t.Run(r.name, func(t *testing.T) {
			s := told(t, r.before...)
			if d := r.act(s); d.Code != r.code {
				t.Errorf("decided %s, want %s", d, r.code)
			}
		})
	}
}

// TestKeptBackStops: what stops a transfer is heard whenever it was signed.
func TestKeptBackStops(t *testing.T) {
	s := told(t, requested...)
	objection := s.make(custody.KindReview, edit(func(b *custody.Review) { b.Finding = custody.FindingObjection }))
	s.objects()
	if d := s.try(objection); !d.Allowed() {
		t.Errorf("an objection signed before another: %s", d)
	}
	s.do(custody.KindReview, custody.KindGrant)
	revocation := s.make(custody.KindRevocation)
	s.do(custody.KindAcceptance, custody.KindSeal, custody.KindUnlock)
	if d := s.try(revocation); !d.Allowed() {
		t.Errorf("a revocation signed before the acceptance: %s", d)
	}
	withdrawal := s.make(custody.KindWithdrawal)
	s.do(custody.KindGrant, custody.KindAcceptance)
	if d := s.try(withdrawal); !d.Allowed() {
		t.Errorf("a withdrawal signed before the grant: %s", d)
	}
	s.replay(t)
}

// TestAnsweredObjection: whoever has seen the objection can find nothing against a
// grant any more.
func TestAnsweredObjection(t *testing.T) {
	s := told(t, reviewed...)
	s.objects()
	s.do(custody.KindReview, custody.KindGrant, custody.KindAcceptance)
	s.replay(t)
}

// TestTakingStops: after the release nothing is handed out to who could not have
// the release now.
func TestTakingStops(t *testing.T) {
	for name, stop := range map[string]func(*story){
		"recipient retired": func(s *story) { s.standing(s.fr, "fr/recipient/lab", custody.StatusRetired) },
		"recipient revoked": func(s *story) { s.standing(s.fr, "fr/recipient/lab", custody.StatusRevoked) },
		"recipient with another key": func(s *story) {
			s.publish(s.fr, func(b *custody.Directory) {
				*entry(b, "fr/recipient/lab") = listing("fr/recipient/lab", s.fr.agents["lab-1"], heldBy("fr/agent/lab-1"))
			}, s.fr.registrars...)
		},
		"recipient with another holder": func(s *story) {
			s.publish(s.fr, func(b *custody.Directory) {
				key := recipientOf(s, "fr/recipient/lab")
				*entry(b, "fr/recipient/lab") = listing("fr/recipient/lab", s.fr.agents["lab-2"], func(e *custody.Enrolment) {
					e.Holder, e.Recipient = "fr/agent/lab-2", key
				})
			}, s.fr.registrars...)
		},
		"holder no lab any more": func(s *story) {
			s.publish(s.fr, func(b *custody.Directory) { entry(b, "fr/agent/lab-1").Duties = []string{custody.DutyDesk} }, s.fr.registrars...)
		},
	} {
		s := told(t, released...)
		for _, act := range []custody.Act{custody.ActHead, custody.ActPayload} {
			if d := s.act(act, "fr/agent/lab-1", custody.Action{Package: s.pkg}); !d.Allowed() {
				t.Fatalf("%s: %s before: %s", name, act, d)
			}
		}
		stop(s)
		for _, act := range []custody.Act{custody.ActHead, custody.ActPayload} {
			if d := s.act(act, "fr/agent/lab-1", custody.Action{Package: s.pkg}); d.Code != custody.CodeRecipientNotGrant {
				t.Errorf("%s: %s: %s", name, act, d)
			}
		}
		if d := s.try(s.make(custody.KindRejection)); !d.Allowed() {
			t.Errorf("%s: saying how it arrived: %s", name, d)
		}
	}
}
