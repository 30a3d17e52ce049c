package agent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// rewrite changes the bodies of good answers whose path ends so.
func rewrite(suffix string, change func([]byte) []byte) func(*http.Request, call) (*http.Response, error) {
	return func(r *http.Request, next call) (*http.Response, error) {
		resp, err := next(r)
		if err != nil || resp.StatusCode/100 != 2 || !strings.HasSuffix(r.URL.Path, suffix) {
			return resp, err
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(change(b)))
		return resp, nil
	}
}

// recordOf changes the record in an answer.
func recordOf(t *testing.T, f func(*wire.RecordProof)) func([]byte) []byte {
	return func(b []byte) []byte {
		var p wire.RecordProof
		check(t, json.Unmarshal(b, &p))
		f(&p)
		out, err := json.Marshal(p)
		check(t, err)
		return out
	}
}

// TestLyingRelay reads records from a relay that lies. Each lie is found, is an
// error of verification, and is not remembered: the honest answer is taken after.
func TestLyingRelay(t *testing.T) {
	w := newCase(t)
	w.accept()
	w.revoke()
	s := w.connect("de", "lab-1")
	snap, err := s.Sync(t.Context(), w.request)
	check(t, err)
	other := snap.Records[custody.AuthorityRecord("nl")]
	flip := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b }
	id := "/v1/records/" + w.request
	cut := func(p *wire.RecordProof) { p.Lines = p.Lines[:len(p.Lines)-1] }
	hidden := func(reason, by string) func(*wire.RecordProof) { // the revocation
		return func(p *wire.RecordProof) {
			last := &p.Lines[len(p.Lines)-1]
			line := last.Custody()
			*last = wire.Line{Index: last.Index, Entry: []byte{}, Envelope: []byte{}, Gap: custody.NewGap(&line, reason, by), Proof: last.Proof}
		}
	}
	for _, row := range []struct {
		name string
		lie  func(*http.Request, call) (*http.Response, error)
	}{
		{"the revocation is left out", rewrite(id, recordOf(t, cut))},
		{"the revocation is said to be erased", rewrite(id, recordOf(t, hidden(custody.GapErased, snap.Checkpoint.Origin)))},
		{"the revocation is withheld", rewrite(id, recordOf(t, hidden(custody.GapRedacted, "de")))},
		{"a line in the middle is left out", rewrite(id, recordOf(t, func(p *wire.RecordProof) { p.Lines = slices.Delete(p.Lines, 1, 2) }))},
		{"two lines are swapped", rewrite(id, recordOf(t, func(p *wire.RecordProof) { p.Lines[1], p.Lines[2] = p.Lines[2], p.Lines[1] }))},
		{"two indexes are swapped", rewrite(id, recordOf(t, func(p *wire.RecordProof) { p.Lines[1].Index, p.Lines[2].Index = p.Lines[2].Index, p.Lines[1].Index }))},
		{"a line of another record", rewrite(id, recordOf(t, func(p *wire.RecordProof) { p.Lines = append(p.Lines, other[0]) }))},
		{"only another record's lines", rewrite(id, recordOf(t, func(p *wire.RecordProof) { p.Lines = other }))},
		{"another record", rewrite(id, recordOf(t, func(p *wire.RecordProof) { p.Record = "authority/nl" }))},
		{"a line twice", rewrite(id, recordOf(t, func(p *wire.RecordProof) { p.Lines = append(p.Lines, p.Lines[len(p.Lines)-1]) }))},
		{"an altered entry", rewrite(id, recordOf(t, func(p *wire.RecordProof) {
			p.Lines[1].Entry = bytes.Replace(p.Lines[1].Entry, []byte(`"via": "de`), []byte(`"via": "nl`), 1)
		}))},
		{"another salt", rewrite(id, recordOf(t, func(p *wire.RecordProof) { p.Lines[3].Salt[0] ^= 1 }))},
		{"no directory of nl", rewrite("/v1/records/authority/nl", recordOf(t, func(p *wire.RecordProof) { p.Lines = nil }))},
		{"an old directory of nl", rewrite("/v1/records/authority/nl", recordOf(t, cut))},
		{"no descriptor", rewrite("/v1/records/relay", recordOf(t, func(p *wire.RecordProof) { p.Lines = nil }))},
		{"an altered checkpoint", rewrite("/log/checkpoint", flip)},
		{"an altered tile", rewriteTiles(flip)},
		{"a short tile", rewriteTiles(func(b []byte) []byte { return b[:len(b)-1] })},
		{"an empty tile", rewriteTiles(func([]byte) []byte { return nil })},
	} {
		s.Tamper(row.lie)
		if _, err := s.Sync(t.Context(), w.request); !errors.Is(err, agent.ErrVerify) {
			t.Errorf("%s: Sync = %v", row.name, err)
		}
		if _, err := s.Report(t.Context(), thisYear); !errors.Is(err, agent.ErrVerify) {
			t.Errorf("%s: Report = %v", row.name, err)
		}
	}
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) { return next(r) })
	if _, err := s.Sync(t.Context(), w.request); err != nil {
		t.Errorf("the honest answer is refused: %v", err)
	}
	if _, err := s.Report(t.Context(), thisYear); err != nil {
		t.Errorf("no report of the honest answer: %v", err)
	}
}

func rewriteTiles(change func([]byte) []byte) func(*http.Request, call) (*http.Response, error) {
	return func(r *http.Request, next call) (*http.Response, error) {
		return rewrite(r.URL.Path, func(b []byte) []byte {
			if strings.HasPrefix(r.URL.Path, "/log/tile/entries/") {
				return change(b)
			}
			return b
		})(r, next)
	}
}

// TestRolledBack shows an agent the log as it was, and another log of one size.
func TestRolledBack(t *testing.T) {
	w := newCase(t)
	s := w.connect("de", "lab-1")
	old, err := s.Checkpoint(t.Context())
	check(t, err)
	w.accept()
	_, err = s.Sync(t.Context(), w.request)
	check(t, err)
	s.Tamper(rewrite("/log/checkpoint", func([]byte) []byte { return old }))
	if _, err := s.Sync(t.Context(), w.request); !errors.Is(err, agent.ErrVerify) {
		t.Errorf("rolled back: Sync = %v", err)
	}

	snap, err := w.connect("de", "lab-1").Sync(t.Context(), w.request)
	check(t, err)
	fork := snap.Checkpoint
	fork.Root[0] ^= 1
	signed, err := translog.Sign(fork, w.cfg.LogKey, time.Now())
	check(t, err)
	s.Tamper(rewrite("/log/checkpoint", func([]byte) []byte { return signed }))
	if _, err := s.Sync(t.Context(), w.request); !errors.Is(err, agent.ErrVerify) {
		t.Errorf("another root at the same size: Sync = %v", err)
	}

	have := w.seen("nl")
	w.revoke()
	_, err = w.connect("nl", "lab-1").Sync(t.Context(), w.request)
	check(t, err)
	if now := w.seen("nl"); len(now) != 1 || slices.Equal(now, have) {
		t.Errorf("remembered is %q, before it was %q", now, have)
	}
}

// TestHello: the relay's half is missing, or of another connection.
func TestHello(t *testing.T) {
	w := newWorld(t)
	de := w.connect("de", "lab-1")
	for name, half := range map[string][]byte{"missing": nil, "malformed": []byte("{}")} {
		err := de.SayHello(t.Context(), rewrite("/v1/hello", func(b []byte) []byte {
			var h wire.HelloResponse
			check(t, json.Unmarshal(b, &h))
			h.Relay = half
			out, err := json.Marshal(h)
			check(t, err)
			return out
		}))
		if !errors.Is(err, agent.ErrVerify) {
			t.Errorf("%s: hello = %v", name, err)
		}
	}
}

// TestOtherRelay connects to a relay that has its own root.
func TestOtherRelay(t *testing.T) {
	w := newWorld(t)
	v := &world{t: t, folder: t.TempDir(), homes: map[string]*agent.Home{}, reads: &counter{}, writes: &counter{}}
	v.describe()
	v.start()
	t.Cleanup(func() { v.stop() })
	check(t, w.homes["de"].Trust.PinRelay(relayName, w.fp, []string{v.cfg.Listen}))
	if _, err := w.agent("de").Connect(t.Context(), "de/agent/lab-1"); !errors.Is(err, agent.ErrVerify) {
		t.Errorf("Connect = %v", err)
	}
}

// TestHostileReserve answers a reservation with ids that must not become folders.
func TestHostileReserve(t *testing.T) {
	w := newCase(t)
	kept := w.send().Package
	head, err := w.homes["de"].Head(w.request, kept)
	check(t, err)
	for _, id := range []string{"../../../../evil", strings.ToUpper(kept), "", kept + "/x", kept} {
		s := w.connect("de", "lab-1")
		s.Tamper(rewrite("/v1/packages", func([]byte) []byte {
			b, err := json.Marshal(wire.Reservation{Package: id, Epoch: 1, PartSize: seal.PartSize})
			check(t, err)
			return b
		}))
		_, err := w.agent("de").Send(t.Context(), s, w.request, exhibits(t, 10), agent.SendOptions{})
		if !errors.Is(err, agent.ErrVerify) {
			t.Errorf("package id %q: Send = %v", id, err)
		}
		if list := w.packages("de"); len(list) != 1 {
			t.Errorf("package id %q: the home has %q", id, list)
		}
	}
	if now, err := w.homes["de"].Head(w.request, kept); err != nil || !bytes.Equal(now, head) {
		t.Errorf("the head of the first package is gone: %v", err)
	}
}

// TestBusyRelay: a reservation of a process that died is not forgotten because the
// relay has no time for it now.
func TestBusyRelay(t *testing.T) {
	w := newCase(t)
	s := w.connect("de", "lab-1")
	grant := w.kase().Live().SHA256
	res, err := s.Reserve(t.Context(), wire.Reserve{Package: custody.PackageID([16]byte{7}), Request: w.request, Grant: grant, PayloadSize: 1000})
	check(t, err)
	check(t, w.homes["de"].PlantOpen(w.request, res.Package, s.ID, res.Epoch))
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/epoch") {
			return problem(t, wire.CodeStorage), nil
		}
		return next(r)
	})
	if _, err := w.agent("de").Send(t.Context(), s, w.request, exhibits(t, 10), agent.SendOptions{}); wire.CodeOf(err) != wire.CodeStorage {
		t.Errorf("Send = %v", err)
	}
	if now := w.packages("de"); len(now) != 1 || now[0] != res.Package {
		t.Errorf("the home has %q, want %q", now, res.Package)
	}
	w.send()
	if _, err := w.connect("de", "lab-1").Package(t.Context(), res.Package); wire.CodeOf(err) != custody.CodeNoSuchPackage {
		t.Errorf("the relay still has the reservation: %v", err)
	}
}

// problem is a relay's answer.
func problem(t testing.TB, code custody.Code) *http.Response {
	t.Helper()
	p := wire.NewProblem(code, "")
	b, err := json.Marshal(p)
	check(t, err)
	return &http.Response{StatusCode: p.Status, Header: http.Header{"Content-Type": {wire.TypeProblem}}, Body: io.NopCloser(bytes.NewReader(b))}
}

// TestUnprovenAnswers: an answer without a proof in the log is no success.
func TestUnprovenAnswers(t *testing.T) {
	w := newCase(t)
	w.accept()
	blank := func([]byte) []byte {
		return []byte(`{"checkpoint":"","line":{"index":0,"entry":"","envelope":"","salt":"` + strings.Repeat("0", 64) + `","proof":[]}}`)
	}
	s := w.connect("de", "lab-1")
	s.Tamper(rewrite("/unlock", blank))
	sent, err := w.agent("de").Send(t.Context(), s, w.request, exhibits(t, 10), agent.SendOptions{})
	if !errors.Is(err, agent.ErrVerify) || sent == nil || sent.Unlocked {
		t.Fatalf("Send = %+v, %v", sent, err)
	}
	if _, err := w.homes["de"].Head(w.request, sent.Package); err != nil {
		t.Errorf("the head is gone: %v", err)
	}
	_, err = w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request)
	check(t, err)
	nl, into := w.connect("nl", "lab-1"), t.TempDir()
	nl.Tamper(rewrite("/release", blank))
	if _, err := w.agent("nl").Fetch(t.Context(), nl, w.request, into); !errors.Is(err, agent.ErrVerify) {
		t.Errorf("release: Fetch = %v", err)
	}
	empty(t, into)
	nl.Tamper(rewrite("/v1/statements", blank))
	if _, err := w.agent("nl").Fetch(t.Context(), nl, w.request, into); !errors.Is(err, agent.ErrVerify) {
		t.Errorf("receipt: Fetch = %v", err)
	}
}
