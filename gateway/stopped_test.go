package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// revocation, withdrawal, a suspension by either side and a recall each stop a package on its way.
func (s *story) revocation() {
	s.file(s.as(s.nl.desk), sign(s.t, &custody.Revocation{Header: s.header("nl", s.after), Request: s.request.SHA256, Grant: s.grant.SHA256, Reason: "error"},
		s.nl.officers[0]), nil)
}

func (s *story) withdrawal() {
	s.file(s.as(s.fr.desk), sign(s.t, &custody.Withdrawal{Header: s.header("fr", s.after), Request: s.request.SHA256, Reason: "error"}, s.fr.officers[0]), nil)
}

// untilDenied waits until the record says that an act was refused.
func (s *story) untilDenied(want custody.Denied) {
	s.t.Helper()
	c := s.as(s.nl.desk)
	for cursor := ""; ; {
		if slices.ContainsFunc(s.events(c, s.id()), func(ev custody.Event) bool {
			d := ev.Denied
			return d != nil && d.By == want.By && d.Act == want.Act && d.Code == want.Code
		}) {
			return
		}
		news, err := c.Changes(s.t.Context(), cursor, 10)
		check(s.t, err)
		cursor = news.Cursor
	}
}

// TestStoppedMidAnswer: an answer that has begun ends with what stops it, although its
// recipient reads nothing at all.
func TestStoppedMidAnswer(t *testing.T) {
	for name, row := range map[string]struct {
		stop func(*story, *bundle)
		code custody.Code
	}{
		"recall":                             {func(s *story, b *bundle) { s.file(s.as(s.nl.lab), s.recallOf(b, "nl/agent/lab", s.nl.lab.key), nil) }, custody.CodePackageRecalled},
		"revocation":                         {func(s *story, _ *bundle) { s.revocation() }, custody.CodeGrantRevoked},
		"withdrawal":                         {func(s *story, _ *bundle) { s.withdrawal() }, custody.CodeRequestEnded},
		"suspension":                         {func(s *story, _ *bundle) { s.suspends(s.nl, "fr") }, custody.CodePairSuspended},
		"suspension by the recipient's side": {func(s *story, _ *bundle) { s.suspends(s.fr, "nl") }, custody.CodePairSuspended},
	} {
		for _, transport := range []string{link.H2, link.H3} {
			t.Run(name+" over "+transport, func(t *testing.T) {
				w := newRelay(t)
				s := w.agreed()
				s.accepted()
				const size = 6 * seal.PartPlain // more than the windows and buffers on the way hold
				b := s.take(s.packOf(size), 1)
				w.over(w.fr.lab, transport)
				conn := w.conns[len(w.conns)-1]
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+origin+"/v1/packages/"+b.id+"/payload", nil)
				check(t, err)
				resp, err := conn.RoundTrip(r)
				check(t, err)
				defer resp.Body.Close()
				row.stop(s, b)
				s.untilDenied(custody.Denied{By: "fr/agent/lab", Act: custody.ActPayload, Code: row.code})
				n, err := io.Copy(io.Discard, resp.Body)
				if err == nil || n >= b.size {
					t.Errorf("after that %d of %d bytes came, error %v", n, b.size, err)
				}
			})
		}
	}
}

// TestStoppedMidPart: a part that is on its way ends with what stops it, although
// nothing of it moves any more, and is not kept.
func TestStoppedMidPart(t *testing.T) {
	for name, row := range map[string]struct {
		stop func(*story)
		code custody.Code
	}{
		"revocation":                         {(*story).revocation, custody.CodeGrantRevoked},
		"withdrawal":                         {(*story).withdrawal, custody.CodeRequestEnded},
		"suspension":                         {func(s *story) { s.suspends(s.nl, "fr") }, custody.CodePairSuspended},
		"suspension by the recipient's side": {func(s *story) { s.suspends(s.fr, "nl") }, custody.CodePairSuspended},
		"the operator's policy, with the next entry of others": {func(s *story) {
			s.gate.SetPolicy(policyOf(s.t, `@id("closed") forbid (principal, action == Action::"part", resource);`))
			s.suspends(s.de, "fr")
		}, custody.CodeOperatorPolicy},
	} {
		for _, transport := range []string{link.H2, link.H3} {
			t.Run(name+" over "+transport, func(t *testing.T) {
				w, store := onSlow(t)
				begun := newGate()
				close(begun.open)
				store.set(func() { store.onPart = func(ctx context.Context, _, _ string, _ objects.Part) { begun.pass(ctx) } })
				s := w.agreed()
				b := s.packOf(1000)
				s.reserve(w.as(w.nl.lab), b)
				w.over(w.nl.lab, transport)
				conn := w.conns[len(w.conns)-1]
				body, feed := io.Pipe()
				defer feed.Close()
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://"+origin+"/v1/packages/"+b.id+"/parts/0", body)
				check(t, err)
				r.ContentLength = int64(len(b.parts[0]))
				r.Header.Set("Content-Type", wire.TypeBytes)
				r.Header.Set("Content-Digest", wire.ContentDigest(b.sums[0]))
				r.Header.Set(wire.EpochHeader, strconv.FormatInt(b.epoch, 10))
				stopped := make(chan struct{})
				go func() {
					defer close(stopped)
					feed.Write(b.parts[0][:100])
					<-begun.reached
					row.stop(s)
				}()
				resp, err := conn.RoundTrip(r)
				check(t, err)
				defer resp.Body.Close()
				<-stopped
				var p wire.Problem
				text, err := io.ReadAll(resp.Body)
				check(t, err)
				check(t, json.Unmarshal(text, &p))
				if p.Code != row.code {
					t.Errorf("answered %s: %s", resp.Status, text)
				}
				st, err := w.as(w.nl.desk).Package(t.Context(), b.id)
				if err != nil || st.Present[0] != 0 {
					t.Errorf("the package is %+v, %v", st, err)
				}
			})
		}
	}
}
