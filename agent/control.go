package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"comity.example/comity/agent/internal/queue"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// Status is what a running daemon says of itself.
type Status struct {
	Process int             `json:"process"`
	Agent   custody.PartyID `json:"agent"`
	Paused  bool            `json:"paused"`
	Relay   string          `json:"relay,omitempty"` // why it cannot be reached
	Outbox  string          `json:"outbox,omitempty"`
	Inbox   string          `json:"inbox,omitempty"`
	Work    []Work          `json:"work"`
	Strays  []string        `json:"strays"` // what lies in the outbox and is no package
	Past    []Past          `json:"past"`   // what was finished since the start, newest last
}

// The states of work, in the order of its life.
const (
	WorkSettling   = "settling"
	WorkQueued     = "queued"
	WorkRunning    = "running"
	WorkRetrying   = "waits to try again"
	WorkCancelling = "cancelling"
	WorkAcceptance = "waits for acceptance"
)

// Work is one package on its way, or a request that is looked at.
type Work struct {
	Act       string `json:"act"` // "sending" or "fetching"
	State     string `json:"state"`
	Request   string `json:"request,omitempty"` // its id
	Reference string `json:"reference,omitempty"`
	Name      string `json:"name,omitempty"` // of the folder in the outbox
	Package   string `json:"package,omitempty"`
	Priority  int    `json:"priority,omitempty"`
	Final     bool   `json:"final,omitempty"`
	Done      int64  `json:"done,omitempty"` // bytes
	Total     int64  `json:"total,omitempty"`
	Tries     int    `json:"tries,omitempty"`
	Retry     int64  `json:"retry_seconds,omitempty"`
	Trouble   string `json:"trouble,omitempty"` // of the last try
}

// Past is something that a daemon has finished.
type Past struct {
	Number  int            `json:"number"` // counted since its start
	Time    statement.Time `json:"time"`
	Act     string         `json:"act"`
	State   string         `json:"state"`
	Name    string         `json:"name,omitempty"`
	Request string         `json:"request,omitempty"`
	Package string         `json:"package,omitempty"`
	Reason  string         `json:"reason,omitempty"`
}

// routes are what the local socket answers.
func (d *daemon) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) { answer(w, d.status(), nil) })
	m.HandleFunc("POST /v1/pause", func(w http.ResponseWriter, r *http.Request) { answer(w, struct{}{}, d.pause(true)) })
	m.HandleFunc("POST /v1/resume", func(w http.ResponseWriter, r *http.Request) { answer(w, struct{}{}, d.pause(false)) })
	m.HandleFunc("POST /v1/cancel", func(w http.ResponseWriter, r *http.Request) {
		var in cancelBody
		if err := readBody(r, &in); err != nil {
			answer(w, nil, err)
			return
		}
		out, err := d.cancel(in.Name)
		answer(w, out, err)
	})
	m.HandleFunc("POST /v1/yield", func(w http.ResponseWriter, r *http.Request) {
		var in yieldBody
		err := readBody(r, &in)
		if err == nil {
			err = custody.CheckID(in.Request)
		}
		if err != nil {
			answer(w, nil, err)
			return
		}
		answer(w, yieldAnswer{d.yield(in.Request)}, nil)
	})
	return m
}

// yieldBody is what yield is asked with, and yieldAnswer what it answers.
type yieldBody struct {
	Request string `json:"request"`
}

type yieldAnswer struct {
	Busy bool `json:"busy"`
}

// lease is for how long a request is left to a command that does not ask again.
const lease = 5 * time.Second

// yield starts nothing on a request for a while, and reports whether something of it
// is at work. A command asks again and again until it has the request's lock, which
// keeps the daemon out from then on.
func (d *daemon) yield(request string) (busy bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.yields, func(_ string, until time.Time) bool { return time.Now().After(until) })
	d.yields[request] = time.Now().Add(lease)
	time.AfterFunc(lease+time.Millisecond, d.poke)
	v := d.visits[request]
	return d.sending(request) || v != nil && v.running()
}

// cancelBody is what cancel is asked with.
type cancelBody struct {
	Name string `json:"name"`
}

func readBody(r *http.Request, v any) error {
	data, err := io.ReadAll(r.Body) // bounded by package hatch
	if err != nil {
		return err
	}
	return statement.Decode(data, v)
}

// failure is the answer to what was not done.
type failure struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusConflict)
		v = failure{err.Error()}
	}
	json.NewEncoder(w).Encode(v) // the caller may be gone
}

func (d *daemon) status() *Status {
	refs, err := d.a.home.Known()
	if err != nil {
		refs = nil // names are a courtesy
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	st := &Status{Process: os.Getpid(), Agent: d.id, Paused: d.paused, Relay: d.away, Inbox: d.inbox, Work: []Work{},
		Strays: slices.Clone(d.strays), Past: slices.Clone(d.past)}
	if d.box != nil {
		st.Outbox = d.box.Dir()
	}
	for _, s := range d.order() {
		st.Work = append(st.Work, s.work())
	}
	for _, it := range d.open {
		if d.sends[entryOf(it).ID()] == nil { // it may have settled since the last look
			st.Work = append(st.Work, Work{Act: "sending", State: WorkSettling, Reference: it.Request, Name: it.Name})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.waits)) {
		e := d.waits[id]
		st.Work = append(st.Work, Work{Act: "sending", State: WorkAcceptance, Request: e.Request, Name: e.Name, Package: e.Package})
	}
	for _, id := range slices.Sorted(maps.Keys(d.visits)) {
		if v := d.visits[id]; v.progress.Act != "" || v.trouble != "" {
			st.Work = append(st.Work, v.work())
		}
	}
	for i := range st.Work {
		if w := &st.Work[i]; w.Request != "" {
			w.Reference = refs[w.Request]
		}
	}
	return st
}

// fill says how a task stands.
func (t *task) fill(w *Work) {
	w.State, w.Tries, w.Trouble, w.Done, w.Total = WorkQueued, t.tries, t.trouble, t.progress.Done, t.progress.Total
	if wait := time.Until(t.due); t.running() {
		w.State = WorkRunning
	} else if t.trouble != "" && wait > 0 {
		w.State, w.Retry = WorkRetrying, int64(wait/time.Second)+1
	}
}

func (s *send) work() Work {
	e := &s.entry
	w := Work{Act: "sending", Request: e.Request, Reference: e.Folder, Name: e.Name, Package: e.Package, Priority: e.Priority, Final: e.Final}
	s.fill(&w)
	if e.Cancelled {
		w.State = WorkCancelling
	}
	return w
}

func (v *visit) work() Work {
	w := Work{Act: "fetching", Request: v.request}
	v.fill(&w)
	return w
}

// pause stops all transfers, or lets them go on. It holds for later processes, too.
func (d *daemon) pause(on bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.queue.Pause(on); err != nil {
		return err
	}
	d.paused = on
	d.a.log.Info("paused or resumed", "paused", on)
	if on {
		for _, s := range d.sends {
			s.halt()
		}
		for _, v := range d.visits {
			v.halt()
		}
	}
	d.poke()
	return nil
}

// halt stops a task if it runs.
func (t *task) halt() {
	if t.running() {
		t.stop()
	}
}

// cancel has an entry given up that its user names by its folder or package. If we
// crash after it was kept, the next start does it.
func (d *daemon) cancel(name string) (*Work, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.waits {
		if named(e, name) {
			return nil, fmt.Errorf("package %s of %q is deposited; only a revocation of its grant keeps its key here now", e.Package, e.Name)
		}
	}
	var fits []*send
	for _, s := range d.sends {
		if named(&s.entry, name) {
			fits = append(fits, s)
		}
	}
	if len(fits) == 0 {
		return nil, fmt.Errorf("nothing in the queue is called %q", name)
	}
	if len(fits) > 1 {
		return nil, fmt.Errorf("%d folders are called %q: say REQUEST/NAME, or the package", len(fits), name)
	}
	s := fits[0]
	if s.entry.Fate != queue.None {
		return nil, errors.New("it is too late: " + s.entry.Fate)
	}
	e := s.entry
	e.Cancelled = true
	if err := d.queue.Put(&e); err != nil {
		return nil, err
	}
	s.entry, s.due = e, time.Time{}
	s.halt()
	d.a.log.Info("cancelling an entry", "entry", e.ID(), "request", e.Request, "package", e.Package)
	d.poke()
	w := s.work()
	return &w, nil
}

// named reports whether a user may mean an entry.
func named(e *queue.Entry, name string) bool {
	return name == e.Name || name == e.Folder+"/"+e.Name || e.Package != "" && len(name) >= 4 && strings.HasPrefix(e.Package, name)
}
