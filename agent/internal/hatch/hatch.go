// Package hatch is the small opening between a running daemon and the commands of
// its own user: HTTP on a local socket.
//
// It refuses every other user but root: on Linux the kernel says who connects
// (SO_PEERCRED); on other systems the socket is a file that only its owner may open,
// in a folder that only its owner may enter, and that has to do. It opens no port,
// and bounds callers, their number, what they say, and how long they take.
package hatch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/net/netutil"
)

const (
	maxCallers = 16
	// MaxBody bounds what a caller may send, in bytes.
	MaxBody = 64 << 10
	// maxPath is the longest path of a socket that all systems take, in bytes.
	maxPath = 103

	patience = 10 * time.Second
)

// ErrNobody says that no daemon listens.
var ErrNobody = errors.New("no daemon runs here")

// Hatch is an open socket.
type Hatch struct {
	l   net.Listener
	srv *http.Server
}

// Open listens on the socket path. One that an earlier process left is replaced: the
// caller holds the lock that keeps another daemon out.
func Open(path string, h http.Handler, log *slog.Logger) (*Hatch, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("opening the socket %q: its path is longer than %d bytes, which no system takes: choose a shorter state folder", path, maxPath)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening the socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the socket: %w", err)
	}
	// Until here the mask alone keeps others out, and the folder.
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("opening the socket: %w", err)
	}
	return &Hatch{
		l: netutil.LimitListener(&guard{l, log}, maxCallers),
		srv: &http.Server{
			Handler:     http.MaxBytesHandler(h, MaxBody),
			ReadTimeout: patience, WriteTimeout: patience, IdleTimeout: patience, MaxHeaderBytes: 16 << 10,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}, nil
}

// Serve answers callers until Close.
func (h *Hatch) Serve() error {
	if err := h.srv.Serve(h.l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close ends all calls and removes the socket.
func (h *Hatch) Close() { h.srv.Close(); h.l.Close() }

// guard lets the daemon's own user in, and root.
type guard struct {
	net.Listener
	log *slog.Logger
}

// Accept implements net.Listener.
func (g *guard) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		err = own(c)
		if err == nil {
			return c, nil
		}
		g.log.Warn("refused a caller on the local socket", "error", err)
		c.Close()
	}
}

// Client returns a client that talks to the daemon on the socket path, whatever the
// host in the address.
func Client(path string) *http.Client {
	return &http.Client{
		Timeout: patience,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				c, err := d.DialContext(ctx, "unix", path)
				if err != nil {
					return nil, fmt.Errorf("%w: %w", ErrNobody, err)
				}
				return c, nil
			},
		},
	}
}
