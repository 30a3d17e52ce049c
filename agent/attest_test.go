package agent_test

import (
	"bytes"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
)

// attested returns who attests a case, in order, and up to which entry.
func (w *world) attested(s *agent.Session) (by []string, upTo []int64) {
	w.t.Helper()
	snap, err := s.Sync(w.t.Context(), w.request)
	check(w.t, err)
	for _, l := range snap.Records[custody.RecordID(w.request)] {
		c := l.Custody()
		_, st, err := c.Parse()
		check(w.t, err)
		if st == nil {
			continue
		}
		if b, ok := st.Body.(*custody.Attestation); ok {
			by, upTo = append(by, b.By), append(upTo, b.After.Seq)
		}
	}
	return by, upTo
}

// TestAgentsAttest: a desk attests what the other State brought when it acts, a dossier is
// attested by who makes it, and nobody attests what is not new.
func TestAgentsAttest(t *testing.T) {
	w := newCase(t) // request by nl, review and grant by de
	w.accept()
	desk := w.connect("nl", "desk-1")
	by, upTo := w.attested(desk)
	if len(by) != 2 || by[0] != "de/agent/desk-1" || upTo[0] != 0 || by[1] != "nl/agent/desk-1" {
		t.Fatalf("attested by %q up to %d: want de's desk when it first acts, and nl's when it accepts", by, upTo)
	}
	s := w.connect("de", "lab-1")
	ag := w.agent("de")
	make := func() *dossier.Verdict {
		t.Helper()
		var b bytes.Buffer
		_, _, err := ag.Dossier(t.Context(), s, w.request, &b, dossier.Redaction{Contents: true})
		check(t, err)
		d, err := dossier.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
		check(t, err)
		snap, err := s.Sync(t.Context(), w.request)
		check(t, err)
		v, err := dossier.Verify(d, ag.Pins(snap))
		check(t, err)
		return v
	}
	v := make()
	last := v.Acts[len(v.Acts)-1]
	if last.Kind != custody.KindAttestation || last.By != "de/agent/lab-1" || len(v.Attested) != 2 || v.Attested[0].Authority != "de" || v.Attested[0].Seq != last.Seq-1 ||
		!strings.Contains(v.Completeness, "attested by de and nl; to entry") {
		t.Errorf("the dossier's last act is %+v; %s", last, v.Completeness)
	}
	if again := make(); len(again.Acts) != len(v.Acts) {
		t.Errorf("another dossier attests nothing new: %d acts, before %d", len(again.Acts), len(v.Acts))
	}
	if _, upTo := w.attested(desk); len(upTo) != 3 {
		t.Errorf("%d attestations, want 3", len(upTo))
	}
}

// TestDaemonAttests: a daemon that looks at a request attests what others brought, once,
// and its own attestation makes no other daemon go on.
func TestDaemonAttests(t *testing.T) {
	w := newCase(t)
	w.accept()
	desk := w.connect("nl", "desk-1")
	w.settings("de")
	w.settings("nl")
	w.run("de")
	until(t, "the daemon attests", func() bool {
		by, _ := w.attested(desk)
		return len(by) == 3 && by[2] == "de/agent/lab-1"
	})
	w.run("nl")
	until(t, "the other attests", func() bool { by, _ := w.attested(desk); return len(by) == 4 && by[3] == "nl/agent/lab-1" })
	w.revoke() // the desk acts, and attests what nl brought
	until(t, "nl's daemon attests the revocation", func() bool {
		by, _ := w.attested(desk)
		return len(by) >= 5 && by[len(by)-1] == "nl/agent/lab-1"
	})
	if by, _ := w.attested(desk); len(by) > 7 {
		t.Errorf("attested %d times: %q", len(by), by)
	}
}
