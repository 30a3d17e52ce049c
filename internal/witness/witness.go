// Package witness is a C2SP tlog-witness and its client. A witness keeps the
// newest tree head of each log that it knows, and cosigns a newer one only if a
// proof shows that it continues the one kept. So a log cannot show two histories
// without a witness that refuses one of them.
//
// It refuses logs that are not in its settings, notes without the valid
// signatures of the log's own keys, checkpoints with extension lines, proofs that
// do not verify, a time before the one it last signed for a log, and to start
// without the folder of its state: an empty state would let it sign a second
// history. It fetches nothing: it is sent checkpoints and calls nobody.
package witness

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"comity.example/comity/crypto/translog"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/time/rate"
)

// Log is a log that a witness knows: a Comity relay by Key, another by Foreign.
type Log struct {
	Key     *translog.LogKey // both keys of a relay
	Foreign note.Verifier    // if Key is nil: the one Ed25519 key of another log
}

func (l Log) origin() string {
	if l.Key != nil {
		return l.Key.Origin()
	}
	return l.Foreign.Name()
}

func (l Log) open(msg []byte) (translog.Checkpoint, error) {
	if l.Key != nil {
		return translog.Open(msg, l.Key.Origin(), l.Key)
	}
	return translog.OpenForeign(msg, l.Foreign)
}

// Config is what a witness needs. All fields but Logger are required.
type Config struct {
	// State is the folder of tree heads, made by Init. One process uses it.
	State string

	// Logs are the logs that are cosigned, each origin once.
	Logs []Log

	// Cosigners are the keys that cosign, each checkpoint with all of them.
	Cosigners []*translog.Cosigner

	// Now is the clock that dates cosignatures.
	Now func() time.Time

	// Logger takes what the operator must see. If nil, nothing is logged.
	Logger *slog.Logger
}

// Witness answers POST /add-checkpoint. It is safe for concurrent use.
type Witness struct {
	cfg    Config
	logs   map[string]*watched
	checks *rate.Limiter // of signatures, for all who ask together
}

// watched is a log and the newest tree head of it that was cosigned.
type watched struct {
	log   Log
	limit *rate.Limiter // of valid requests

	mu   sync.Mutex // guards head, and is held from its check until it is kept
	head head
}

// The bounds of what is asked. A relay asks once a second; anybody can make us
// verify a signature, but only a log's key can make us write.
const (
	checksPerSecond = 200
	addsPerSecond   = 10
)

// New opens a witness on its state. It fails if the state of a log is damaged:
// what was cosigned is not known then.
func New(cfg *Config) (*Witness, error) {
	w := &Witness{cfg: *cfg, logs: map[string]*watched{}, checks: rate.NewLimiter(checksPerSecond, checksPerSecond)}
	if w.cfg.Logger == nil {
		w.cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Cosigners) == 0 {
		return nil, errors.New("opening witness: no key")
	}
	if err := checkFolder(cfg.State); err != nil {
		return nil, fmt.Errorf("opening witness: %w", err)
	}
	for _, l := range cfg.Logs {
		if w.logs[l.origin()] != nil {
			return nil, fmt.Errorf("opening witness: log %q is named twice", l.origin())
		}
		h, err := loadHead(cfg.State, l)
		if err != nil {
			return nil, fmt.Errorf("opening witness: %w", err)
		}
		w.logs[l.origin()] = &watched{log: l, head: h, limit: rate.NewLimiter(addsPerSecond, 3*addsPerSecond)}
	}
	return w, nil
}

// Sizes returns the size of the newest tree that was cosigned, by origin.
func (w *Witness) Sizes() map[string]int64 {
	sizes := map[string]int64{}
	for origin, l := range w.logs {
		l.mu.Lock()
		sizes[origin] = l.head.Size
		l.mu.Unlock()
	}
	return sizes
}

// refusal is an answer that is no cosignature.
type refusal struct {
	status int
	text   string
	size   int64 // of 409: the newest that was cosigned
}

func (r *refusal) Error() string { return r.text }

// ServeHTTP answers one request: C2SP tlog-witness, add-checkpoint.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/add-checkpoint" {
		http.Error(rw, "not found", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost {
		rw.Header().Set("Allow", http.MethodPost)
		http.Error(rw, "want POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, MaxRequest))
	if err != nil {
		http.Error(rw, "request is cut or too long", http.StatusBadRequest)
		return
	}
	lines, err := w.add(body)
	var no *refusal
	switch {
	case err == nil:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.Write(lines)
	case !errors.As(err, &no):
		// The state was not kept, or nobody knows: the next start reads it.
		w.cfg.Logger.ErrorContext(r.Context(), "no cosignature", "err", err)
		http.Error(rw, "internal error", http.StatusInternalServerError)
	case no.status == http.StatusConflict:
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(no.status)
		io.WriteString(rw, strconv.FormatInt(no.size, 10)+"\n")
	default:
		http.Error(rw, no.text, no.status)
	}
}

// add checks a request and returns the cosignature lines.
func (w *Witness) add(body []byte) ([]byte, error) {
	req, err := parseRequest(body)
	if err != nil {
		return nil, &refusal{status: http.StatusBadRequest, text: err.Error()}
	}
	l := w.logs[req.origin()]
	if l == nil {
		return nil, &refusal{status: http.StatusNotFound, text: "unknown log"}
	}
	if !w.checks.Allow() {
		return nil, &refusal{status: http.StatusTooManyRequests, text: "too many requests"}
	}
	c, err := l.log.open(req.Note)
	if err != nil {
		return nil, &refusal{status: http.StatusForbidden, text: "the checkpoint is not signed by this log, or malformed"}
	}
	if req.Old > c.Size {
		return nil, &refusal{status: http.StatusBadRequest, text: "old size is beyond the checkpoint"}
	}
	if !l.limit.Allow() {
		return nil, &refusal{status: http.StatusTooManyRequests, text: "too many requests for this log"}
	}
	return w.advance(l, req, c)
}

// advance moves the head of a log and cosigns it. The lock is held from the
// check to the write: of two requests the later one is checked against what the
// earlier one kept.
func (w *Witness) advance(l *watched, req *Request, c translog.Checkpoint) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.head
	if req.Old != old.Size {
		return nil, &refusal{status: http.StatusConflict, text: "old size is another", size: old.Size}
	}
	if c.Size == old.Size && old.Size > 0 && c.Root != old.Root {
		w.forked(old, c, req.Note)
		return nil, &refusal{status: http.StatusConflict, text: "root is another at the same size", size: old.Size}
	}
	if err := translog.CheckConsistency(old.checkpoint(c.Origin), c, req.Proof); err != nil {
		w.cfg.Logger.Error("a log sent a checkpoint that does not continue the one cosigned", "log", c.Origin, "old", old.Size, "size", c.Size, "root", c.Root)
		return nil, &refusal{status: http.StatusUnprocessableEntity, text: "the consistency proof does not verify"}
	}
	at, err := old.next(w.cfg.Now())
	if err != nil {
		return nil, fmt.Errorf("cosigning for %q: %w", c.Origin, err)
	}
	next := head{Origin: c.Origin, Size: c.Size, Root: c.Root, Time: at.Unix(), Note: string(req.Note)}
	crash("before")
	// If we crash here, nothing is kept and nobody has a cosignature.
	if err := next.save(w.cfg.State); err != nil {
		// It may be on the disk or not. Until a request is kept, this process goes
		// on from the old head, which it has cosigned at most; the file is of a
		// head that continues it.
		return nil, fmt.Errorf("keeping the head of %q: %w", c.Origin, err)
	}
	l.head = next
	crash("after")
	// If we crash here, the head is kept and nobody has a cosignature: the log
	// asks again from this size and gets one.
	var lines []byte
	for _, k := range w.cfg.Cosigners {
		line, err := k.Cosign(c, at)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line...)
	}
	return lines, nil
}

// crash is called with the points between the steps of advance, for tests.
var crash = func(string) {}
