package agent_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// TestPublishedOnItsWord: a relay that says it has a directory has to prove it.
func TestPublishedOnItsWord(t *testing.T) {
	w := newWorld(t)
	r := officer.NewRegistry(w.homes["de"])
	d, err := r.Draft()
	check(t, err)
	check(t, d.SetStatus("de/officer/mla-1", custody.StatusRevoked))
	check(t, r.Save(d))
	g, err := r.Sign(time.Time{}, time.Now())
	check(t, err)
	s := w.connect("de", "")
	s.Tamper(rewrite("/v1/directory/de", func(b []byte) []byte {
		var a wire.AuthorityState
		check(t, json.Unmarshal(b, &a))
		a.Directory = g.Statement.Envelope
		out, err := json.Marshal(a)
		check(t, err)
		return out
	}))
	for range 2 { // the second time it is true
		if p, err := r.Publish(t.Context(), s, g.Statement); err != nil || p.Entry != nil || p.Roots != 0 {
			t.Errorf("Publish = %+v, %v", p, err)
		}
	}
	snap, err := w.connect("nl", "lab-1").Sync(t.Context(), "", "de")
	check(t, err)
	if _, active := snap.Book.View().Authorities["de"].Active("de/officer/mla-1", statement.At(time.Now())); active {
		t.Error("the revocation is not in the log")
	}
}

// TestProposalOfNobody: officers do not complete what the relay has drafted, or
// somebody whom the directory does not list.
func TestProposalOfNobody(t *testing.T) {
	w := newCase(t)
	w.publish("nl", func(d *officer.Draft) { d.Rules.Acceptance = 2 })
	s := w.connect("nl", "desk-1")
	desk := &officer.Desk{Home: w.homes["nl"], Session: s, Now: time.Now}
	snap, err := s.Sync(t.Context(), w.request)
	check(t, err)
	p, err := desk.Office(snap).Acceptance(s.Header(snap, w.request), snap.Case(w.request))
	check(t, err)
	officerKey, err := w.homes["nl"].Key("nl/officer/mla-1")
	check(t, err)
	for _, row := range []struct {
		name   string
		by     *keys.Private // nobody, if nil
		listed bool
		lie    bool // nothing that can happen by itself
	}{
		{"signed by nobody", nil, false, true},
		{"signed by a stranger", keys.Generate(), false, false},
		{"signed by an officer", officerKey, true, false},
	} {
		env, err := custody.Draft(p.Body)
		check(t, err)
		if row.by != nil {
			env.Sign(row.by)
		}
		state := wire.ProposalState{SHA256: env.SHA256(), Record: custody.RecordID(w.request), Kind: custody.KindAcceptance,
			Envelope: env.Marshal(), Expires: statement.At(time.Now())}
		s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
			switch {
			case r.URL.Path == "/v1/proposals":
				b, err := json.Marshal(wire.Proposals{Proposals: []wire.ProposalState{state}})
				check(t, err)
				return answer(b), nil
			case strings.HasSuffix(r.URL.Path, "/signatures"):
				t.Errorf("%s: it is signed", row.name)
			}
			return next(r)
		})
		list, err := desk.Proposals(t.Context())
		if errors.Is(err, agent.ErrVerify) != row.lie || len(list) == 1 != row.listed {
			t.Errorf("%s: %d proposals, %v", row.name, len(list), err)
		}
		st, err := custody.ParseStatement(env.Marshal())
		check(t, err)
		_, err = desk.CoSign(t.Context(), snap, officer.Proposal{Statement: st})
		if errors.Is(err, officer.ErrSigned) != row.listed {
			t.Errorf("%s: CoSign = %v", row.name, err)
		}
	}
}
