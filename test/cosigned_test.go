package test_test

import (
	"strings"
	"testing"
)

// TestCosignedTransfer: the programs as they are run. Both States list a witness, and the
// relay asks both; a transfer goes its way by cosigned trees, and nobody says that it is
// unwitnessed. agent TestCosigned has what is refused.
func TestCosignedTransfer(t *testing.T) {
	t.Parallel()
	w := prepare(t, nil, "nl", "de")
	policy := ""
	for _, name := range []string{"nl", "de"} {
		url, _ := w.witness(name+"/witness/1", "witness-"+name)
		for line := range strings.Lines(w.run(0, "", "comity-witness", "show", "--data", "witness-"+name) + "\n") {
			if strings.HasPrefix(line, "witness ") {
				line = strings.TrimSuffix(line, "\n") + " " + url + "\n"
			}
			policy += line
		}
	}
	// One is enough for the relay to show a note: what each party wants is its own business.
	w.watched(policy + "group one any nl/witness/1 de/witness/1\nquorum one\n")
	for _, name := range []string{"nl", "de"} {
		w.comity(0, "", name, "trust", "relay", "relay.example", w.roots["relay"], "--address", w.address)
		for _, other := range []string{"nl", "de"} {
			if other != name {
				w.comity(0, "", name, "trust", other, w.roots[other])
			}
		}
		w.comity(0, "", name, "directory", "add", "witness-"+name+".enrol")
		w.comity(0, "", name, "directory", "sign")
		w.comity(0, "", name, "directory", "publish")
	}
	w.write("evidence/a.txt", "evidence")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data",
		"--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "", "nl", "accept", "0412")
	w.comity(0, "its key is with the relay", "de", "send", "0412", "evidence")
	w.comity(0, "all verified; receipt filed", "nl", "fetch", "0412", "--into", "in")
	w.comity(0, "by de/witness/1, nl/witness/1", "nl", "status", "0412")
	w.verified("lets the head of package")
}
