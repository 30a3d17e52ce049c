package notice_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/notice"
	"comity.example/comity/test/env"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// told plays a case up to a deposit: de asks, nl holds the evidence.
func told(t testing.TB) (*env.Story, *env.Package) {
	t.Helper()
	s, err := env.NewStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	check(t, err)
	check(t, s.Agree())
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "a.txt"), []byte("evidence"), 0o600))
	p, err := s.Send(dir)
	check(t, err)
	return s, p
}

// of makes a notice of a statement, with all that its authority has published.
func of(t testing.TB, s *env.Story, body custody.Body, signers ...*keys.Private) *notice.Notice {
	t.Helper()
	st, err := custody.Sign(body, signers...)
	check(t, err)
	n := &notice.Notice{Made: s.Now(), Envelope: st.Envelope}
	for _, l := range s.Lines[custody.AuthorityRecord(custody.PartyID(st.Header.By).Authority())] {
		o, err := custody.ParseStatement(l.Envelope)
		check(t, err)
		switch o.Kind {
		case custody.KindRoot:
			n.Roots = append(n.Roots, o.Envelope)
		case custody.KindDirectory:
			n.Directories = append(n.Directories, o.Envelope)
		}
	}
	return n
}

func header(s *env.Story, by string) custody.Header {
	return custody.Header{Relay: s.Origin, By: by, Issued: s.Now(), After: s.Record(custody.RecordID(custody.RequestID(s.Case().RequestSHA256))).Tip()}
}

func revocation(s *env.Story) *custody.Revocation {
	return &custody.Revocation{Header: header(s, "nl"), Request: s.Case().RequestSHA256, Grant: s.Case().Live().SHA256, Reason: "error"}
}

// TestVerify: everything that only stops verifies from the pinned root alone, and reads
// back as it was written.
func TestVerify(t *testing.T) {
	s, p := told(t)
	req, desk := s.Case().RequestSHA256, s.To.Officers[0]
	pair := custody.Header{Relay: s.Origin, By: "nl", Issued: s.Now()}
	for name, n := range map[string]*notice.Notice{
		"a revocation":           of(t, s, revocation(s), desk),
		"a withdrawal":           of(t, s, &custody.Withdrawal{Header: header(s, "de"), Request: req, Reason: "error"}, s.From.Officers[0]),
		"a suspension":           of(t, s, &custody.Suspension{Header: pair, With: "de", State: custody.StateSuspended, Reason: "incident"}, desk),
		"a recall by an officer": of(t, s, &custody.Recall{Header: header(s, "nl"), Request: req, Package: p.Seal.Package, Seal: p.SealSHA256, Reason: "other"}, desk),
		"a recall by the lab":    of(t, s, &custody.Recall{Header: header(s, "nl/agent/lab-1"), Request: req, Package: p.Seal.Package, Seal: p.SealSHA256, Reason: "other"}, s.To.Lab),
	} {
		m, st, err := notice.Parse(n.Marshal())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		pin := s.Pins().Authorities[custody.PartyID(st.Header.By).Authority()]
		if err := m.Verify(pin, s.Now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := m.Verify(custody.Digest{1}, s.Now()); err == nil {
			t.Errorf("%s verifies from another root", name)
		}
		if err := m.Verify(pin, statement.At(s.Now().Time().AddDate(2, 0, 0))); err == nil {
			t.Errorf("%s verifies when the directory has long expired", name)
		}
	}
}

// TestVerifyRefuses: who may not sign stops nothing.
func TestVerifyRefuses(t *testing.T) {
	s, p := told(t)
	pin := s.Pins().Authorities["nl"]
	recall := &custody.Recall{Header: header(s, "nl/agent/lab-1"), Request: s.Case().RequestSHA256, Package: p.Seal.Package, Seal: p.SealSHA256, Reason: "other"}
	bare := of(t, s, revocation(s), s.To.Officers[0])
	bare.Directories = nil
	swapped := of(t, s, revocation(s), s.To.Officers[0])
	swapped.Directories = of(t, s, &custody.Withdrawal{Header: header(s, "de"), Request: s.Case().RequestSHA256, Reason: "error"}, s.From.Officers[0]).Directories
	for name, n := range map[string]*notice.Notice{
		"nobody":                  of(t, s, revocation(s)),
		"a stranger":              of(t, s, revocation(s), keys.Generate()),
		"an agent for its State":  of(t, s, revocation(s), s.To.Desk),
		"the other State":         of(t, s, revocation(s), s.From.Officers[0]),
		"an officer for an agent": of(t, s, recall, s.To.Officers[0]),
		"who is in no directory":  bare,
		"the other's directory":   swapped,
	} {
		n.Type = ""
		if m, _, err := notice.Parse(n.Marshal()); err == nil && m.Verify(pin, s.Now()) == nil {
			t.Errorf("signed by %s it verifies", name)
		}
	}
}

// TestForm: what does more than stop, another annex, another spelling are no notice.
func TestForm(t *testing.T) {
	s, _ := told(t)
	req := s.Case().RequestSHA256
	good := of(t, s, revocation(s), s.To.Officers[0])
	with := func(change func(*notice.Notice)) []byte {
		n := *good
		change(&n)
		return n.Marshal()
	}
	pair := custody.Header{Relay: s.Origin, By: "nl", Issued: s.Now()}
	for name, data := range map[string][]byte{
		"a closure":        of(t, s, &custody.Closure{Header: header(s, "de"), Request: req, Outcome: "executed"}, s.From.Officers[0]).Marshal(),
		"a lift":           of(t, s, &custody.Suspension{Header: pair, With: "de", State: custody.StateLifted, Reason: "resolved"}, s.To.Officers...).Marshal(),
		"an annex of none": with(func(n *notice.Notice) { n.Annex = []byte("x") }),
		"no annex": of(t, s, &custody.Withdrawal{Header: header(s, "de"), Request: req, Reason: "error", Annex: &custody.AnnexRef{SHA256: custody.Digest{1}, Size: 7}},
			s.From.Officers[0]).Marshal(),
		"no time":     with(func(n *notice.Notice) { n.Made = custody.Time{} }),
		"more spaces": bytes.Replace(good.Marshal(), []byte(`": "`), []byte(`":  "`), 1),
		"nothing":     nil,
		"more":        append(good.Marshal(), '\n'),
		"no type":     []byte(strings.Replace(string(good.Marshal()), "comity/notice/v1", "comity/notice/v2", 1)),
	} {
		if _, _, err := notice.Parse(data); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// FuzzParse: what is read is written the same, and verifying it never fails badly.
func FuzzParse(f *testing.F) {
	s, _ := told(f)
	f.Add(of(f, s, revocation(s), s.To.Officers[0]).Marshal())
	f.Fuzz(func(t *testing.T, data []byte) {
		n, _, err := notice.Parse(data)
		if err != nil {
			return
		}
		if !bytes.Equal(n.Marshal(), data) {
			t.Fatal("written otherwise")
		}
		n.Verify(s.Pins().Authorities["nl"], s.Now())
	})
}
