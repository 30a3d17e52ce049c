package command

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	examplePolicy = "../../../config/testdata/policy"
	exampleCases  = "../../../config/testdata/policy-cases.yaml"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestPolicyExample: the shipped example decides as its cases say, and is explained.
func TestPolicyExample(t *testing.T) {
	code, out, errs := run(t, "policy", "test", exampleCases, "--policy", examplePolicy)
	if code != exitDone || errs != "" || strings.Contains(out, "FAIL") || !strings.Contains(out, "\n11 cases, 0 failed; 4 policies, sha256 ") {
		t.Errorf("policy test: %d %s%s", code, out, errs)
	}
	code, out, errs = run(t, "policy", "explain", exampleCases, "too much, and at night", "--policy", examplePolicy)
	const want = `nl/agent/lab-1 reserves room for a package of 2199023255553 bytes, for a request of fr to nl, at 2026-03-02T01:00:00Z
forbidden by no-nights, too-large
  no-contract (house.cedar:9) does not apply
  no-nights (house.cedar:20) forbids it: "maintenance from 01:00 to 04:00 UTC"
  privileged-unconditional (house.cedar:46) does not apply
  too-large (house.cedar:33) forbids it: "more than 2 TiB in one package: ask the operator first"
`
	if code != exitDone || errs != "" || out != want {
		t.Errorf("policy explain: %d %s\n%s", code, errs, out)
	}
	code, out, _ = run(t, "policy", "schema")
	if code != exitDone || !strings.Contains(out, "action release appliesTo") {
		t.Errorf("policy schema: %d %s", code, out)
	}
}

// TestPolicyWrong: what policy test and policy explain refuse, and what they find.
func TestPolicyWrong(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string { return writeFile(t, filepath.Join(dir, name), text) }
	broken := file("broken.cedar", "\n@id(\"x\") forbid (principal, action == Action::\"revocation\", resource);")
	fails := file("fails.cedar", `@id("x") forbid (principal, action == Action::"reserve", resource) when { context.bytes * 9223372036854775807 > 1 };`)
	made := 0
	one := func(change ...string) string {
		made++
		return file(fmt.Sprintf("case-%d.yaml", made), strings.NewReplacer(change...).Replace(
			"cases: [{name: x, expect: allowed, action: reserve, agent: nl/agent/lab-1, now: 2026-03-02T10:00:00Z, request: {from: fr, to: nl}}]"))
	}
	for _, row := range []struct {
		name      string
		args      []string
		code      int
		out, errs string
	}{
		{"a policy on revocations", []string{"test", one(), "--policy", broken}, exitError, "",
			"broken.cedar:2: policy \"x\": unrecognized action `Action::\"revocation\"`"},
		{"its hint", []string{"test", one(), "--policy", broken}, exitError, "", "comity-gateway: hint: a policy is asked about request, reserve, part, seal and release"},
		{"another decision", []string{"test", one(), "--policy", fails}, exitVerify, "FAIL  x: forbidden by x, want allowed\n1 cases, 1 failed", "hint: comity-gateway policy explain"},
		{"what cannot be evaluated", []string{"explain", one(), "x", "--policy", fails}, exitDone, "forbids it because it cannot be evaluated: ", ""},
		{"no policy", []string{"test", one(), "--policy", filepath.Join(dir, "none")}, exitError, "", "reading policy"},
		{"no file of cases", []string{"test", filepath.Join(dir, "none"), "--policy", fails}, exitError, "", "reading cases"},
		{"no such case", []string{"explain", one(), "y", "--policy", fails}, exitError, "", `no case is named "y"`},
		{"neither policy nor relay", []string{"test", one()}, exitUsage, "", "--data DIR"},
		{"an agent that is none", []string{"test", one("nl/agent/lab-1", "nl/officer/mla-1"), "--policy", fails}, exitError, "", "not the id of an agent"},
	} {
		code, out, errs := run(t, append([]string{"policy"}, row.args...)...)
		if code != row.code || !strings.Contains(out, row.out) || !strings.Contains(errs, row.errs) {
			t.Errorf("%s: %d\n%s%s", row.name, code, out, errs)
		}
	}
}

// underPolicy writes into a relay's settings which policy it has.
func underPolicy(t *testing.T, data, policy string) {
	t.Helper()
	file := filepath.Join(data, "gateway.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "policy: \"\"\n") {
		t.Fatal("gateway.yaml has no key policy")
	}
	writeFile(t, file, strings.Replace(string(b), "policy: \"\"", "policy: "+policy, 1))
}

// TestPolicyAtStart: a relay whose policy is wrong does not start, and check says
// which one is in force.
func TestPolicyAtStart(t *testing.T) {
	data, _ := made(t)
	if code, out, errs := run(t, "check", "--data", data); code != exitDone || !strings.Contains(out, "policy       none") {
		t.Errorf("without a policy: %d %s%s", code, out, errs)
	}
	underPolicy(t, data, "house.cedar")
	file := writeFile(t, filepath.Join(data, "house.cedar"), `@id("all") permit (principal, action, resource);`)
	for _, command := range []string{"check", "run"} {
		code, _, errs := run(t, command, "--data", data)
		if code != exitError || !strings.Contains(errs, `house.cedar:1: policy "all": it is a permit`) || !strings.Contains(errs, "hint: a policy can only narrow") {
			t.Errorf("%s with a broken policy: %d %s", command, code, errs)
		}
	}
	writeFile(t, file, `@id("all") forbid (principal, action, resource);`)
	if code, out, errs := run(t, "check", "--data", data); code != exitDone || !strings.Contains(out, "policy       1 policies, sha256 ") {
		t.Errorf("with a policy: %d %s%s", code, out, errs)
	}
}

// shared is a log that the relay and the test share.
type shared struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
	news chan struct{} // of capacity 1
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

// await waits until the log has a line with all of these.
func (s *shared) await(t *testing.T, parts ...string) {
	t.Helper()
	over := time.After(time.Minute)
	for {
		s.mu.Lock()
		text := s.text.String()
		s.mu.Unlock()
		for line := range strings.Lines(text) {
			all := true
			for _, p := range parts {
				all = all && strings.Contains(line, p)
			}
			if all {
				return
			}
		}
		select {
		case <-s.news:
		case <-over:
			t.Fatalf("the log has no line with %q:\n%s", parts, text)
		}
	}
}

// TestPolicyReload: a policy that was changed is in force after a hangup; one that was
// spoilt is refused, and told.
func TestPolicyReload(t *testing.T) {
	data, _ := made(t)
	underPolicy(t, data, "house.cedar")
	file := writeFile(t, filepath.Join(data, "house.cedar"), `@id("one") forbid (principal, action, resource);`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hangup := make(chan os.Signal, 1)
	log := &shared{news: make(chan struct{}, 1)}
	ended := make(chan int, 1)
	go func() {
		a := &app{stdout: &firstLine{first: make(chan string, 1)}, stderr: log, now: time.Now, hangup: hangup}
		ended <- a.run(ctx, []string{"run", "--data", data})
	}()
	log.await(t, "put a policy in force", `"policies":1`)
	writeFile(t, file, `@id("one") forbid (principal, action, resource); forbid (principal, action, resource);`)
	hangup <- os.Interrupt
	log.await(t, "refused a policy, the one in force stays", "house.cedar:1: it has no @id", `"hint":"put @id(`)
	writeFile(t, file, `@id("one") forbid (principal, action, resource); @id("two") forbid (principal, action, resource);`)
	hangup <- os.Interrupt
	log.await(t, "put a policy in force", `"policies":2`)
	cancel()
	if code := <-ended; code != exitDone {
		t.Errorf("it ended with %d", code)
	}
}
