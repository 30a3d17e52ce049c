package test_test

import (
	"strings"
	"testing"
)

// TestRetention tells how a grant has the relay keep packages for a year: what is no
// number of days is refused at the desk, what the relay's operator does not keep at the
// lab, before it sends; an amendment mends that without a new acceptance, and everybody
// reads for how long it is.
func TestRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.write("evidence/a.txt", "evidence")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	draft := w.comity(0, "", "de", "grant", "0412", "--draft")
	w.edited("g.yaml", draft, "# retention_days:", "retention_days: 3651")
	w.comity(1, "retention_days 3651: want 1 to 3650", "de", "grant", "0412", "-f", "g.yaml")
	w.edited("g.yaml", draft, "# retention_days:", "retention_days: 401")
	w.comity(0, "grant filed at", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "for at least 401 days from its deposit", "nl", "accept", "0412")
	w.comity(5, "retention-too-long: this relay keeps a package for at most 400 days", "de", "send", "0412", "evidence")
	w.comity(5, "hint: the granting authority changes retention_days", "de", "send", "0412", "evidence")
	amend := w.comity(0, "", "de", "grant", "0412", "--amend", "--draft")
	w.edited("a.yaml", amend, "retention_days: 401", "retention_days: 365")
	w.comity(0, "", "de", "grant", "0412", "--amend", "-f", "a.yaml")
	w.comity(0, "", "de", "send", "0412", "evidence", "--final")
	w.comity(0, "", "nl", "fetch", "0412", "--into", "in")
	if show := w.comity(0, "", "nl", "request", "show", "0412"); !strings.Contains(show, "the relay keeps each package, locked, for at least 365 days from its deposit") {
		t.Errorf("request show:\n%s", show)
	}
	w.verified("de changes the terms", "the relay keeps each package for at least 365 days from its deposit")
}
