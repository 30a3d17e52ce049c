package officer_test

import (
	"testing"

	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// TestTimelineEvent: between the statements of a case stands what the relay says
// of itself, as its word alone; the desk's other readers pass it over.
func TestTimelineEvent(t *testing.T) {
	w := newWorld(t)
	id := w.request()
	r := w.book.Record(custody.RecordID(id))
	ev := &custody.Event{Denied: &custody.Denied{By: "nl/agent/desk-1", Act: custody.ActReserve, Code: custody.CodeNoGrant, Rule: "live-grant"}}
	now := statement.At(w.now)
	d := custody.DecideEvent(r, w.book.View(), ev, now)
	l := wire.Line{Index: w.length, Entry: custody.NewEvent(r, w.book.View(), ev, now, d).Marshal(), Salt: statement.NewNonce()}
	_, _, err := w.book.Add(l.Custody())
	fatalIfErr(t, err)
	w.lines[r.ID] = append(w.lines[r.ID], l)
	w.length++
	w.grant(id) // whose review it finds behind the event, and whose after names the event

	list, err := officer.Timeline(w.snapshot(), id)
	fatalIfErr(t, err)
	if len(list) != 4 {
		t.Fatalf("timeline %+v, want request, denial, review, grant", list)
	}
	e := list[1]
	if e.What != "the relay says that it refused to let nl/agent/desk-1 reserve room for a package: no grant allows this" ||
		e.Kind != custody.KindDenied || len(e.Signed) != 0 || e.Via != "" || len(e.Codes) != 0 || *e.Event.Denied != *ev.Denied {
		t.Errorf("the denial reads %+v", e)
	}
	st, err := officer.StandingReview(w.snapshot(), id, "de")
	fatalIfErr(t, err)
	if st == nil || st.Kind != custody.KindReview {
		t.Errorf("the standing review is %+v", st)
	}
}
