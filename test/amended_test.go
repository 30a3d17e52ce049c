package test_test

import (
	"strings"
	"testing"
)

// edited writes a draft in which one thing was changed for another.
func (w *world) edited(name, draft, old, now string) {
	w.t.Helper()
	if strings.Count(draft, old) != 1 {
		w.t.Fatalf("the draft has %q %d times:\n%s", old, strings.Count(draft, old), draft)
	}
	w.write(name, strings.Replace(draft, old, now, 1)+"\n")
}

// TestAmended tells how a grant gets room for one package more, without a new promise,
// and then a condition, which has to be accepted before anything moves again; and how
// the State that the evidence is from lets it be passed on.
func TestAmended(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de", "fr")
	for _, name := range []string{"first", "second", "third"} {
		w.write(name+"/a.txt", name)
	}
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data,traffic-data",
		"--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	w.comity(3, "no-grant", "de", "grant", "0412", "--amend", "--draft")
	w.edited("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft"), "max_packages: 10", "max_packages: 1")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "", "nl", "accept", "0412")
	first := w.comity(0, "", "de", "send", "0412", "first")
	w.comity(3, "packages-used-up", "de", "send", "0412", "second")

	w.comity(3, "not-requested-authority", "nl", "grant", "0412", "--amend", "--draft")
	draft := w.comity(0, "", "de", "grant", "0412", "--amend", "--draft")
	w.edited("wide.yaml", draft, "  - traffic-data", "  - content-data")
	w.comity(3, `category "content-data" is not among those of the request`, "de", "grant", "0412", "--amend", "-f", "wide.yaml")
	w.edited("a.yaml", draft, "max_packages: 1", "max_packages: 3")
	w.comity(1, "is of an amendment", "de", "grant", "0412", "-f", "a.yaml")
	w.comity(0, "amendment filed at", "de", "grant", "0412", "--amend", "-f", "a.yaml")
	w.comity(3, "not in force any more", "de", "grant", "0412", "--amend", "-f", "a.yaml")
	second := w.comity(0, "", "de", "send", "0412", "second")
	w.comity(0, "", "nl", "fetch", "0412", "--into", "in")

	w.edited("c.yaml", w.comity(0, "", "de", "grant", "0412", "--amend", "--draft"), "\nconditions:", "\nconditions:\n  - use-report")
	w.comity(0, "amendment filed at", "de", "grant", "0412", "--amend", "-f", "c.yaml")
	third := w.comity(0, "its key stays here", "de", "send", "0412", "third")
	w.comity(5, "", "nl", "fetch", "0412", "--into", "in")
	w.comity(0, "condition: use-report", "nl", "accept", "0412")
	w.comity(0, "", "de", "send", "0412")
	w.comity(0, "", "nl", "fetch", "0412", "--into", "in")
	if got := strings.Fields(w.files("in")); len(got) != 3 {
		t.Errorf("the folder holds %q, want %q", got, []string{first, second, third})
	}

	w.comity(3, "not-requested-authority", "nl", "request", "consent", "0412", "--to", "fr", "--purpose", "related-proceedings", "--until", "30d")
	w.comity(2, "--words is missing", "de", "request", "consent", "0412", "--to", "organization", "--purpose", "related-proceedings", "--until", "30d")
	w.comity(2, "--purpose", "de", "request", "consent", "0412", "--to", "fr", "--purpose", "gossip", "--until", "30d")
	w.comity(0, "consent filed at", "de", "request", "consent", "0412", "--to", "fr", "--purpose", "related-proceedings", "--until", "30d", "--package", first)
	show := w.comity(0, "", "nl", "request", "show", "0412")
	for _, want := range []string{"terms as they were changed on ", "(2 in all)", "condition: use-report", "de consented on ", first + " is passed on to fr"} {
		if !strings.Contains(show, want) {
			t.Errorf("request show lacks %q:\n%s", want, show)
		}
	}
	w.verified("de changes the terms, which from here on are: stored-data, traffic-data", "de consents that "+first+" is passed on to fr")
}

// TestPartial tells how a part of what was asked for is granted, with a day of deletion.
func TestPartial(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.write("evidence/a.txt", "evidence")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "untcc", "--category", "subscriber-data", "--category", "content-data",
		"--sensitive", "press", "--urgency", "urgent", "--deadline", "20d", "--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	draft := w.comity(0, "", "de", "grant", "0412", "--draft")
	w.edited("g.yaml", draft, "  - press\n", "")
	w.comity(3, "mark-left-out", "de", "grant", "0412", "-f", "g.yaml")
	part := strings.Replace(draft, "# delete_by:", "delete_by: 2099-06-30", 1)
	w.edited("g.yaml", part, "  - content-data\n", "")
	w.comity(0, "grant filed at", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "to be deleted by 2099-06-30", "nl", "accept", "0412")
	w.comity(0, "", "de", "send", "0412", "evidence", "--final")
	w.comity(0, "", "nl", "fetch", "0412", "--into", "in")
	w.verified("nl asks de for subscriber-data, content-data, under untcc", "(marked press)", "de grants it to nl: subscriber-data (marked press)", "to be deleted by 2099-06-30")
}

// TestPreserved tells how data is kept first and handed over on a second request.
func TestPreserved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.write("evidence/a.txt", "evidence")
	order := w.write("order.pdf", "order")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--preserve", "--category", "stored-data", "--order", order, "--ref", "NL-2026-0412", "--expires", "60d")
	draft := w.comity(0, "", "de", "grant", "0412", "--draft")
	if strings.Contains(draft, "senders:") || !strings.Contains(draft, "Nothing moves.") {
		t.Errorf("the draft:\n%s", draft)
	}
	w.write("g.yaml", draft+"\n")
	w.comity(0, "grant filed at", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(3, "sender-not-granted", "de", "send", "0412", "evidence")
	if status := w.comity(0, "", "nl", "status", "0412"); !strings.Contains(status, "the data is kept until ") {
		t.Errorf("status:\n%s", status)
	}
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "preserved-data", "--order", order, "--ref", "NL-2026-0500")
	w.write("g2.yaml", w.comity(0, "", "de", "grant", "0500", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0500", "-f", "g2.yaml")
	w.comity(0, "", "nl", "accept", "0500")
	w.comity(0, "", "de", "send", "0500", "evidence", "--final")
	w.comity(0, "", "nl", "fetch", "0500", "--into", "in")
	w.verified("nl asks de to preserve stored-data", "is kept from ")
}
