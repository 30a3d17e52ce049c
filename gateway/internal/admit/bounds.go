package admit

import (
	"net/http"

	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// What one agent may have at once, over all its connections, so that no agent takes
// the relay from the others; and one connection, before anything was proved on it.
const (
	agentConns       = 64
	agentRequests    = 128
	strangerRequests = 4
)

const (
	// smallBody is a body that no memory is claimed for: with strangerRequests of
	// them a connection holds 64 KiB. Hellos must never wait for what others hold.
	smallBody = 16 << 10

	// bodyCopies is how often a body is in memory, with what is parsed of it.
	bodyCopies = 3
)

// bounded runs the handler of a route within everything that bounds a request.
func (d *Door) bounded(a *answer, r *http.Request, route Route, next func() error) error {
	peer := link.PeerOf(r)
	if !d.rates.allow(a.who, peer.Remote(), max(1, route.Cost)) {
		return wire.NewProblem(wire.CodeRateLimited, "")
	}
	if err := checkHead(r); err != nil {
		return err
	}
	if err := route.checkQuery(r.URL); err != nil {
		return err
	}
	leave, err := d.join(a.who, route)
	if err != nil {
		return err
	}
	defer leave()
	most := route.Body
	if a.who == nil && route.Open != nil {
		most = route.StrangerBody
	}
	// A length that is too large is refused before a byte is read.
	if r.ContentLength > most {
		return wire.NewProblem(wire.CodeTooLarge, "")
	}
	release, err := d.memory.take(r.Context(), a.who, link.Source(peer.Remote()), route.claim(r, most))
	if err != nil {
		return err
	}
	defer release()
	r.Body = newBody(a, r, most)
	return next()
}

// join counts a request among those of its agent, and of its route if that is
// bounded. The function returned uncounts it.
func (d *Door) join(who *Principal, route Route) (leave func(), err error) {
	if who == nil {
		return func() {}, nil
	}
	all := "requests of " + string(who.id)
	if !d.crowd.enter(all, agentRequests) {
		return nil, wire.NewProblem(wire.CodeBusy, "the agent has too many requests at once")
	}
	if route.AtOnce == 0 {
		return func() { d.crowd.leave(all) }, nil
	}
	some := route.Path + " of " + string(who.id)
	if !d.crowd.enter(some, route.AtOnce) {
		d.crowd.leave(all)
		return nil, wire.NewProblem(wire.CodeBusy, "the agent has too many of these requests at once")
	}
	return func() { d.crowd.leave(some); d.crowd.leave(all) }, nil
}

// claim returns the memory that a request needs, in bytes.
func (r Route) claim(req *http.Request, most int64) int64 {
	if r.Stream || most <= smallBody {
		return r.Held
	}
	if req.ContentLength >= 0 {
		most = req.ContentLength
	}
	return r.Held + bodyCopies*most
}
