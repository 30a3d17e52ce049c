package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"comity.example/comity/internal/durable"
)

// Where items go, below the folder of their request.
const (
	Sent   = ".sent"
	Failed = ".failed"
)

// Free returns a name under which an item can move to a place: its own, or with a
// number behind it where that is taken.
func (b *Box) Free(it Item, place string) (string, error) {
	for n := 1; n < maxItems; n++ {
		name := it.Name
		if n > 1 {
			name = fmt.Sprintf("%s-%d", it.Name, n)
		}
		_, err := os.Lstat(b.moved(it, place, name))
		_, noted := os.Lstat(b.moved(it, place, name) + ".json")
		if errors.Is(err, fs.ErrNotExist) && errors.Is(noted, fs.ErrNotExist) {
			return name, nil
		}
	}
	return "", fmt.Errorf("no name is free for %q in %q", it.Name, place)
}

func (b *Box) moved(it Item, place, name string) string {
	return filepath.Join(b.dir, it.Request, place, name)
}

// Move moves an item, with what lies beside it, to a name in a place, and puts a
// note beside it. The name must have been free when the move was begun. It may be
// called again after it was interrupted.
//
// The folder moves last: once it is there all is done, and a folder that has the
// item's old name by then is another one, which stays. If it is nowhere, its user
// took it away, and the note alone tells.
func (b *Box) Move(it Item, place, name string, note []byte) error {
	if err := it.Check(); err != nil {
		return err
	}
	to := b.moved(it, place, name)
	if err := durable.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if err := durable.WriteFile(to+".json", note, 0o600); err != nil {
		return err
	}
	// If we crash from here on, the next start comes by again.
	if _, err := os.Lstat(to); err == nil {
		return nil
	}
	for _, suffix := range []string{Mark, Options, Acquisition, ""} {
		if err := durable.Rename(b.Path(it)+suffix, to+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Note replaces the note beside an item that has moved.
func (b *Box) Note(it Item, place, name string, note []byte) error {
	return durable.WriteFile(b.moved(it, place, name)+".json", note, 0o600)
}
