package link

import (
	"net/http"
)

// edge stands between the connections and the handler: it counts the requests of
// each connection that run, and bounds how slowly they may come along. How many there
// are the transports bound by themselves.
type edge struct {
	handler http.Handler
	cfg     *ServerConfig
}

// ServeHTTP implements http.Handler.
func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := PeerOf(r)
	p.begin()
	defer p.end()
	out := newPacedWriter(w, e.cfg.Stall, e.cfg.MinRate)
	// Also when the handler panics, because an answer may have begun.
	defer out.finish()
	if r.Body != nil && r.Body != http.NoBody {
		rc := http.NewResponseController(w)
		r.Body = &pacedBody{r.Body, newPace(e.cfg.Stall, e.cfg.MinRate, func() { rc.SetReadDeadline(past()) })}
	}
	e.handler.ServeHTTP(out, r)
}
