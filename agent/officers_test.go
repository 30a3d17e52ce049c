package agent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
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
// somebody whom the directory does not list, or what was altered on its way.
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
		alter  bool // a byte of what was signed
	}{
		{"signed by nobody", nil, false, true, false},
		{"signed by a stranger", keys.Generate(), false, false, false},
		{"signed by an officer", officerKey, true, false, false},
		{"signed by an officer and altered since", officerKey, false, true, true},
	} {
		env, err := custody.Draft(p.Body)
		check(t, err)
		if row.by != nil {
			env.Sign(row.by)
		}
		if row.alter { // the relay, or who sits between, has another grant accepted
			i := bytes.Index(env.Payload, []byte(`"grant_sha256": "`)) + len(`"grant_sha256": "`)
			env.Payload[i] = map[bool]byte{true: '1', false: '0'}[env.Payload[i] == '0'] // another digit
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

// TestPullLies: a registrar's machine goes on from what the relay has only if that
// follows from the pinned root, and never behind or beside what it knows.
func TestPullLies(t *testing.T) {
	w := newWorld(t)
	h, err := agent.CreateHome(filepath.Join(t.TempDir(), "r2"), "de")
	check(t, err)
	check(t, h.Trust.PinAuthority("de", w.homes["de"].Trust.Pins()["de"]))
	check(t, h.Trust.PinRelay(relayName, w.fp, []string{w.cfg.Listen}))
	ag, err := agent.New(&agent.Config{Home: h})
	check(t, err)
	s, err := ag.Connect(t.Context(), "")
	check(t, err)
	defer s.Close()
	r, full := officer.NewRegistry(h), officer.NewRegistry(w.homes["de"])
	first, err := full.Published()
	check(t, err)

	// Two of version 2 are signed, one is published.
	sign := func(n int64) *custody.Statement {
		d, err := full.Draft()
		check(t, err)
		d.Rules.Grant, d.Rules.Sensitive = n, n
		check(t, full.Save(d))
		g, err := full.Sign(time.Time{}, time.Now())
		check(t, err)
		return g.Statement
	}
	fork, second := sign(3), sign(2)
	_, err = full.Publish(t.Context(), w.connect("de", ""), second)
	check(t, err)

	serve := func(change func(*wire.AuthorityState)) {
		s.Tamper(rewrite("/v1/directory/de", func(b []byte) []byte {
			var a wire.AuthorityState
			check(t, json.Unmarshal(b, &a))
			change(&a)
			out, err := json.Marshal(a)
			check(t, err)
			return out
		}))
	}
	lies := map[string]func(*wire.AuthorityState){
		"a directory cut short": func(a *wire.AuthorityState) { a.Directory = a.Directory[:len(a.Directory)/2] },
		"another's directory": func(a *wire.AuthorityState) {
			nl, err := officer.NewRegistry(w.homes["nl"]).Published()
			check(t, err)
			a.Directory = nl.Envelope
		},
		"another's root": func(a *wire.AuthorityState) {
			nl, err := officer.NewRegistry(w.homes["nl"]).Roots()
			check(t, err)
			a.Roots[0] = nl[0].Envelope
		},
		"one signature of two": func(a *wire.AuthorityState) {
			env, err := statement.Parse(second.Envelope)
			check(t, err)
			k, err := w.homes["de"].Key("de/registrar/1")
			check(t, err)
			a.Directory = statement.New(env.PayloadType, env.Payload, k).Marshal()
		},
	}
	for name, lie := range lies {
		serve(lie)
		if _, err := r.Pull(t.Context(), s, time.Now()); !errors.Is(err, agent.ErrVerify) {
			t.Errorf("%s: Pull = %v", name, err)
		}
	}
	serve(func(*wire.AuthorityState) {})
	if news, err := r.Pull(t.Context(), s, time.Now()); err != nil || !news {
		t.Fatalf("Pull = %v, %v", news, err)
	}
	if news, err := r.Pull(t.Context(), s, time.Now()); err != nil || news {
		t.Errorf("Pull again = %v, %v", news, err)
	}
	for name, old := range map[string]*custody.Statement{"an old directory": first, "a fork": fork} {
		serve(func(a *wire.AuthorityState) { a.Directory = old.Envelope })
		if _, err := r.Pull(t.Context(), s, time.Now()); !errors.Is(err, agent.ErrVerify) || !strings.Contains(err.Error(), "without version 2") {
			t.Errorf("%s: Pull = %v", name, err)
		}
	}
	if pub, err := r.Published(); err != nil || pub.SHA256 != second.SHA256 {
		t.Errorf("what is known here is another directory: %v", err)
	}
}
