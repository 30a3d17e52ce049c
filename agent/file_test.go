package agent_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"

	"golang.org/x/mod/sumdb/tlog"
)

const logOrigin = "relay.example"

// acceptance returns a statement of a case.
func acceptance(t *testing.T, k *keys.Private) *custody.Statement {
	t.Helper()
	st, err := custody.Sign(&custody.Acceptance{
		Header: custody.Header{Relay: logOrigin, By: "nl", Issued: statement.At(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)),
			After: &custody.Ref{Leaf: custody.Digest{1}}},
		Request: custody.Digest{2}, Grant: custody.Digest{3},
	}, k)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// logged returns what a relay answers for a statement that stands alone in its log.
func logged(t *testing.T, signer *translog.LogSigner, first custody.Digest, st *custody.Statement) *wire.Proof {
	t.Helper()
	e := custody.Entry{Type: "comity/entry/v1", Relay: logOrigin, Record: st.Record(), Seq: 4, Kind: st.Kind, Statement: st.SHA256,
		Envelope: custody.HashOf(st.Envelope), Time: st.Header.Issued, Directories: []custody.DirectoryRef{},
		Decision: custody.Decision{Code: custody.CodeAllowed, Rule: "acceptance"}}
	l := custody.Line{Entry: e.Marshal(), Envelope: st.Envelope, Salt: custody.Digest{5}}
	root := l.Leaf(first, e.Seq).Hash() // of a tree with one leaf
	cp, err := translog.Sign(translog.Checkpoint{Origin: logOrigin, Size: 1, Root: tlog.Hash(root)}, signer, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &wire.Proof{Checkpoint: string(cp), Line: wire.Line{Entry: l.Entry, Envelope: l.Envelope, Salt: l.Salt, Proof: []custody.Digest{}}}
}

func newLog(t *testing.T) (*translog.LogSigner, *translog.LogKey) {
	t.Helper()
	secret, public, err := translog.GenerateLog(logOrigin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := translog.ParseLog(secret, logOrigin)
	if err != nil {
		t.Fatal(err)
	}
	return s, public
}

// TestProof: an answer counts only if exactly this statement stands in the log
// that the pinned key signs, in the record where it belongs.
func TestProof(t *testing.T) {
	k := keys.Generate()
	signer, log := newLog(t)
	other, _ := newLog(t)
	st := acceptance(t, k)
	first := custody.Digest{2}
	good := logged(t, signer, first, st)
	if e, err := agent.CheckProof(logOrigin, log, good, first, st); err != nil || e.Seq != 4 {
		t.Fatalf("a good proof: %v", err)
	}
	for name, p := range map[string]*wire.Proof{
		"another log's key":       logged(t, other, first, st),
		"another statement":       logged(t, signer, first, acceptance(t, k)),
		"another record's tag":    logged(t, signer, custody.Digest{9}, st),
		"another salt":            changed(good, func(p *wire.Proof) { p.Line.Salt[0]++ }),
		"another place":           changed(good, func(p *wire.Proof) { p.Line.Index = 1 }),
		"a longer path":           changed(good, func(p *wire.Proof) { p.Line.Proof = []custody.Digest{{1}} }),
		"another envelope":        changed(good, func(p *wire.Proof) { p.Line.Envelope = acceptance(t, k).Envelope }),
		"an entry of another log": changed(good, func(p *wire.Proof) { p.Line.Entry = []byte("{}") }),
		"no checkpoint":           changed(good, func(p *wire.Proof) { p.Checkpoint = "" }),
	} {
		if _, err := agent.CheckProof(logOrigin, log, p, first, st); err == nil {
			t.Errorf("%s: the proof is accepted", name)
		}
	}
}

func changed(p *wire.Proof, f func(*wire.Proof)) *wire.Proof {
	n := *p
	f(&n)
	return &n
}

func TestLockCase(t *testing.T) {
	h, err := agent.CreateHome(filepath.Join(t.TempDir(), "nl"), "nl")
	if err != nil {
		t.Fatal(err)
	}
	id := custody.PackageID([16]byte{1})
	unlock, err := h.LockCase(id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.LockCase(id); !errors.Is(err, agent.ErrTryLater) {
		t.Errorf("locking a locked case: %v, want ErrTryLater", err)
	}
	if other, err := h.LockCase(custody.PackageID([16]byte{2})); err != nil {
		t.Errorf("another case: %v", err)
	} else {
		other()
	}
	unlock()
	if again, err := h.LockCase(id); err != nil {
		t.Errorf("after unlocking: %v", err)
	} else {
		again()
	}
	if _, err := h.LockCase("../../x"); err == nil {
		t.Error("a path was taken for a request")
	}
}
