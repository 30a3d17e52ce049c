package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"comity.example/comity/agent/internal/capture"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
)

// ErrDamaged is wrapped where a capture is not what it was when it was made.
var ErrDamaged = capture.ErrDamaged

// Captured is input that was captured and waits to be sent, or is being sent.
type Captured struct {
	ID      string       `json:"capture"`
	Name    string       `json:"name,omitempty"`   // of the one file, if standard input was read
	Folder  string       `json:"folder,omitempty"` // if a folder was
	Files   int64        `json:"files"`
	Bytes   int64        `json:"bytes"`
	Ended   custody.Time `json:"ended,omitzero"`
	Trouble string       `json:"trouble,omitempty"` // why it cannot be read
}

// fileOptions is what the sender says of a capture, beside it.
const fileOptions = "options.json"

func (h *Home) captureDir(request, id string) string { return h.path("cases", request, "captures", id) }

// captureIDs lists all captures of a request, complete or not.
func (h *Home) captureIDs(request string) ([]string, error) {
	dirs, err := os.ReadDir(h.path("cases", request, "captures"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing captures: %w", err)
	}
	var ids []string
	for _, d := range dirs {
		if custody.CheckID(d.Name()) == nil {
			ids = append(ids, d.Name())
		}
	}
	return ids, nil
}

// Captures lists the complete captures of a request that this home keeps, and those
// that nobody knows to be incomplete.
func (h *Home) Captures(request string) ([]Captured, error) {
	ids, err := h.captureIDs(request)
	list := []Captured{}
	for _, id := range ids {
		switch i, err := capture.Load(h.captureDir(request, id)); {
		case errors.Is(err, fs.ErrNotExist): // remains, or just begun
		case err != nil:
			list = append(list, Captured{ID: id, Trouble: err.Error()})
		case i.Complete:
			list = append(list, *captured(id, i))
		}
	}
	return list, err
}

func captured(id string, i *capture.Info) *Captured {
	return &Captured{ID: id, Name: i.Name, Folder: i.Folder, Files: i.Files, Bytes: i.Bytes, Ended: i.Ended}
}

// sweepCaptures removes what processes left that died while they captured: half of an
// input is none. The caller has the lock of the request, so nobody captures now.
func (a *Agent) sweepCaptures(request string) error {
	ids, err := a.home.captureIDs(request)
	if err != nil {
		return err
	}
	for _, id := range ids {
		dir := a.home.captureDir(request, id)
		i, err := capture.Load(dir)
		if err == nil && i.Complete || err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := capture.Remove(dir); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "capture %s was not complete when its process ended, and is removed; nothing of it was sent\n", id)
	}
	return nil
}

// resolveCapture returns the id of the capture that a name means: its id, or four or
// more letters of it that no other has. One that is destroyed because the relay has
// all of it counts as long as its package is not through.
func (h *Home) resolveCapture(request, name string) (string, error) {
	ids, err := h.captureIDs(request)
	if err != nil {
		return "", err
	}
	list, err := h.packages(request)
	if err != nil {
		return "", err
	}
	for _, p := range list {
		if b, err := h.loadBegun(p); err != nil {
			return "", err
		} else if b != nil && b.Capture != "" && !slices.Contains(ids, b.Capture) {
			ids = append(ids, b.Capture)
		}
	}
	var fits []string
	for _, id := range ids {
		if id == name || len(name) >= 4 && strings.HasPrefix(id, name) {
			fits = append(fits, id)
		}
	}
	switch len(fits) {
	case 0:
		return "", fmt.Errorf("no capture %q of this request waits here", name)
	case 1:
		return fits[0], nil
	}
	return "", fmt.Errorf("%q names %d captures: %s", name, len(fits), strings.Join(fits, ", "))
}

// hasCapture reports whether a capture is here.
func (h *Home) hasCapture(request, id string) (bool, error) {
	ids, err := h.captureIDs(request)
	return slices.Contains(ids, id), err
}

// dropCaptured destroys the capture that a package was made of, if it was made of one.
func (h *Home) dropCaptured(p packageFile) error {
	b, err := h.loadBegun(p)
	if err != nil || b == nil || custody.CheckID(b.Capture) != nil {
		return err
	}
	return capture.Remove(h.captureDir(p.Request, b.Capture))
}

// saveWords keeps what the sender says of a capture.
func (h *Home) saveWords(request, id string, opt SendOptions) error {
	data, err := json.MarshalIndent(opt, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(h.captureDir(request, id), fileOptions), data, 0o600)
}

func (h *Home) loadWords(request, id string) (opt SendOptions, err error) {
	data, err := os.ReadFile(filepath.Join(h.captureDir(request, id), fileOptions))
	if err != nil {
		return opt, err
	}
	if err := json.Unmarshal(data, &opt); err != nil {
		return opt, fmt.Errorf("reading what is said of capture %q: %v", id, err)
	}
	return opt, nil
}
