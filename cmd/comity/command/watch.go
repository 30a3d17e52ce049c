package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
)

// watchPause is between two looks at the daemon.
const watchPause = 500 * time.Millisecond

// watch shows what the daemon does: on a terminal a page that is rewritten,
// elsewhere a line for each thing that changes, and all every ten seconds while
// something moves.
func (a *app) watch(ctx context.Context) error {
	return a.onDaemon(func(d *agent.Daemon) error {
		v := &view{a: a, terminal: isTerminal(a.stdout), said: map[string]string{}}
		for {
			st, err := d.Status(ctx)
			if err != nil {
				return err
			}
			v.show(st)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(watchPause):
			}
		}
	})
}

// daemonStatus shows once what the daemon does.
func (a *app) daemonStatus(ctx context.Context) error {
	return a.onDaemon(func(d *agent.Daemon) error {
		st, err := d.Status(ctx)
		if err != nil {
			return err
		}
		return a.printJSON(st)
	})
}

// view is what a watcher has been shown.
type view struct {
	a        *app
	terminal bool
	said     map[string]string // by item, what was said of it
	past     int               // number of the last finished item shown
	process  int
	beat     time.Time // of the last time that all was said
}

func (v *view) show(st *agent.Status) {
	if v.terminal {
		fmt.Fprint(v.a.stdout, "\x1b[H\x1b[2J")
		for _, l := range page(st) {
			v.a.print("%s", line(l))
		}
		return
	}
	if st.Process != v.process {
		v.process, v.past, v.said = st.Process, 0, map[string]string{}
	}
	for _, p := range st.Past {
		if p.Number > v.past {
			v.past = p.Number
			v.a.print("%s", line(pastLine(p)))
		}
	}
	all := time.Since(v.beat) >= heartbeat
	if all {
		v.beat = time.Now()
	}
	now := map[string]string{}
	for _, l := range headLines(st) {
		v.say(now, l, l, false)
	}
	for _, w := range st.Work {
		v.say(now, workName(w), workLine(w), all && w.State == agent.WorkRunning)
	}
	v.said = now
}

// say prints a line if it says another thing of an item than the last time, its
// figures aside, or must.
func (v *view) say(now map[string]string, item, text string, must bool) {
	kind, _, _ := strings.Cut(text, "; ")
	now[item] = kind
	if must || v.said[item] != kind {
		v.a.print("%s", line(text))
	}
}

// page is all that a terminal shows.
func page(st *agent.Status) []string {
	list := headLines(st)
	for _, w := range st.Work {
		list = append(list, workLine(w))
	}
	if len(st.Work) == 0 {
		list = append(list, "nothing waits and nothing moves")
	}
	for i := max(0, len(st.Past)-10); i < len(st.Past); i++ {
		list = append(list, pastLine(st.Past[i]))
	}
	return list
}

// headLines say how the daemon itself is.
func headLines(st *agent.Status) []string {
	list := []string{fmt.Sprintf("daemon of %s, process %d", st.Agent, st.Process)}
	if st.Paused {
		list = append(list, "paused: comity resume goes on")
	}
	if st.Relay != "" {
		list = append(list, "the relay cannot be reached: "+st.Relay)
	}
	for _, s := range st.Strays {
		list = append(list, "in the outbox: "+s)
	}
	return list
}

// workName names a piece of work for people.
func workName(w agent.Work) string {
	folder := w.Reference
	if folder == "" {
		folder = w.Request
	}
	if w.Name != "" {
		folder += "/" + w.Name
	}
	return w.Act + " " + folder
}

// workLine says how far a piece of work is: what it is and its state, then figures.
func workLine(w agent.Work) string {
	s := workName(w) + ": " + w.State
	if w.Trouble != "" {
		s += ": " + w.Trouble
	}
	if w.Total > 0 {
		s += fmt.Sprintf("; %s of %s (%d %%)", officer.About(w.Done), officer.About(w.Total), 100*w.Done/w.Total)
	}
	if w.Retry > 0 {
		s += fmt.Sprintf("; try %d in %s", w.Tries+1, time.Duration(w.Retry)*time.Second)
	}
	return s
}

// pastLine says what was finished.
func pastLine(p agent.Past) string {
	s := fmt.Sprintf("%s  %s %s: %s", moment(p.Time), p.Act, p.Name, p.State)
	if p.Package != "" && p.Package != p.Name {
		s += ", package " + p.Package
	}
	if p.Reason != "" {
		s += ": " + p.Reason
	}
	return s
}
