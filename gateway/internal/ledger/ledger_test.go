package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/records"
)

func TestEmpty(t *testing.T) {
	w := newWorld(t)
	if n := w.check(); n != 0 {
		t.Errorf("size %d of an empty log", n)
	}
	if w.l.Relay() != nil || len(w.l.View().Authorities) != 0 {
		t.Error("an empty log describes somebody")
	}
	if _, err := w.l.RecordProof(t.Context(), custody.RelayRecord, 0); !errors.Is(err, ledger.ErrNoRecord) {
		t.Errorf("RecordProof of an empty record = %v, want ErrNoRecord", err)
	}
	w.restart()
	w.check()
}

// TestCase files what a case begins with and replays it after each step.
func TestCase(t *testing.T) {
	w := newWorld(t)
	for i, s := range w.introductions() {
		p := w.submit(s, "")
		if p.Line.Index != int64(i) {
			t.Errorf("entry %d stands at %d", i, p.Line.Index)
		}
		w.check()
	}
	req := w.request(w.fr, w.nl)
	p := w.submit(req, w.fr.carrier())
	w.clock.add(time.Minute)
	w.submit(w.review(w.nl, req, ref(t, p)), w.nl.carrier())
	if n := w.check(); n != 7 {
		t.Errorf("size %d, want 7", n)
	}
	roots, directory, ok := w.l.Authority("nl")
	if !ok || len(roots) != 1 || !bytes.Equal(roots[0], w.nl.rootStatement.Envelope) || !bytes.Equal(directory, w.nl.dirStatement.Envelope) {
		t.Error("Authority(nl) does not return the newest envelopes")
	}
	if _, _, ok := w.l.Authority("de"); ok {
		t.Error("Authority(de) exists")
	}
	if !bytes.Equal(w.l.Relay(), w.relay.Envelope) {
		t.Error("Relay does not return the descriptor")
	}
	w.restart()
	w.check()
	if roots, _, _ := w.l.Authority("nl"); len(roots) != 1 {
		t.Error("after a restart the authority is forgotten")
	}
}

// TestRefused files what the rules do not allow; nothing of it is written.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	w.refuse(w.nl.dirStatement, "", custody.CodeRootNotPinned)
	stranger := w.newState("de")
	w.refuse(stranger.rootStatement, "", custody.CodeRootNotPinned)
	w.refuse(w.request(w.fr, w.nl), w.fr.carrier(), custody.CodeNoDirectory)
	for _, s := range w.introductions() {
		w.submit(s, "")
	}
	req := w.request(w.fr, w.nl)
	w.refuse(req, w.nl.carrier(), custody.CodeNotCarrier)
	w.refuse(req, w.fr.id("agent/lab-2"), custody.CodeNotActive)
	w.refuse(w.sign(req.Body, w.fr.lab), w.fr.carrier(), custody.CodeBadSignature)
	w.refuse(w.sign(w.nl.directory(w, 1, custody.Digest{}), w.nl.reg1, w.nl.reg2), "", custody.CodeFork)
	w.refuse(w.sign(w.nl.directory(w, 2, w.nl.dirStatement.SHA256), w.nl.reg1), "", custody.CodeBelowThreshold)
	p := w.submit(req, w.fr.carrier())
	after := ref(t, p)
	after.Leaf[0] ^= 1
	w.refuse(w.review(w.nl, req, after), w.nl.carrier(), custody.CodeBadAfter)
	w.check()
}

func TestRetry(t *testing.T) {
	w := newSetWorld(t)
	req := w.request(w.fr, w.nl)
	p := w.submit(req, w.fr.carrier())
	w.submit(w.request(w.fr, w.nl), w.fr.carrier())
	for range 2 {
		again, err := w.l.Submit(t.Context(), ledger.Submission{Statement: req, Via: w.fr.carrier(),
			In: func(*records.Tx) error { return errors.New("In ran for a retry") }})
		fatalIfErr(t, err)
		if again.Line.Index != p.Line.Index || again.Line.Salt != p.Line.Salt || !bytes.Equal(again.Line.Entry, p.Line.Entry) {
			t.Errorf("a retry got entry %d, want %d", again.Line.Index, p.Line.Index)
		}
		w.checkProof(again)
		w.restart()
	}
	// The other party of the case may have the proof, a stranger may not.
	w.submit(req, w.nl.carrier())
	w.refuse(req, w.fr.id("agent/none"), custody.CodeNotActive)
	// The same payload with another signature beside the first is another
	// envelope: the log commits to exact bytes, so it is no retry.
	env, err := statement.Parse(req.Envelope)
	fatalIfErr(t, err)
	env.Sign(w.fr.off2)
	other, err := custody.ParseStatement(env.Marshal())
	fatalIfErr(t, err)
	w.refuse(other, w.fr.carrier(), custody.CodeDuplicate)
	if n := w.check(); n != 7 {
		t.Errorf("size %d, want 7", n)
	}
}

// TestGroup lets many callers file at the same time. Whatever the order, the
// chain of each record and of the log holds.
func TestGroup(t *testing.T) {
	w := newSetWorld(t)
	const cases, reviews = 8, 12
	var wg sync.WaitGroup
	for range cases {
		req := w.request(w.fr, w.nl)
		wg.Go(func() {
			p, err := w.l.Submit(t.Context(), ledger.Submission{Statement: req, Via: w.fr.carrier()})
			if err != nil {
				t.Error(err)
				return
			}
			after := ref(t, p)
			for range reviews {
				s := w.review(w.nl, req, after)
				for range 2 { // a double click
					wg.Go(func() {
						if _, err := w.l.Submit(t.Context(), ledger.Submission{Statement: s, Via: w.nl.carrier()}); err != nil {
							t.Error(err)
						}
					})
				}
			}
		})
	}
	wg.Wait()
	if n := w.check(); n != 5+cases*(1+reviews) {
		t.Errorf("size %d, want %d", n, 5+cases*(1+reviews))
	}
}

// TestIn changes state of the caller's in the transaction of the entry, or not
// at all.
func TestIn(t *testing.T) {
	w := newSetWorld(t)
	proposal := func(s *custody.Statement) records.Proposal {
		return records.Proposal{SHA256: s.SHA256, Record: s.Record(), Kind: s.Kind, Authority: "fr", Envelope: s.Envelope, Expires: at(time.Hour)}
	}
	file := func(s *custody.Statement, err error) error {
		_, e := w.l.Submit(t.Context(), ledger.Submission{Statement: s, Via: w.fr.carrier(), In: func(tx *records.Tx) error {
			return errors.Join(tx.PutProposal(proposal(s)), err)
		}})
		return e
	}
	good, bad := w.request(w.fr, w.nl), w.request(w.fr, w.nl)
	errIn := errors.New("no")
	fatalIfErr(t, file(good, nil))
	if err := file(bad, errIn); !errors.Is(err, errIn) {
		t.Errorf("Submit = %v, want the error of In", err)
	}
	fatalIfErr(t, w.db.View(t.Context(), func(tx *records.Tx) error {
		if _, err := tx.Proposal(good.SHA256); err != nil {
			t.Errorf("what In wrote is lost: %v", err)
		}
		if _, err := tx.Proposal(bad.SHA256); !errors.Is(err, records.ErrNotFound) {
			t.Errorf("what a failed In wrote is there: %v", err)
		}
		return nil
	}))
	if n := w.check(); n != 6 {
		t.Errorf("size %d, want 6", n)
	}
	fatalIfErr(t, file(bad, nil))
	w.check()
}

func TestDecideAndRead(t *testing.T) {
	w := newSetWorld(t)
	req := w.request(w.fr, w.nl)
	record := func(via custody.PartyID) custody.Code {
		d, err := w.l.Decide(t.Context(), req.Record(), custody.Action{Act: custody.ActRecord, Via: via})
		fatalIfErr(t, err)
		return d.Code
	}
	if c := record(w.fr.carrier()); c != custody.CodeNoSuchRequest {
		t.Errorf("an unknown record: %q", c)
	}
	w.submit(req, w.fr.carrier())
	if c := record(w.fr.carrier()); c != custody.CodeAllowed {
		t.Errorf("a party reads: %q", c)
	}
	if c := record("de/agent/desk-1"); c != custody.CodeNoDirectory {
		t.Errorf("a stranger reads: %q", c)
	}
	d, err := w.l.Decide(t.Context(), custody.AuthorityRecord("nl"), custody.Action{Act: custody.ActRecord, Via: w.fr.carrier()})
	fatalIfErr(t, err)
	if !d.Allowed() {
		t.Errorf("an authority's record is closed: %v", d)
	}
	errStop := errors.New("stop")
	err = w.l.Read(t.Context(), req.Record(), func(r *custody.Record) error {
		if r.Len() != 1 || r.Case() == nil || r.Case().From != "fr" {
			t.Errorf("record of %d entries, case %v", r.Len(), r.Case())
		}
		return errStop
	})
	if err != errStop {
		t.Errorf("Read = %v, want the error of f", err)
	}
}

// TestRecordProofOfSize asks for a record as of an older checkpoint.
func TestRecordProofOfSize(t *testing.T) {
	w := newSetWorld(t)
	req := w.request(w.fr, w.nl)
	p := w.submit(req, w.fr.carrier())
	w.submit(w.review(w.nl, req, ref(t, p)), w.nl.carrier())
	for size, want := range map[int64]int{6: 1, 7: 2, 0: 2} {
		rp, err := w.l.RecordProof(t.Context(), req.Record(), size)
		fatalIfErr(t, err)
		if len(rp.Lines) != want {
			t.Errorf("at size %d: %d lines, want %d", size, len(rp.Lines), want)
		}
	}
	if rp, err := w.l.RecordProof(t.Context(), req.Record(), 6); err != nil || rp.Checkpoint != p.Checkpoint {
		t.Errorf("the checkpoint of size 6 is not the one that was handed out then: %v", err)
	}
	if _, err := w.l.RecordProof(t.Context(), req.Record(), 5); !errors.Is(err, ledger.ErrNoRecord) {
		t.Errorf("at size 5: %v, want ErrNoRecord", err)
	}
	if _, err := w.l.RecordProof(t.Context(), req.Record(), 8); !errors.Is(err, ledger.ErrNoCheckpoint) {
		t.Errorf("at size 8: %v, want ErrNoCheckpoint", err)
	}
}

func TestChanges(t *testing.T) {
	w := newSetWorld(t)
	list, next, err := w.l.Changes(t.Context(), "nl", 0, 0)
	fatalIfErr(t, err)
	if len(list) != 2 || next != 5 || list[1].Kind != custody.KindDirectory || list[1].Record != custody.AuthorityRecord("nl") {
		t.Errorf("Changes = %v, %d", list, next)
	}
	if list, next, err := w.l.Changes(t.Context(), "nl", 99, 0); err != nil || len(list) != 0 || next != 5 {
		t.Errorf("Changes beyond the end = %v, %d, %v", list, next, err)
	}
	req := w.request(w.fr, w.nl)
	got := make(chan error, 1)
	go func() {
		list, next, err := w.l.Changes(t.Context(), "nl", 5, time.Hour)
		if err == nil && (len(list) != 1 || list[0].Record != req.Record() || next != 6) {
			err = fmt.Errorf("got %v, %d", list, next)
		}
		got <- err
	}()
	w.submit(req, w.fr.carrier())
	fatalIfErr(t, <-got)
	if list, _, err := w.l.Changes(t.Context(), "de", 0, 0); err != nil || len(list) != 0 {
		t.Errorf("a stranger sees %v, %v", list, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list, _, err := w.l.Changes(ctx, "de", 6, time.Hour); len(list) != 0 {
		t.Errorf("Changes of one who left = %v, %v", list, err)
	}
}

// TestClock sets the clock back: entries do not go back.
func TestClock(t *testing.T) {
	w := newSetWorld(t)
	w.clock.add(time.Hour)
	w.submit(w.request(w.fr, w.nl), w.fr.carrier())
	w.clock.add(-30 * time.Minute)
	w.submit(w.request(w.fr, w.nl), w.fr.carrier())
	w.restart()
	w.submit(w.request(w.fr, w.nl), w.fr.carrier())
	w.check()
}

func TestReload(t *testing.T) {
	w := newSetWorld(t)
	de := w.newState("de")
	w.refuse(de.rootStatement, "", custody.CodeRootNotPinned)
	pin := func(fp custody.Digest) error {
		return w.db.Update(t.Context(), func(tx *records.Tx) error { return tx.Pin("de", fp) })
	}
	fatalIfErr(t, pin(custody.Digest{1}))
	fatalIfErr(t, pin(de.fingerprint())) // the operator corrects a mistake
	w.refuse(de.rootStatement, "", custody.CodeRootNotPinned)
	fatalIfErr(t, w.l.Reload(t.Context()))
	if w.l.View().Pins["de"] != de.fingerprint() {
		t.Error("View lacks the new pin")
	}
	w.submit(de.rootStatement, "")
	if err := pin(custody.Digest{2}); !errors.Is(err, records.ErrPinned) {
		t.Errorf("Pin over a recorded root = %v, want ErrPinned", err)
	}
}

func TestClosed(t *testing.T) {
	w := newSetWorld(t)
	w.l.Close()
	_, err := w.l.Submit(t.Context(), ledger.Submission{Statement: w.request(w.fr, w.nl), Via: w.fr.carrier()})
	if !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("Submit after Close = %v, want ErrClosed", err)
	}
	if err := w.l.Reload(t.Context()); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("Reload after Close = %v, want ErrClosed", err)
	}
}

// TestDirectoryUpdate puts a later directory in force.
func TestDirectoryUpdate(t *testing.T) {
	w := newSetWorld(t)
	d := w.fr.directory(w, 2, w.fr.dirStatement.SHA256)
	d.Entries[2].Status = custody.StatusRevoked // fr/officer/mla-1
	w.submit(w.sign(d, w.fr.reg1, w.fr.reg2), "")
	w.refuse(w.request(w.fr, w.nl), w.fr.carrier(), custody.CodeBadSignature)
	if _, directory, _ := w.l.Authority("fr"); bytes.Equal(directory, w.fr.dirStatement.Envelope) {
		t.Error("Authority still returns the old directory")
	}
	w.check()
}
