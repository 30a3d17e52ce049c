package agent_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
	"comity.example/comity/internal/wire"
)

// count is how many packages the relay has in each state. It stops the relay and
// starts it again.
func (w *world) count() map[records.State]int {
	w.t.Helper()
	w.stop()
	db, err := sqlite.Open(filepath.Join(w.folder, "relay.db"))
	check(w.t, err)
	n := map[records.State]int{}
	check(w.t, db.View(w.t.Context(), func(tx *records.Tx) error {
		for _, s := range []records.State{records.Open, records.Sealing, records.Sealed, records.Abandoned} {
			list, err := tx.PackagesIn(s)
			if err != nil {
				return err
			}
			n[s] = len(list)
		}
		return nil
	}))
	check(w.t, db.Close())
	w.start()
	return n
}

// lost loses the answer to reservations: the relay has made them.
func lost(times int, then func()) func(*http.Request, call) (*http.Response, error) {
	return func(r *http.Request, next call) (*http.Response, error) {
		resp, err := next(r)
		if err == nil && r.URL.Path == "/v1/packages" && times > 0 {
			times--
			resp.Body.Close()
			then()
			return nil, errors.New("the connection broke")
		}
		return resp, err
	}
}

// TestLostReservation: the answer to a reservation is lost. The same send asks again
// and goes on with that reservation; no other takes room.
func TestLostReservation(t *testing.T) {
	w := newCase(t)
	s := w.connect("de", "lab-1")
	s.Tamper(lost(1, func() {}))
	_, err := w.agent("de").Send(t.Context(), s, w.request, exhibits(t, 100), agent.SendOptions{})
	check(t, err)
	if n := w.count(); n[records.Sealed] != 1 || n[records.Open] != 0 || n[records.Abandoned] != 0 {
		t.Errorf("the relay has %v", n)
	}
}

// TestDeadInReservation: the process dies before it hears of its reservation. The
// next send knows its id, and gives it up.
func TestDeadInReservation(t *testing.T) {
	w := newCase(t)
	grant := w.kase().Live().SHA256
	s := w.connect("de", "lab-1")
	id := custody.PackageID([16]byte{9})
	// As a process leaves home and relay that dies here.
	check(t, w.homes["de"].PlantOpen(w.request, id, s.ID, 0))
	_, err := s.Reserve(t.Context(), wire.Reserve{Package: id, Request: w.request, Grant: grant, PayloadSize: 1000})
	check(t, err)
	w.send()
	if n := w.count(); n[records.Sealed] != 1 || n[records.Open] != 0 || n[records.Abandoned] != 1 {
		t.Errorf("the relay has %v", n)
	}
}

// TestCancelledReservation: who gives up before the answer leaves nothing, here or
// there.
func TestCancelledReservation(t *testing.T) {
	w := newCase(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := w.connect("de", "lab-1")
	s.Tamper(lost(1, cancel))
	if _, err := w.agent("de").Send(ctx, s, w.request, exhibits(t, 100), agent.SendOptions{}); err == nil {
		t.Fatal("the send went through")
	}
	if left := w.packages("de"); len(left) != 0 {
		t.Errorf("%q is left in the home", left)
	}
	if n := w.count(); n[records.Open] != 0 || n[records.Abandoned] != 1 {
		t.Errorf("the relay has %v", n)
	}
}
