package test_test

import (
	"strings"
	"testing"
)

// TestUseReport tells how the State that asked gives account of what it did with the
// evidence, as it had promised, when its request has long been closed.
func TestUseReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.write("evidence/a.txt", "evidence")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data",
		"--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	w.edited("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft"), "\nconditions:", "\nconditions:\n  - use-report")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "condition: use-report", "nl", "accept", "0412")
	pkg := w.comity(0, "", "de", "send", "0412", "evidence")
	w.comity(3, "not-received", "nl", "request", "use-report", "0412", "--use", "not-used")
	w.comity(0, "", "nl", "fetch", "0412", "--into", "in")
	w.comity(0, "", "nl", "request", "close", "0412", "--outcome", "executed")
	promise := "has promised to tell the use of package " + pkg[:8]
	if status := w.comity(0, "", "de", "status", "0412"); !strings.Contains(status, promise) {
		t.Errorf("status lacks %q:\n%s", promise, status)
	}

	w.comity(2, "--use is missing", "nl", "request", "use-report", "0412")
	w.comity(2, "unknown", "nl", "request", "use-report", "0412", "--use", "read")
	w.comity(2, "--words is missing", "nl", "request", "use-report", "0412", "--use", "other")
	w.comity(2, "is not past", "nl", "request", "use-report", "0412", "--use", "not-used", "--date", "2d")
	w.comity(3, "not-requesting-authority", "de", "request", "use-report", "0412", "--use", "destroyed")
	w.comity(0, "use-report filed at", "nl", "request", "use-report", "0412", "--use", "used-in-proceedings", "--date", "2026-01-04",
		"--package", pkg[:6], "--words", "judgment of 4 January")
	w.comity(0, "use-report filed at", "nl", "request", "use-report", "0412", "--use", "destroyed")

	for _, who := range []string{"nl", "de"} {
		show := w.comity(0, "", who, "request", "show", "0412")
		for _, want := range []string{pkg + ": used-in-proceedings (it was used as evidence in court), 2026-01-04", "judgment of 4 January", "all that it had received: destroyed"} {
			if !strings.Contains(show, want) {
				t.Errorf("request show of %s lacks %q:\n%s", who, want, show)
			}
		}
	}
	status := w.comity(0, "", "nl", "status", "0412")
	if want := "nl says what use was made of package " + pkg[:8] + ", 2026-01-04: used-in-proceedings"; !strings.Contains(status, want) || strings.Contains(status, promise) {
		t.Errorf("status lacks %q, or still holds %q:\n%s", want, promise, status)
	}
	w.redacted(pkg)
	w.verified("nl says what use was made of package "+pkg+": used-in-proceedings, 2026-01-04T00:00:00", "nl says what use was made of all that it had received: destroyed")
}

// redacted makes dossiers for the defence: without the use reports, and out of that one
// without the package, too. Each says what is withheld before all else, and is never
// called verified.
func (w *world) redacted(pkg string) {
	w.t.Helper()
	w.comity(0, "2 entries are withheld, and 0 acts", "nl", "dossier", "0412", "-o", "defence.comity", "--without-kind", "use-report", "--by", "nl, for the defence")
	w.comity(2, "--by is missing", "nl", "dossier", "redact", "defence.comity", "less.comity", "--without-package", pkg)
	w.comity(1, "cannot be left out", "nl", "dossier", "redact", "defence.comity", "less.comity", "--without-entry", "0", "--by", "x")
	w.comity(0, "6 entries are withheld", "nl", "dossier", "redact", "defence.comity", "less.comity", "--without-package", pkg[:6], "--by", "court")
	for file, exhibits := range map[string]int{"defence.comity": 5, "less.comity": 1} {
		args := []string{"comity-verify", file, "--root", "nl=" + w.roots["nl"], "--root", "de=" + w.roots["de"], "--relay", "relay.example=" + w.roots["relay"]}
		verdict := w.run(5, "verified in part", args...)
		if !strings.HasPrefix(verdict, "VERIFIED IN PART: ") || !strings.Contains(verdict, "\n  WITHHELD: entry ") || strings.Contains(verdict, "judgment of 4 January") ||
			!strings.Contains(verdict, `left out of this file; "nl, for the defence" is named as who did that`) {
			w.t.Errorf("%s:\n%s", file, verdict)
		}
		w.run(exhibits, "", append(args, "--exhibits", "evidence")...) // with 1: no manifest is left to compare with
	}
}
