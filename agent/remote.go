package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"comity.example/comity/agent/internal/hatch"
	"comity.example/comity/crypto/statement"
)

// ErrNoDaemon says that no daemon runs in a home.
var ErrNoDaemon = hatch.ErrNobody

// maxAnswer bounds what a daemon may answer, in bytes.
const maxAnswer = 16 << 20

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
