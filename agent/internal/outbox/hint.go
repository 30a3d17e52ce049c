package outbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// Hints calls changed when a folder or a file beside one may have come into the
// outbox or gone, until ctx ends. It is a hint and no more: systems drop such news
// when there is much, and network file systems have none. It returns an error if it
// cannot say anything (more), after which the looks that come anyway have to do.
func (b *Box) Hints(ctx context.Context, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Add(b.dir); err != nil {
		return err
	}
	list, err := read(b.dir)
	if err != nil {
		return err
	}
	for _, r := range list {
		b.hear(w, filepath.Join(b.dir, r.Name()))
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.Events:
			if !ok {
				return fsnotify.ErrClosed
			}
			b.hear(w, e.Name)
			changed()
		case err, ok := <-w.Errors:
			if !ok {
				return fsnotify.ErrClosed
			}
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return err
			}
			changed() // there was too much to tell
		}
	}
}

// hear hears of what lies in the folder of a request, too. That it cannot is no loss.
func (b *Box) hear(w *fsnotify.Watcher, path string) {
	if filepath.Dir(path) != b.dir || !plain(filepath.Base(path)) {
		return
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		w.Add(path)
	}
}
