package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"comity.example/comity/agent/internal/hatch"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/internal/durable"
)

// ErrNoDaemon says that no daemon runs in a home.
var ErrNoDaemon = hatch.ErrNobody

// maxAnswer bounds what a daemon may answer, in bytes.
const maxAnswer = 16 << 20

// awaitPause is between two looks whether the daemon is done with a request.
const awaitPause = 200 * time.Millisecond

// Daemon talks to the daemon that runs in a home, over its local socket. Its methods
// may be called from several goroutines; they wrap ErrNoDaemon if there is none.
type Daemon struct{ client *http.Client }

// Daemon returns a handle on the daemon of this home, whether one runs or not.
func (h *Home) Daemon() *Daemon { return &Daemon{hatch.Client(h.path(socketName))} }

// Status returns what the daemon does.
func (d *Daemon) Status(ctx context.Context) (*Status, error) {
	var out Status
	return &out, d.call(ctx, http.MethodGet, "status", nil, &out)
}

// Pause stops all transfers until Resume, also after a restart.
func (d *Daemon) Pause(ctx context.Context) error {
	return d.call(ctx, http.MethodPost, "pause", nil, &struct{}{})
}

// Resume lets transfers go on.
func (d *Daemon) Resume(ctx context.Context) error {
	return d.call(ctx, http.MethodPost, "resume", nil, &struct{}{})
}

// Cancel gives up what is in the outbox under a name, REQUEST/NAME, or package id.
// It returns before that is done. What is deposited is not given up.
func (d *Daemon) Cancel(ctx context.Context, name string) (*Work, error) {
	var out Work
	return &out, d.call(ctx, http.MethodPost, "cancel", statement.Encode(cancelBody{name}), &out)
}

// yield has the daemon start nothing more on a request for a while. It reports
// whether something is at work on it.
func (d *Daemon) yield(ctx context.Context, request string) (busy bool, err error) {
	var out yieldAnswer
	err = d.call(ctx, http.MethodPost, "yield", statement.Encode(yieldBody{request}), &out)
	return out.Busy, err
}

// Await is LockCase for a command: where the daemon of this home is at work on the
// request it tells wait so, once, and waits for its turn, which is next. Where the
// lock is another command's it does not wait.
func (h *Home) Await(ctx context.Context, request string, wait func()) (func(), error) {
	for {
		unlock, err := h.LockCase(request)
		if !errors.Is(err, durable.ErrLocked) {
			return unlock, err
		}
		busy, failed := h.Daemon().yield(ctx, request)
		if failed != nil || !busy {
			// Between the two the daemon may have come to its end.
			if unlock, again := h.LockCase(request); again == nil {
				return unlock, nil
			}
			return nil, err
		}
		if wait != nil {
			wait()
			wait = nil
		}
		if !sleep(ctx, awaitPause) {
			return nil, ctx.Err()
		}
	}
}

func (d *Daemon) call(ctx context.Context, method, route string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://daemon/v1/"+route, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := d.client.Do(r)
	if err != nil {
		return fmt.Errorf("asking the daemon: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("asking the daemon: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var f failure
		if json.Unmarshal(data, &f) != nil || f.Error == "" {
			return fmt.Errorf("asking the daemon: it answered with status %d", resp.StatusCode)
		}
		return errors.New(f.Error)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("asking the daemon: reading its answer: %v", err)
	}
	return nil
}
