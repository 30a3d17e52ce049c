package command

import (
	"fmt"
	"io"
	"sync"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
)

const (
	redraw    = 500 * time.Millisecond // of the line on a terminal
	heartbeat = 10 * time.Second       // between lines elsewhere, also while nothing moves
)

// meter tells people how far a transfer is: on a terminal in one line that is
// rewritten, elsewhere in a line every ten seconds, so that a log shows a transfer
// that stands still as well as one that moves.
type meter struct {
	w        io.Writer
	terminal bool
	stop     chan struct{}
	stopped  chan struct{}

	mu    sync.Mutex // guards the fields below
	begun time.Time
	first int64 // bytes at the first report, which the rate does not count
	last  agent.Progress
}

// newMeter starts a meter that writes to w until Close.
func newMeter(w io.Writer, terminal bool) *meter {
	m := &meter{w: w, terminal: terminal, stop: make(chan struct{}), stopped: make(chan struct{})}
	go m.run()
	return m
}

// update takes a report. Reports come from several goroutines and may overtake
// each other: bytes never go backwards within one act.
func (m *meter) update(p agent.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.begun.IsZero() || p.Act != m.last.Act || p.Total != m.last.Total {
		m.begun, m.first = time.Now(), p.Done
	} else {
		p.Done = max(p.Done, m.last.Done)
	}
	m.last = p
}

func (m *meter) run() {
	defer close(m.stopped)
	every := heartbeat
	if m.terminal {
		every = redraw
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-m.stop:
			if m.terminal {
				fmt.Fprint(m.w, "\r\x1b[K")
			}
			return
		case <-t.C:
			m.show()
		}
	}
}

func (m *meter) show() {
	m.mu.Lock()
	text := m.text(time.Now())
	m.mu.Unlock()
	switch {
	case text == "":
	case m.terminal:
		fmt.Fprintf(m.w, "\r\x1b[K%s", text)
	default:
		fmt.Fprintln(m.w, text)
	}
}

// text describes the state, or is empty before the first report.
func (m *meter) text(now time.Time) string {
	p := m.last
	if m.begun.IsZero() {
		return ""
	}
	s := fmt.Sprintf("%s: %s", p.Act, officer.About(p.Done))
	if p.Total > 0 {
		s += fmt.Sprintf(" of %s (%d %%)", officer.About(p.Total), 100*p.Done/p.Total)
	}
	secs := now.Sub(m.begun).Seconds()
	if moved := p.Done - m.first; moved > 0 && secs >= 1 {
		rate := float64(moved) / secs
		s += fmt.Sprintf(", %s/s", officer.About(int64(rate)))
		if left := float64(p.Total-p.Done) / rate; left >= 1 {
			s += fmt.Sprintf(", %s left", (time.Duration(left) * time.Second).String())
		}
	}
	return s
}

// Close ends the meter; on a terminal its line disappears.
func (m *meter) Close() {
	close(m.stop)
	<-m.stopped
}

// settle ends the meter, so that what is said next does not stand in its line.
func (a *app) settle() {
	if a.meter != nil {
		a.meter.Close()
		a.meter = nil
	}
}
