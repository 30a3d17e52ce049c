// Package admit is the one door of a relay: every HTTP request of every route
// passes through [Door], which finds out who asks, bounds what the request may
// cost, and turns every outcome into an answer that tells a stranger nothing.
//
// A request is for one of two sorts of route. An open route serves strangers,
// at a limited rate: the relay's descriptor, the directories, the log, hello,
// and what authorities publish. Every other route gets a [Principal], which
// exists only if this very connection proved it, and is compared with the
// directory in force again on every request, so that a revocation counts from
// the next one on.
//
// It refuses: any protected route before hello, known or unknown, with the same
// answer; a proof made for another connection, by another key than the
// directory's, or under a TLS key that the directory does not list; a second
// spelling of any path, and what the two transports would read in two ways; bodies
// above the limit of their route, before they are read; more at once than one
// caller, or all of them, may make the relay hold; and to say more about an
// internal error than that there was one. It never tells a request of other
// parties from one that does not exist.
package admit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// Config is what a Door needs. It must not be modified after New.
type Config struct {
	Origin string               // the relay's name, which hellos must name
	Key    *keys.Private        // the relay's half of the hello is signed with it
	View   func() *custody.View // the directories in force; called on every request
	Now    func() time.Time
	Logger *slog.Logger
	Routes []Route // hello is added to them

	// Refused is told of every refusal before it is answered, and the answer
	// waits for it: whoever asked (nil if nobody proved anything), the error (a
	// *Denial where the rule book said no to an agent) and the code of the answer.
	// If nil, nobody is told.
	Refused func(ctx context.Context, who *Principal, err error, code custody.Code)

	// Memory is the budget in bytes for what all requests together hold. If zero,
	// 256 MiB.
	Memory int64

	// Wait is how long a request waits for memory. If zero, 10 seconds.
	Wait time.Duration
}

// What zero means in a Config.
const (
	defaultMemory = 256 << 20
	defaultWait   = 10 * time.Second
)

// Route is one method of one path. Exactly one of Open and Handle is set.
type Route struct {
	Method string // GET answers HEAD as well
	Path   string // a pattern of http.ServeMux without method and host
	Body   int64  // bytes of the largest body of a principal; 0: no body

	// StrangerBody is Body for those who proved nothing. Only of open routes.
	StrangerBody int64

	// Stream says that the body is not held in memory, but handed on as it comes.
	Stream bool

	// Held is how many bytes a request holds in memory beside its body: what it
	// reads and the answer that it builds of it. It is an estimate.
	Held int64

	// Query lists the parameters that there may be, each once.
	Query []string

	// Cost is how many requests one of this route counts for against the rate of
	// its caller. If zero, 1.
	Cost int

	// AtOnce bounds how many requests of this route one agent may have at once,
	// because they wait. If zero, only the bound of all its requests counts.
	AtOnce int

	// Auditors says that an auditor may use a route for principals. The rule book says
	// so once more: a route that is added and forgets it is closed to them.
	Auditors bool

	// Open answers anyone; p is nil for a stranger.
	Open func(w http.ResponseWriter, r *http.Request, p *Principal) error

	// Handle answers principals only.
	Handle func(w http.ResponseWriter, r *http.Request, p Principal) error
}

// Door is the http.Handler of a relay. It is safe for concurrent use.
type Door struct {
	cfg     Config
	routes  []Route
	mux     *http.ServeMux
	nothing *place
	rates   *rates
	crowd   crowd
	memory  *memory
	panics  atomic.Int64
}

// New makes the door of the routes given. It fails if two share a method and
// path, or if one has no handler or two.
func New(cfg Config) (*Door, error) {
	d := &Door{
		cfg: cfg, mux: http.NewServeMux(), rates: newRates(cfg.Now),
		memory: newMemory(cmp.Or(cfg.Memory, defaultMemory), cmp.Or(cfg.Wait, defaultWait)),
	}
	d.nothing = &place{door: d}
	d.routes = append(slices.Clone(cfg.Routes), Route{
		Method: http.MethodPost, Path: "/v1/hello", Body: maxHello, StrangerBody: maxHello, Cost: helloCost, Open: d.hello,
	})
	places := map[string]*place{}
	for _, r := range d.routes {
		if (r.Open == nil) == (r.Handle == nil) || r.Open == nil && r.StrangerBody != 0 {
			return nil, fmt.Errorf("adding route %s %s: it must be either open or for principals", r.Method, r.Path)
		}
		p := places[r.Path]
		if p == nil {
			p = &place{door: d, methods: map[string]Route{}}
			places[r.Path] = p
			d.mux.Handle(r.Path, p)
		}
		if _, dup := p.methods[r.Method]; dup {
			return nil, fmt.Errorf("adding route %s %s: it is there already", r.Method, r.Path)
		}
		p.methods[r.Method] = r
		p.open = p.open || r.Open != nil
	}
	return d, nil
}

// Routes lists all routes, hello among them.
func (d *Door) Routes() []Route { return slices.Clone(d.routes) }

// Panics returns how many handlers have panicked since the start.
func (d *Door) Panics() int64 { return d.panics.Load() }

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w}
	defer d.recovered(a, r)
	// The mux would redirect paths that it finds untidy.
	h, _ := d.mux.Handler(r)
	if _, ok := h.(*place); !ok || !tidy(r) {
		d.nothing.ServeHTTP(a, r)
		return
	}
	d.mux.ServeHTTP(a, r)
}

// place is one path with its methods.
type place struct {
	door    *Door
	methods map[string]Route
	open    bool // one of the methods is
}

// ServeHTTP implements http.Handler; w is an *answer.
func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := w.(*answer)
	if err := p.serve(a, r); err != nil {
		p.door.refuse(a, r, err)
	}
}

func (p *place) serve(a *answer, r *http.Request) error {
	peer := link.PeerOf(r)
	if peer == nil {
		return errors.New("answering a request that did not come through a link")
	}
	who, err := p.door.principal(peer)
	a.who = who
	if who == nil && peer.Running() > strangerRequests {
		return wire.NewProblem(wire.CodeRateLimited, "")
	}
	route, found := p.route(r.Method)
	if found && route.Open != nil {
		// Who is not in the directory any more is a stranger here.
		return p.door.bounded(a, r, route, func() error { return route.Open(a, r, who) })
	}
	// Before it is known who asks, what exists is nobody's business, except that
	// a path which anyone may use has methods.
	switch {
	case err != nil:
		return err
	case who == nil && (found || !p.open):
		return wire.NewProblem(wire.CodeHelloRequired, "")
	case p.methods == nil:
		return wire.NewProblem(wire.CodeNotFound, "")
	case !found:
		return wire.NewProblem(wire.CodeMethod, "")
	case who.ID().Role() == custody.RoleAuditor && !route.Auditors:
		return wire.Refusal(custody.Decision{Code: custody.CodeAuditorReads, Rule: "auditors-read-records"})
	}
	return p.door.bounded(a, r, route, func() error { return route.Handle(a, r, *who) })
}

// route returns the route of a method. HEAD is GET without the body, which
// net/http and quic-go leave out.
func (p *place) route(method string) (Route, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	r, ok := p.methods[method]
	return r, ok
}
