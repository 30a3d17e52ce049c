package admit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/internal/wire"
)

// answer is a ResponseWriter that knows whether the answer has begun.
type answer struct {
	http.ResponseWriter
	who   *Principal
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	a.begun = true
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// refuse answers with a problem. What caused it goes to the local log alone.
func (d *Door) refuse(a *answer, r *http.Request, err error) {
	p := problem(err)
	log := []any{"method", r.Method, "route", r.Pattern, "code", p.Code, "error", err}
	if a.who != nil {
		log = append(log, "agent", a.who.id)
	}
	switch {
	case r.Context().Err() != nil:
		d.cfg.Logger.DebugContext(r.Context(), "client went away", log...)
	case p.Code == wire.CodeBusy:
		d.cfg.Logger.WarnContext(r.Context(), "put a request off", log...)
	case p.Code != wire.CodeInternal:
		d.cfg.Logger.DebugContext(r.Context(), "refused request", log...)
	default:
		d.cfg.Logger.ErrorContext(r.Context(), "failed to answer a request", log...)
	}
	if d.cfg.Refused != nil {
		d.cfg.Refused(r.Context(), a.who, err, p.Code)
	}
	if a.begun {
		panic(http.ErrAbortHandler) // cut the stream: half an answer must not look whole
	}
	b, err := json.Marshal(p)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	h := a.Header()
	h.Set("Content-Type", wire.TypeProblem)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	if p.Code == wire.CodeRateLimited || p.Code == wire.CodeBusy {
		h.Set("Retry-After", "1")
	}
	a.WriteHeader(p.Status)
	a.Write(b)
}

// problem returns what the other side is told about an error.
func problem(err error) *wire.Problem {
	var p *wire.Problem
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &large):
		return wire.NewProblem(wire.CodeTooLarge, "")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return wire.NewProblem(wire.CodeMalformed, "the body did not come in time")
	case errors.Is(err, ledger.ErrUnpublished), errors.Is(err, ledger.ErrClosed),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return wire.NewProblem(wire.CodeBusy, "")
	}
	return wire.NewProblem(wire.CodeInternal, "")
}

// recovered turns a panic of a handler into an internal error, and counts it: a
// bug that one request meets must not end the others.
func (d *Door) recovered(a *answer, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	d.cfg.Logger.ErrorContext(r.Context(), "recovered from a panic", "panics", d.panics.Add(1), "method", r.Method, "route", r.Pattern)
	d.refuse(a, r, fmt.Errorf("handler panicked: %v\n%s", v, debug.Stack()))
}

// Denial is the error of a refusal by the rule book, or by the operator's policy: of an
// act on a record, by the principal who asks. It wraps the *wire.Problem that answers it.
type Denial struct {
	Record   custody.RecordID
	Act      custody.Act
	Decision ledger.Answer

	problem *wire.Problem
}

// Error is that of the problem.
func (d *Denial) Error() string { return d.problem.Error() }

// Unwrap returns the problem.
func (d *Denial) Unwrap() error { return d.problem }

// Deny returns the error of a refusal by the rule book or the operator's policy, of
// which it tells the ids of those that forbid, not what they say. A request or package of
// others is answered exactly as one that does not exist: with none, which is
// no-such-request or no-such-package, and no rule; and to who is no party nothing
// was denied, so nothing of it is ever filed.
func Deny(id custody.RecordID, act custody.Act, dec ledger.Answer, none custody.Code) error {
	switch dec.Code {
	case custody.CodeNotParty, custody.CodeNoSuchRequest:
		return wire.NewProblem(none, "")
	case custody.CodeNoSuchPackage:
		return &Denial{id, act, dec, wire.NewProblem(none, "")}
	}
	p := wire.Refusal(dec.Decision)
	switch dec.Code {
	case custody.CodeOperatorPolicy:
		p.Detail = "policy " + strings.Join(dec.Policy.IDs, ", ")
	case custody.CodeRetention:
		p.Detail = fmt.Sprintf("this relay keeps a package for at most %d days", dec.MaxRetention/(24*time.Hour))
	}
	return &Denial{id, act, dec, p}
}

// ReadJSON reads a body of exactly one JSON value with the fields of v, strictly.
func ReadJSON(r *http.Request, v any) error {
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != wire.TypeJSON {
		return wire.NewProblem(wire.CodeMalformed, "the body must be "+wire.TypeJSON)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("reading body: %w", err)
	}
	if err := statement.Decode(b, v); err != nil {
		return wire.NewProblem(wire.CodeMalformed, err.Error())
	}
	return nil
}

// WriteJSON answers with a JSON value.
func WriteJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding answer: %v", err)
	}
	return WriteBytes(w, wire.TypeJSON, b)
}

// WriteBytes answers with bytes of a media type.
func WriteBytes(w http.ResponseWriter, mediaType string, b []byte) error {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("X-Content-Type-Options", "nosniff")
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("writing answer: %w", err)
	}
	return nil
}
