package ledger_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/records"
)

func denial(by custody.PartyID, code custody.Code) *custody.Event {
	return &custody.Event{Denied: &custody.Denied{By: by, Act: custody.ActReserve, Code: code, Rule: "live-grant"}}
}

// files files an event and compares the code of the refusal, "" for none, and by
// how much the log grew.
func (w *world) files(id custody.RecordID, ev *custody.Event, want custody.Code) {
	w.t.Helper()
	size := w.l.Size()
	err := w.l.File(w.t.Context(), id, ev)
	var no *ledger.Refused
	var got custody.Code
	if errors.As(err, &no) {
		got = no.Decision.Code
	} else {
		fatalIfErr(w.t, err)
	}
	grown := int64(0)
	if want == "" {
		grown = 1
	}
	if got != want || w.l.Size() != size+grown {
		w.t.Errorf("File(%s) = %v, want %q; the log grew by %d", id, err, want, w.l.Size()-size)
	}
}

// TestFile: events go the way of statements: one transaction, tiles, copy and
// checkpoint, and are there after a restart.
func TestFile(t *testing.T) {
	w := newSetWorld(t)
	req := w.request(w.fr, w.nl)
	p := w.submit(req, w.fr.carrier())
	id := req.Record()
	w.files(id, denial("nl/agent/lab-1", custody.CodeNoGrant), "")
	w.files(id, denial("nl/agent/lab-1", custody.CodeNoGrant), custody.CodeDuplicate)
	w.files(id, denial("nl/agent/lab-1", custody.CodeGrantExpired), "")
	w.files(id, denial("de/agent/lab-1", custody.CodeNoGrant), custody.CodeNoDirectory)
	w.files("authority/nl", denial("nl/agent/lab-1", custody.CodeNoGrant), custody.CodeNoSuchRequest)
	w.files(custody.RecordID(custody.PackageID([16]byte{1})), denial("nl/agent/lab-1", custody.CodeNoGrant), custody.CodeNoSuchRequest)
	probe := &custody.Event{Probed: &custody.Probed{Store: custody.StoreDir}}
	w.files(custody.RelayRecord, probe, "")
	w.files(custody.RelayRecord, probe, custody.CodeDuplicate)

	w.restart()
	w.files(id, denial("nl/agent/lab-1", custody.CodeNoGrant), custody.CodeDuplicate)
	w.files(custody.RelayRecord, probe, custody.CodeDuplicate)
	w.clock.add(time.Hour)
	w.files(id, denial("nl/agent/lab-1", custody.CodeNoGrant), "")
	w.submit(w.review(w.nl, req, ref(t, p)), w.nl.carrier()) // the record goes on behind events

	proof, err := w.l.RecordProof(t.Context(), id, 0)
	fatalIfErr(t, err)
	want := []custody.Kind{custody.KindRequest, custody.KindDenied, custody.KindDenied, custody.KindDenied, custody.KindReview}
	if len(proof.Lines) != len(want) {
		t.Fatalf("the record has %d lines, want %d", len(proof.Lines), len(want))
	}
	for i, l := range proof.Lines {
		line := lineOf(l)
		e, s, err := line.Parse()
		fatalIfErr(t, err)
		if e.Kind != want[i] || (s == nil) != e.Kind.IsEvent() || l.Envelope == nil {
			t.Errorf("line %d is a %s with the envelope %q", i, e.Kind, l.Envelope)
		}
	}
	if s := w.nl.rootStatement; string(w.l.Relay()) != string(w.relay.Envelope) || w.l.View().Authorities["nl"].RootSHA256 != s.SHA256 {
		t.Error("an event changed what is in force")
	}
}

// TestFileOnce: of many calls with one denial at a time, one makes an entry.
func TestFileOnce(t *testing.T) {
	w := newSetWorld(t)
	req := w.request(w.fr, w.nl)
	w.submit(req, w.fr.carrier())
	size := w.l.Size()
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() { errs[i] = w.l.File(t.Context(), req.Record(), denial("nl/agent/lab-1", custody.CodeNoGrant)) })
	}
	wg.Wait()
	filed := 0
	for _, err := range errs {
		var no *ledger.Refused
		switch {
		case err == nil:
			filed++
		case !errors.As(err, &no) || no.Decision.Code != custody.CodeDuplicate:
			t.Error(err)
		}
	}
	if filed != 1 || w.l.Size() != size+1 {
		t.Errorf("%d calls filed, the log grew by %d", filed, w.l.Size()-size)
	}
	fatalIfErr(t, w.db.View(t.Context(), func(tx *records.Tx) error {
		list, err := tx.Range(size, size+1)
		if err == nil && (len(list[0].Envelope) != 0 || !list[0].Statement.IsZero() || list[0].Kind != custody.KindDenied) {
			t.Errorf("the row is %+v", list[0])
		}
		return err
	}))
}
