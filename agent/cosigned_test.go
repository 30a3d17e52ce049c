package agent_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// witness is one of an authority, with both its keys.
type witness struct {
	id   custody.PartyID
	keys []*translog.Cosigner
}

// witnessed has an authority list a witness.
func (w *world) witnessed(name string) *witness {
	w.t.Helper()
	x := &witness{id: custody.PartyID(name + "/witness/1")}
	e := custody.Enrolment{Authority: name, ID: x.id, Issued: statement.At(time.Now())}
	for _, alg := range []translog.Algorithm{translog.Ed25519, translog.MLDSA44} {
		secret, _, err := translog.GenerateCosigner(string(x.id), alg)
		check(w.t, err)
		k, err := translog.ParseCosigner(secret)
		check(w.t, err)
		x.keys = append(x.keys, k)
		e.Cosigners = append(e.Cosigners, custody.ProveCosigner(x.id, k))
	}
	env, err := custody.Enrol(e, keys.Generate())
	check(w.t, err)
	w.publish(name, func(d *officer.Draft) {
		_, err := officer.NewRegistry(w.homes[name]).Add(d, env, officer.AddOptions{}, time.Now())
		check(w.t, err)
	})
	return x
}

// cosigned has a relay show its newest tree, or the one of a checkpoint, cosigned by
// witnesses so long ago.
func (w *world) cosigned(s *agent.Session, at []byte, ago time.Duration, by ...*witness) {
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if r.URL.Path != "/log/cosigned" {
			return next(r)
		}
		note := at
		if note == nil {
			r.URL.Path = "/log/checkpoint"
			resp, err := next(r)
			if err != nil {
				return nil, err
			}
			note, err = io.ReadAll(resp.Body)
			check(w.t, err)
		}
		c, err := translog.Open(note, relayName, w.cfg.LogKey.Key())
		check(w.t, err)
		for _, x := range by {
			for _, k := range x.keys {
				line, err := k.Cosign(c, time.Now().Add(-ago))
				check(w.t, err)
				note = append(note, line...)
			}
		}
		return answer(note), nil
	})
}

// TestCosigned: where both States list witnesses, a key leaves and a package is taken by a
// tree that one of each has cosigned within ten minutes, and by no other; the error names
// who is missing, and nothing has moved.
func TestCosigned(t *testing.T) {
	w := newCase(t)
	pkg := w.send().Package
	before, err := w.connect("de", "lab-1").Checkpoint(t.Context())
	check(t, err)
	w.accept()
	de, nl := w.witnessed("de"), w.witnessed("nl")
	unlock := func(at []byte, ago time.Duration, by ...*witness) error {
		s := w.connect("de", "lab-1")
		s.CosignWait(0)
		w.cosigned(s, at, ago, by...)
		_, err := w.agent("de").Unlock(t.Context(), s, w.request)
		if _, gone := w.homes["de"].Head(w.request, pkg); (gone != nil) != (err == nil) {
			t.Errorf("Unlock = %v, and the head: %v", err, gone)
		}
		return err
	}
	for _, row := range []struct {
		name, says string
		err        error
	}{
		{"nobody", "missing at", unlock(nil, 0)},
		{"one State's alone", "nl/witness/1", unlock(nil, 0, de)},
		{"eleven minutes ago", "late are de/witness/1, nl/witness/1", unlock(nil, 11*time.Minute, de, nl)},
		{"an hour ahead", "which is to come", unlock(nil, -time.Hour, de, nl)},
		{"a tree before the acceptance", "does not show yet what is needed (not-accepted)", unlock(before, 0, de, nl)},
	} {
		if !errors.Is(row.err, agent.ErrNotCosigned) || !errors.Is(row.err, agent.ErrTryLater) || !strings.Contains(row.err.Error(), row.says) {
			t.Errorf("cosigned by %s: %v", row.name, row.err)
		}
	}
	other := &witness{nl.id, de.keys}
	if err := unlock(nil, 0, de, other); !errors.Is(err, agent.ErrNotCosigned) {
		t.Errorf("cosigned twice by one: %v", err)
	}
	check(t, unlock(nil, 9*time.Minute, de, nl))
	// The unlock is signed on the tree that was cosigned: it names it, and an entry in it.
	snap, err := w.connect("nl", "lab-1").Sync(t.Context(), w.request)
	check(t, err)
	lines := snap.Records[custody.RecordID(w.request)]
	l := lines[len(lines)-1].Custody()
	_, st, err := l.Parse()
	check(t, err)
	if b, ok := st.Body.(*custody.Unlock); !ok || b.Checkpoint.Size != l.Index || b.After.Seq != int64(len(lines)-2) {
		t.Errorf("the last entry is %+v", st.Body)
	}

	s := w.connect("nl", "lab-1")
	s.CosignWait(0)
	w.cosigned(s, before, 0, de, nl)
	into := t.TempDir()
	if _, err := w.agent("nl").Fetch(t.Context(), s, w.request, into); !errors.Is(err, agent.ErrNotCosigned) {
		t.Errorf("Fetch = %v", err)
	}
	if n := w.statementsOf(custody.KindRelease); n != 0 {
		t.Errorf("%d releases were signed", n)
	}
	empty(t, into)
	w.cosigned(s, nil, 0, de, nl)
	list, err := w.agent("nl").Fetch(t.Context(), s, w.request, into)
	check(t, err)
	if len(list) != 1 {
		t.Errorf("fetched %d", len(list))
	}
}

// TestCosignedWait: what allows waits for the witnesses, what stops does not: a revocation
// that no witness has seen keeps the head at home.
func TestCosignedWait(t *testing.T) {
	w := newCase(t)
	w.send()
	before, err := w.connect("de", "lab-1").Checkpoint(t.Context())
	check(t, err)
	de := w.witnessed("de")
	w.accept()
	after, err := w.connect("de", "lab-1").Checkpoint(t.Context())
	check(t, err)

	s := w.connect("de", "lab-1")
	asked := 0
	old, now := w.connect("de", "lab-1"), w.connect("de", "lab-1")
	w.cosigned(old, before, 0, de)
	w.cosigned(now, after, 0, de)
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if r.URL.Path != "/log/cosigned" {
			return next(r)
		}
		from := old
		if asked++; asked > 1 {
			from = now
		}
		note, err := from.Cosigned(r.Context())
		check(t, err)
		if asked > 1 {
			w.revoke()
		}
		return answer(note), nil
	})
	if _, err := w.agent("de").Unlock(t.Context(), s, w.request); asked != 2 || err == nil || errors.Is(err, agent.ErrNotCosigned) || !strings.Contains(err.Error(), string(custody.CodeGrantRevoked)) {
		t.Errorf("Unlock = %v after %d looks", err, asked)
	}
	if n := w.statementsOf(custody.KindUnlock); n != 0 {
		t.Errorf("%d unlocks were signed", n)
	}
}

// TestWitnessPolicyFile: a home's own file stands in for the directories, and one that does
// not name the log is refused.
func TestWitnessPolicyFile(t *testing.T) {
	w := newCase(t)
	w.send()
	w.accept()
	de, nl := w.witnessed("de"), w.witnessed("nl")
	policy := func(text string) error {
		h := w.homes["de"]
		check(t, os.WriteFile(filepath.Join(h.Dir(), "policy"), []byte(text), 0o600))
		h.Config.WitnessPolicy = "policy"
		s := w.connect("de", "lab-1")
		s.CosignWait(0)
		w.cosigned(s, nil, 0, nl)
		_, err := w.agent("de").Unlock(t.Context(), s, w.request)
		return err
	}
	line := func(x *witness) string { return fmt.Sprintf("witness w %s\nquorum w\n", x.keys[0].Key()) }
	if err := policy(line(de)); !errors.Is(err, agent.ErrNotCosigned) || !strings.Contains(err.Error(), "de/witness/1") {
		t.Errorf("a policy of the other witness: %v", err)
	}
	for name, text := range map[string]string{"nonsense": "quorum\n", "another log": "log " + strings.Replace(line(nl), "witness w ", "", 1)} {
		if err := policy(text); err == nil || errors.Is(err, agent.ErrNotCosigned) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, policy(line(nl)))
}
