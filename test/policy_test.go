package test_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPolicy tells how a relay's operator closes it for new packages and opens it again,
// while it runs: what the lab and the court are told of it, that nothing is lost, and
// that a State revokes all the same.
func TestPolicy(t *testing.T) {
	t.Parallel()
	w := prepare(t, nil, "nl", "de")
	settings := filepath.Join(w.dir, "relay", "gateway.yaml")
	b, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	w.write("relay/gateway.yaml", strings.Replace(string(b), `policy: ""`, "policy: policy", 1))
	w.write("relay/policy/house.cedar", `@id("big") forbid (principal, action == Action::"reserve", resource) when { context.bytes > 1099511627776 };`)
	w.open("nl", "de")
	w.write("evidence/a.txt", "evidence")
	w.write("more/b.txt", "more")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "", "nl", "accept", "0412")
	w.comity(0, "", "de", "send", "0412", "evidence")
	open := w.policy()

	w.write("relay/policy/night.cedar", `@id("closed") @reason("nobody is here") forbid (principal, action in [Action::"request", Action::"reserve", Action::"release"], resource);`)
	w.reload("put a policy in force", `"policies":2`)
	w.comity(5, "operator-policy", "de", "send", "0412", "more")
	w.comity(5, "policy closed", "de", "send", "0412", "more")
	w.comity(5, "hint: the relay's operator says what its policy of that name forbids", "nl", "fetch", "0412", "--into", "in")
	w.comity(5, "operator-policy", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", "order.pdf", "--ref", "NL-2")
	closed := w.policy()
	w.write("relay/policy/night.cedar", `@id("closed") permit (principal, action, resource);`)
	w.reload("refused a policy, the one in force stays", "it is a permit")
	w.comity(5, "policy closed", "de", "send", "0412", "more")

	w.write("relay/policy/night.cedar", "// open again\n")
	w.reload("put a policy in force", `"policies":1`)
	w.comity(0, "", "de", "send", "0412", "more")
	w.comity(0, "", "nl", "fetch", "0412", "--into", "in")
	w.write("relay/policy/night.cedar", `@id("closed") forbid (principal, action, resource);`)
	w.reload("put a policy in force", `"policies":2`)
	w.comity(0, "", "de", "revoke", "0412", "--reason", "error")
	w.verified("narrowed by policy "+open+" of the relay's operator, as the relay says\n", "(closed of policy "+closed+")", "de takes the grant back: error")
}

// policy returns the hash of the policy in force, as the relay's log says.
func (w *world) policy() (sha string) {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "relay", "relay.log"))
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if _, rest, ok := strings.Cut(line, `"sha256":"`); ok && strings.Contains(line, "put a policy in force") {
			sha, _, _ = strings.Cut(rest, `"`)
		}
	}
	return sha
}

// reload has the relay read its policy again, and waits for a new line of its log.
func (w *world) reload(want ...string) {
	w.t.Helper()
	log := filepath.Join(w.dir, "relay", "relay.log")
	before, err := os.ReadFile(log)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.relay.Signal(syscall.SIGHUP); err != nil {
		w.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; {
		b, err := os.ReadFile(log)
		if err != nil {
			w.t.Fatal(err)
		}
		for line := range strings.Lines(string(b[len(before):])) {
			if strings.Contains(line, want[0]) && strings.Contains(line, want[1]) {
				return
			}
		}
		if time.Now().After(end) {
			w.t.Fatalf("the relay does not say %q:\n%s", want, b[len(before):])
		}
	}
}
