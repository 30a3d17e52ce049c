package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

func TestSafe(t *testing.T) {
	for s, want := range map[string]string{
		"plain":              "plain",
		"Zürich 東京":          "Zürich 東京",
		"a\tb":               "a b",
		"two\nlines":         "two\nlines",
		"\x1b[2Jgone":        `\x1b[2Jgone`,
		"evil\u202efdp.exe":  `evil\u202efdp.exe`,
		"zero\u200bwidth":    `zero\u200bwidth`,
		"c1 \u0085":          `c1 \u0085`,
		"bad \xff byte":      `bad \xff byte`,
		"\r\x07":             `\r\a`,
		"replaced \ufffd is": "replaced \ufffd is",
		"private \ue000":     `private \ue000`,
	} {
		if got := safe(s); got != want {
			t.Errorf("safe(%q) = %q, want %q", s, got, want)
		}
	}
	if got := line("a\nb"); got != `a\nb` {
		t.Errorf("line = %q", got)
	}
}

// TestPrintJSON: what is printed means what was given, and moves no cursor.
func TestPrintJSON(t *testing.T) {
	var out bytes.Buffer
	a := &app{stdout: &out}
	const text = "a\u202eb\x1bc\u2066\U000e0001d"
	if err := a.printJSON(map[string]string{"x": text}); err != nil {
		t.Fatal(err)
	}
	if safe(out.String()) != out.String() {
		t.Errorf("printed %q", out.String())
	}
	var back map[string]string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["x"] != text {
		t.Errorf("%q reads back as %q, %v", out.String(), back["x"], err)
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, 11, 23, 15, 4, 5, 6, time.UTC)
	for _, c := range []struct {
		s    string
		last bool
		want string // empty: an error of usage
	}{
		{"90d", true, "2027-02-21T15:04:05Z"},
		{"1d", false, "2026-11-24T15:04:05Z"},
		{"2027-03-01", true, "2027-03-01T23:59:59Z"},
		{"2027-03-01", false, "2027-03-01T00:00:00Z"},
		{"2027-03-01T12:00:00Z", true, "2027-03-01T12:00:00Z"},
		{"2027-03-01T12:00:00+02:00", true, "2027-03-01T10:00:00Z"},
		{"0d", true, ""}, {"-5d", true, ""}, {"99999d", true, ""}, {"2027-02-30", true, ""}, {"tomorrow", true, ""}, {"", true, ""},
	} {
		got, err := when(c.s, now, c.last)
		if c.want == "" {
			if exitCode(err) != exitUsage {
				t.Errorf("when(%q) = %s, %v, want an error of usage", c.s, got, err)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339) != c.want {
			t.Errorf("when(%q, %v) = %s, %v, want %s", c.s, c.last, got.Format(time.RFC3339), err, c.want)
		}
	}
}

func TestFingerprint(t *testing.T) {
	d := custody.HashOf([]byte("x"))
	for _, words := range [][]string{{d.String()}, strings.Fields(grouped(d)), {grouped(d)}, {strings.ToUpper(d.String())}, {strings.ReplaceAll(grouped(d), " ", "-")}} {
		if got, err := fingerprint(words); err != nil || got != d {
			t.Errorf("fingerprint(%q) = %s, %v", words, got, err)
		}
	}
	if g := strings.Fields(grouped(d)); len(g) != 8 || len(g[0]) != 8 {
		t.Errorf("grouped = %q", g)
	}
	for _, words := range [][]string{{"abc"}, {d.String() + "0"}, {strings.Repeat("g", 64)}, {""}} {
		if got, err := fingerprint(words); exitCode(err) != exitUsage {
			t.Errorf("fingerprint(%q) = %s, %v, want an error of usage", words, got, err)
		}
	}
}

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("x"), exitError},
		{usagef("x"), exitUsage},
		{hintf(usagef("x"), "y"), exitUsage},
		{wire.NewProblem(custody.CodeGrantRevoked, ""), exitRefused},
		{fmt.Errorf("filing: %w", wire.NewProblem(custody.CodeNotParty, "")), exitRefused},
		{wire.NewProblem(wire.CodeHelloRefused, ""), exitRefused},
		{wire.NewProblem(wire.CodeUnknownKey, ""), exitRefused},
		{wire.NewProblem(wire.CodeMalformed, ""), exitError},
		{wire.NewProblem(wire.CodeNotFound, ""), exitError},
		{wire.NewProblem("a-code-of-tomorrow", ""), exitError},
		{wire.NewProblem(wire.CodeBusy, ""), exitLater},
		{wire.NewProblem(wire.CodeRateLimited, ""), exitLater},
		{wire.NewProblem(custody.CodeNotUnlocked, ""), exitLater},
		{fmt.Errorf("x: %w", agent.ErrTryLater), exitLater},
		{fmt.Errorf("x: %w", agent.ErrVerify), exitVerify},
		{errors.Join(agent.ErrVerify, agent.ErrTryLater), exitVerify},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("exitCode(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

// TestReport: one line for the error, whatever is in it, and one for the hint.
func TestReport(t *testing.T) {
	var out bytes.Buffer
	a := &app{stderr: &out}
	a.report(fmt.Errorf("filing: %w", wire.NewProblem(custody.CodeRelayNotAccepted, "x\x1b[31m\ny.")))
	want := "comity: error: filing: relay-not-accepted: x\\x1b[31m; y\n" +
		"comity: hint: list the relay: comity trust relay ORIGIN FP, then comity directory sign and comity directory publish\n"
	if out.String() != want {
		t.Errorf("report wrote %q, want %q", out.String(), want)
	}
}

// TestHints: every hint belongs to a code that exists.
func TestHints(t *testing.T) {
	for c := range codeHints {
		if !isRule(c) && wire.NewProblem(c, "").Title == c.Explain() {
			t.Errorf("hint for the unknown code %q", c)
		}
	}
}

// TestHelp: each command's help fits a screen and every command has one.
func TestHelp(t *testing.T) {
	var visit func(args []string)
	visit = func(args []string) {
		var out bytes.Buffer
		a := &app{stdout: &out, stderr: &out, now: time.Now}
		c := a.command()
		sub, _, err := c.Find(args)
		if err != nil {
			t.Fatal(err)
		}
		if code := a.run(context.Background(), append(args, "--help")); code != exitDone {
			t.Errorf("%v --help exits with %d", args, code)
		}
		if n := strings.Count(out.String(), "\n"); n > 50 {
			t.Errorf("the help of %q has %d lines", sub.CommandPath(), n)
		}
		if sub.Short == "" {
			t.Errorf("%q says nothing of itself", sub.CommandPath())
		}
		for _, s := range sub.Commands() {
			if s.Name() != "help" && s.Name() != "completion" {
				visit(append(append([]string{}, args...), s.Name()))
			}
		}
	}
	visit(nil)
}

func TestMeterLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := newMeter(&out, false)
		time.Sleep(25 * time.Second) // nothing moves yet: nothing is said
		m.update(agent.Progress{Act: "sending", Done: 0, Total: 100 << 20})
		time.Sleep(20 * time.Second)
		m.update(agent.Progress{Act: "sending", Done: 50 << 20, Total: 100 << 20})
		m.update(agent.Progress{Act: "sending", Done: 40 << 20, Total: 100 << 20}) // overtaken
		time.Sleep(10 * time.Second)
		m.Close()
		want := "sending: 0 bytes of 100.0 MiB (0 %)\nsending: 0 bytes of 100.0 MiB (0 %)\n" +
			"sending: 50.0 MiB of 100.0 MiB (50 %), 2.0 MiB/s, 25s left\n"
		if out.String() != want {
			t.Errorf("meter wrote %q, want %q", out.String(), want)
		}
	})
}

func TestMeterTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := newMeter(&out, true)
		m.update(agent.Progress{Act: "fetching", Done: 1 << 20, Total: 2 << 20})
		time.Sleep(600 * time.Millisecond)
		m.Close()
		if got, want := out.String(), "\r\x1b[Kfetching: 1.0 MiB of 2.0 MiB (50 %)\r\x1b[K"; got != want {
			t.Errorf("meter wrote %q, want %q", got, want)
		}
	})
}

func TestCodeArg(t *testing.T) {
	if err := codeArg(officer.Grounds, "--ground", "privilege"); err != nil {
		t.Error(err)
	}
	for _, code := range []string{"", "because"} {
		err := codeArg(officer.Grounds, "--ground", code)
		if exitCode(err) != exitUsage || !strings.Contains(hintFor(err), "ne-bis-in-idem") {
			t.Errorf("codeArg(%q) = %v, hint %q", code, err, hintFor(err))
		}
	}
}
