package custody_test

import (
	"testing"
	"time"

	"comity.example/comity/custody"
)

var attestationRefusals = []refusal{
	{"attesting what does not stand there", custody.CodeBadAfter, path, wrong(custody.KindAttestation, header(func(h *custody.Header) { h.After.Leaf = digest }))},
	{"attesting what has not come", custody.CodeBadAfter, path, wrong(custody.KindAttestation, header(func(h *custody.Header) { h.After.Seq++ }))},
	{"attesting another's request", custody.CodeNotParty, path, wrong(custody.KindAttestation, by("de/agent/lab-1"))},
	{"attesting with an officer's key", custody.CodeBadSignature, path, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindAttestation), s.nl.officers[0]))
	}},
	{"attesting the same twice", custody.CodeNothingNew, then(path, custody.KindAttestation), func(s *story) custody.Decision {
		b := s.body(custody.KindAttestation)
		headerOf(b).After.Seq, headerOf(b).After.Leaf = s.kaseRef(int64(len(path) - 1))
		return s.try(s.sign(b, s.signers(headerOf(b).By)...))
	}},
	{"attesting an attestation", custody.CodeNothingNew, then(path, custody.KindAttestation), wrong(custody.KindAttestation)},
	{"attesting another's attestation", custody.CodeNothingNew, then(path, custody.KindAttestation), func(s *story) custody.Decision {
		s.try(s.make(custody.KindAttestation, by("fr/agent/lab-1")))
		return s.try(s.make(custody.KindAttestation))
	}},
	{"attesting what is older than attested", custody.CodeNothingNew, then(path, custody.KindAttestation), func(s *story) custody.Decision {
		b := s.body(custody.KindAttestation)
		headerOf(b).After.Seq, headerOf(b).After.Leaf = s.kaseRef(2)
		return s.try(s.sign(b, s.signers(headerOf(b).By)...))
	}},
	{"attesting at every entry", custody.CodeTooOften, path, func(s *story) custody.Decision {
		for range custody.MaxAttestations {
			s.do(custody.KindAttestation, custody.KindHold)
		}
		return s.try(s.make(custody.KindAttestation))
	}},
}

// kaseRef names an entry of the case's record.
func (s *story) kaseRef(seq int64) (int64, custody.Digest) {
	for _, l := range s.lines {
		if e, _, err := l.Parse(); err == nil && e.Record == s.id() && e.Seq == seq {
			return seq, l.Salted()
		}
	}
	s.Fatalf("no entry %d", seq)
	return 0, custody.Digest{}
}

// TestAttestation: each agent of both States attests what came since it last did, also
// after the end; nothing else follows from it; the next hour it may again.
func TestAttestation(t *testing.T) {
	s := told(t, path...)
	who := []string{"nl/agent/lab-1", "nl/agent/desk-1", "fr/agent/lab-1", "fr/agent/desk-1"}
	all := func() {
		t.Helper()
		for _, by := range who {
			b := s.body(custody.KindAttestation)
			headerOf(b).By = by
			if d := s.try(s.sign(b, s.signers(by)...)); !d.Allowed() {
				t.Errorf("%s attests: %s", by, d)
			}
		}
	}
	all()
	if d := s.act(custody.ActPayload, "fr/agent/lab-1", custody.Action{Package: s.pkg}); !d.Allowed() {
		t.Errorf("reading after attestations: %s", d)
	}
	s.do(custody.KindClosure)
	all()
	for range custody.MaxAttestations - 2 {
		s.do(custody.KindHold)
		all()
	}
	s.do(custody.KindHold)
	if d := s.try(s.make(custody.KindAttestation)); d.Code != custody.CodeTooOften {
		t.Errorf("one more within the hour: %s", d)
	}
	s.now = s.now.Add(time.Hour)
	all()
	s.replay(t)
}

// TestAttestationFields: it names an entry, and a log that can hold it.
func TestAttestationFields(t *testing.T) {
	refused := breaker(t)
	type a = custody.Attestation
	for name, f := range map[string]func(*a){
		"no entry": func(b *a) { b.After = nil }, "no request": func(b *a) { b.Request = custody.Digest{} }, "no root": func(b *a) { b.Checkpoint.Root = custody.Digest{} },
		"a log that is too short": func(b *a) { b.Checkpoint.Size = b.After.Seq }, "no log": func(b *a) { b.Checkpoint.Size = 0 },
		"an authority as speaker": func(b *a) { b.By = "nl" },
	} {
		refused(name, custody.KindAttestation, edit(f))
	}
}
