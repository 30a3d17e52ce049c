package test_test

import (
	"strings"
	"testing"
)

// offers has de offer nl something that it has not asked for.
func (w *world) offers(ref string) string {
	w.t.Helper()
	return w.comity(0, "offer filed at", "de", "request", "offer", "--to", "nl", "--instrument", "ets-185", "--category", "stored-data", "--purpose", "initiate-investigation",
		"--facts", "a server that was seized here", "--condition", "use-limitation,use-report", "--ref", ref, "--annex", w.write("note.txt", "which server"))
}

// TestOffer tells how one State offers another what it has not asked for: nothing moves
// before that is accepted, then all goes as after a request, to its end.
func TestOffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de", "fr")
	w.write("evidence/a.txt", "evidence")
	w.comity(2, "--purpose is missing", "de", "request", "offer", "--to", "nl", "--instrument", "ets-185", "--category", "stored-data", "--ref", "DE-1")
	w.comity(2, "--category is missing", "de", "request", "offer", "--to", "nl", "--instrument", "ets-185", "--purpose", "lead-to-request", "--ref", "DE-1")
	w.comity(2, `"gossip" is unknown`, "de", "request", "offer", "--to", "nl", "--instrument", "ets-185", "--category", "stored-data", "--purpose", "gossip", "--ref", "DE-1")
	w.comity(1, "want another authority", "de", "request", "offer", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--purpose", "lead-to-request", "--ref", "DE-1")
	id := w.offers("DE-2026-0099")

	w.comity(3, "not-accepted", "de", "send", "0099", "evidence")
	w.comity(3, "offered", "de", "grant", "0099", "--draft")
	w.comity(3, "offered", "nl", "request", "withdraw", "0099", "--reason", "error")
	w.comity(1, "no instrument has a form", "nl", "request", "export", "0099", "--as", "mla")
	w.comity(3, "no-such-request", "fr", "accept", id)
	w.comity(3, "not-requesting-authority", "de", "accept", "0099")
	for _, who := range []string{"nl", "de"} {
		show := w.comity(0, "", who, "request", "show", "0099")
		for _, want := range []string{"offer " + id + ": de offers nl stored-data", "for: initiate-investigation", "state: offered, not accepted",
			"condition: use-report", "facts: a server that was seized here", "attached: note.txt"} {
			if !strings.Contains(show, want) {
				t.Errorf("request show of %s lacks %q:\n%s", who, want, show)
			}
		}
		if status := w.comity(0, "", who, "status", "0099"); !strings.Contains(status, "reads what is offered and accepts or refuses it: comity accept 0099") ||
			!strings.Contains(status, "DE-2026-0099: de offers to nl") {
			t.Errorf("status of %s:\n%s", who, status)
		}
		if list := w.comity(0, "", who, "request", "list"); !strings.Contains(list, "offered, not accepted") {
			t.Errorf("request list of %s:\n%s", who, list)
		}
	}

	w.comity(0, "condition: use-report", "nl", "accept", "0099")
	w.comity(3, "already-decided", "nl", "refuse", "0099", "--ground", "not-needed")
	pkg := w.comity(0, "", "de", "send", "0099", "evidence")
	w.comity(0, "", "nl", "fetch", "0099", "--into", "in")
	if w.files("in") != pkg {
		t.Errorf("the folder holds %q", w.files("in"))
	}
	w.comity(0, "use-report filed at", "nl", "request", "use-report", "0099", "--use", "used-in-investigation")
	w.comity(3, "not-requesting-authority", "de", "request", "close", "0099", "--outcome", "executed")
	w.comity(0, "closure filed at", "nl", "request", "close", "0099", "--outcome", "executed")
	w.comity(3, "request-ended", "de", "send", "0099", "evidence")
	for _, who := range []string{"nl", "de"} { // nobody has asked, and nothing is counted as asked
		if counts := w.comity(0, "", who, "report", "transparency", "--from", "2026-01-01", "--to", "2999-01-01"); !strings.Contains(counts, "requests sent: 0") ||
			!strings.Contains(counts, "requests received: 0") {
			t.Errorf("report of %s:\n%s", who, counts)
		}
	}
	if status := w.comity(0, "", "de", "status", "0099"); !strings.Contains(status, "the offer was closed: nothing more moves under it") {
		t.Errorf("status after the end:\n%s", status)
	}
	w.verifiedOf("0099", "de offers nl, which had not asked for it, under ets-185 and to initiate-investigation: stored-data, from ",
		"nl accepts exactly these conditions", "receipts package "+pkg, "nl closes the request: executed")
}

// TestOfferRefused tells how the State that an offer is for does not want it.
func TestOfferRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.write("evidence/a.txt", "evidence")
	w.offers("DE-2026-0099")
	w.comity(3, "not-requesting-authority", "de", "refuse", "0099", "--ground", "not-needed")
	w.comity(0, "refusal filed at", "nl", "refuse", "0099", "--ground", "not-needed")
	w.comity(3, "already-decided", "nl", "accept", "0099")
	w.comity(3, "already-decided", "nl", "refuse", "0099", "--ground", "own-law")
	w.comity(3, "request-ended", "de", "send", "0099", "evidence")
	for _, who := range []string{"nl", "de"} {
		if status := w.comity(0, "", who, "status", "0099"); !strings.Contains(status, "state: refused") || !strings.Contains(status, "the offer was refused: nothing more can happen") {
			t.Errorf("status of %s:\n%s", who, status)
		}
	}
	w.verifiedOf("0099", "nl refuses: not-needed")
}

// TestOfferRevoked tells how an offer is taken back, once before it is accepted and once
// when a package waits to be fetched.
func TestOfferRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.write("evidence/a.txt", "evidence")
	w.offers("DE-2026-0098")
	w.comity(3, "not-requested-authority", "nl", "revoke", "0098", "--reason", "error")
	w.comity(0, "revocation filed at", "de", "revoke", "0098", "--reason", "error")
	w.comity(3, "grant-revoked", "nl", "accept", "0098")
	w.comity(3, "grant-revoked", "nl", "refuse", "0098", "--ground", "not-needed")
	if status := w.comity(0, "", "nl", "status", "0098"); !strings.Contains(status, "state: offer revoked") || !strings.Contains(status, "the offer was revoked: nothing moves under it any more") {
		t.Errorf("status:\n%s", status)
	}

	w.offers("DE-2026-0099")
	w.comity(0, "", "nl", "accept", "0099")
	w.comity(0, "", "de", "send", "0099", "evidence")
	w.comity(0, "revocation filed at", "de", "revoke", "0099", "--reason", "no-longer-justified")
	w.comity(3, "grant-revoked", "nl", "fetch", "0099", "--into", "in")
	if got := w.files("in"); got != "" {
		t.Errorf("the folder holds %q", got)
	}
	w.verifiedOf("0099", "de takes the grant back: no-longer-justified")
}

// TestOfferByTwo tells how an offer that takes two officers is signed on two machines
// before anybody else hears of it.
func TestOfferByTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.secondOfficer("de")
	id := w.comity(0, "the offer waits for signatures: 1 of 2", "de", "request", "offer", "--to", "nl", "--instrument", "untoc", "--category", "stored-data",
		"--purpose", "support-proceedings", "--ref", "DE-2026-0099")
	w.comity(3, "no-such-request", "nl", "accept", id)
	w.comity(0, "offer filed at", "de2", "sign", id)
	w.comity(0, "acceptance filed at", "nl", "accept", "0099")
	w.verifiedOf("0099", "de/officer/mla-1 and de/officer/mla-2 (2 officers)", "nl accepts exactly these conditions")
}
