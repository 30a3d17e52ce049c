package command

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
)

// TestWatchLines: where there is no terminal each change is one line, and what moves
// is said again every ten seconds.
func TestWatchLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		v := &view{a: &app{stdout: &out}, said: map[string]string{}}
		st := &agent.Status{Process: 7, Agent: "de/agent/lab-1", Work: []agent.Work{
			{Act: "sending", State: agent.WorkRunning, Reference: "0412", Name: "disk\x1b[31m", Done: 1 << 20, Total: 4 << 20},
			{Act: "fetching", State: agent.WorkRetrying, Request: "abcd", Trouble: "busy", Tries: 2, Retry: 3}}}
		v.show(st)
		st.Work[0].Done, st.Work[1].Retry = 2<<20, 1 // nobody needs to read that twice a second
		v.show(st)
		time.Sleep(heartbeat)
		v.show(st)
		st.Work, st.Paused = st.Work[:1], true
		st.Work[0].State = agent.WorkQueued
		st.Past = []agent.Past{{Number: 1, Act: "sending", Name: "logs", State: "failed", Reason: "a\nb"}}
		v.show(st)
		want := "daemon of de/agent/lab-1, process 7\n" +
			`sending 0412/disk\x1b[31m: running; 1.0 MiB of 4.0 MiB (25 %)` + "\n" +
			"fetching abcd: waits to try again: busy; try 3 in 3s\n" +
			`sending 0412/disk\x1b[31m: running; 2.0 MiB of 4.0 MiB (50 %)` + "\n" +
			moment(custody.Time{}) + `  sending logs: failed: a\nb` + "\n" +
			"paused: comity resume goes on\n" +
			`sending 0412/disk\x1b[31m: queued; 2.0 MiB of 4.0 MiB (50 %)` + "\n"
		if out.String() != want {
			t.Errorf("the watcher wrote\n%s\nwant\n%s", &out, want)
		}
	})
}

// TestWatchPage: on a terminal all is shown each time, safely.
func TestWatchPage(t *testing.T) {
	var out bytes.Buffer
	v := &view{a: &app{stdout: &out}, terminal: true}
	v.show(&agent.Status{Process: 7, Agent: "de/agent/lab-1", Relay: "no\x1b[2Jroute"})
	for _, want := range []string{"\x1b[H\x1b[2J", "daemon of de/agent/lab-1, process 7\n", `the relay cannot be reached: no\x1b[2Jroute`, "nothing waits and nothing moves\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the page is %q, without %q", &out, want)
		}
	}
}
