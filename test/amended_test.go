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
