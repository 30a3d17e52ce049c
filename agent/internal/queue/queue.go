// Package queue is what a daemon has taken on and not finished: one small file an
// entry, written whole and synced before a call returns, so that a process that
// starts after any crash finds what the last one had decided.
//
// It refuses to schedule: it holds no clock and runs nothing. Files that it cannot
// read are errors, not gaps: an entry that is overlooked could be sent twice.
package queue

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"comity.example/comity/agent/internal/outbox"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
)

// The fates of an entry. One that has a fate is never sent again.
const (
	None   = ""       // it is to be sent
	Sent   = "sent"   // the relay has the package
	Failed = "failed" // it never will
)

// Entry is a package's folder that was taken on.
type Entry struct {
	Folder   string         `json:"folder"` // of the request, as its user named it
	Name     string         `json:"name"`   // of the package's folder
	Print    custody.Digest `json:"fingerprint"`
	Settled  custody.Time   `json:"settled"`
	Priority int            `json:"priority,omitempty"`
	Final    bool           `json:"final,omitempty"`

	// Request is the request's id, once the relay has been asked which it is.
	Request string `json:"request,omitempty"`
	// Package is the id of the package that the folder becomes, kept before the
	// relay hears of it.
	Package string `json:"package,omitempty"`
	// Cancelled says that its user does not want it sent.
	Cancelled bool `json:"cancelled,omitempty"`

	Fate   string `json:"fate,omitempty"`
	Reason string `json:"reason,omitempty"` // of failure, for people
	// Target is the name that the folder moves to, chosen with the fate.
	Target string `json:"target,omitempty"`
	// Waits says that the folder has moved and the package's key is still here.
	Waits bool `json:"waits,omitempty"`
}

// Item returns where the entry's folder is in the outbox.
func (e *Entry) Item() outbox.Item { return outbox.Item{Request: e.Folder, Name: e.Name} }

// ID names an entry: of one folder in the outbox there is one at a time while it is
// there, and one of each package afterwards.
func (e *Entry) ID() string {
	sum := sha256.Sum256([]byte(e.Folder + "\x00" + e.Name))
	id := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
	if e.Waits {
		id += "-" + e.Package
	}
	return id
}

func (e *Entry) check() error {
	if err := e.Item().Check(); err != nil {
		return err
	}
	if e.Request != "" && custody.CheckID(e.Request) != nil || e.Package != "" && custody.CheckID(e.Package) != nil {
		return errors.New("malformed id")
	}
	moved := e.Fate == Sent || e.Fate == Failed
	if e.Fate != None && !moved || moved != (e.Target != "") || e.Waits && (e.Fate != Sent || e.Package == "") {
		return fmt.Errorf("fate %q with target %q makes no sense", e.Fate, e.Target)
	}
	if e.Target != "" {
		return outbox.Item{Request: e.Folder, Name: e.Target}.Check()
	}
	return nil
}

// parse reads an entry.
func parse(data []byte) (*Entry, error) {
	e := &Entry{}
	if err := statement.Decode(data, e); err != nil {
		return nil, err
	}
	return e, e.check()
}

// Queue is a folder of entries. Its methods may be called from several goroutines,
// for one entry from one at a time.
type Queue struct{ dir string }

const (
	suffix     = ".json"
	pausedName = "paused"
)

// Open returns the queue in a folder, which it makes if it is missing, and the
// entries in it. No other process may have it open.
func Open(dir string) (*Queue, []*Entry, error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("opening the queue: %w", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the queue: %w", err)
	}
	var list []*Entry
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		if durable.IsTemp(f.Name()) { // an earlier process crashed while it wrote
			if err := os.Remove(path); err != nil {
				return nil, nil, fmt.Errorf("opening the queue: %w", err)
			}
		}
		if !strings.HasSuffix(f.Name(), suffix) {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, fmt.Errorf("opening the queue: %w", err)
		}
		e, err := parse(data)
		if err == nil && e.ID()+suffix != f.Name() {
			err = errors.New("it has the name of another")
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading entry %q of the queue: %v", path, err)
		}
		list = append(list, e)
	}
	return &Queue{dir}, list, nil
}

// Put keeps an entry, in place of the one with the same id.
func (q *Queue) Put(e *Entry) error {
	if err := e.check(); err != nil {
		return fmt.Errorf("keeping an entry of the queue: %v", err)
	}
	return durable.WriteFile(q.path(e), statement.Encode(e), 0o600)
}

// Remove forgets an entry. One that is gone already is no error.
func (q *Queue) Remove(e *Entry) error {
	err := durable.Remove(q.path(e))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Moved makes an entry whose folder has moved one that waits for its key. If we
// crash between the two writes both are there: the first one moves nothing, and
// comes by here again.
func (q *Queue) Moved(e *Entry) error {
	before := *e
	e.Waits = true
	if err := q.Put(e); err != nil {
		return err
	}
	return q.Remove(&before)
}

func (q *Queue) path(e *Entry) string { return filepath.Join(q.dir, e.ID()+suffix) }

// Paused reports whether nothing is to be moved for now.
func (q *Queue) Paused() (bool, error) {
	_, err := os.Stat(filepath.Join(q.dir, pausedName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Pause keeps that nothing is to be moved, until Pause(false).
func (q *Queue) Pause(on bool) error {
	path := filepath.Join(q.dir, pausedName)
	if on {
		return durable.WriteFile(path, nil, 0o600)
	}
	if err := durable.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
