package admit

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"comity.example/comity/internal/wire"
)

// tidy reports whether a request's target is spelled in the one way that is
// accepted here: no other names the same thing, and nothing is decoded, cleaned or
// redirected. No path of the protocol has a character that needs an escape.
func tidy(r *http.Request) bool {
	target, _, _ := strings.Cut(r.RequestURI, "?")
	return strings.HasPrefix(target, "/") && target == r.URL.Path && path.Clean(target) == target
}

// checkHead refuses what the transports leave to the handler and read in different
// ways, so that one request has one verdict over both.
func checkHead(r *http.Request) error {
	switch {
	case r.Host == "":
		return wire.NewProblem(wire.CodeMalformed, "the request names no host")
	case len(r.Header.Values("Content-Encoding")) > 0:
		return wire.NewProblem(wire.CodeMalformed, "content codings are not accepted")
	case len(r.Trailer) > 0 || len(r.Header.Values("Trailer")) > 0:
		return wire.NewProblem(wire.CodeMalformed, "trailers are not accepted")
	}
	// HTTP/2 takes the first of several lengths, 0 for one that is no number, and
	// 0 where no body follows: here the number that was announced counts.
	for i, v := range r.Header.Values("Content-Length") {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 || strconv.FormatInt(n, 10) != v || i > 0 && n != r.ContentLength {
			return wire.NewProblem(wire.CodeMalformed, "the content length is not one number")
		}
		r.ContentLength = n
	}
	return nil
}

// checkQuery refuses parameters that the route does not know or that stand twice:
// readers differ in which of two counts.
func (r Route) checkQuery(u *url.URL) error {
	if u.RawQuery == "" && !u.ForceQuery {
		return nil
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(q) == 0 {
		return wire.NewProblem(wire.CodeMalformed, "the query cannot be read")
	}
	for k, v := range q {
		if len(v) != 1 || !slices.Contains(r.Query, k) {
			return wire.NewProblem(wire.CodeMalformed, "the query has a parameter that does not belong here, or twice")
		}
	}
	return nil
}
