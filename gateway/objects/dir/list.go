package dir

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"comity.example/comity/gateway/objects"
)

// List walks the folders, holding the names of one path of folders at a time.
func (d *Dir) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := objects.CheckPrefix(prefix); err != nil {
			yield("", err)
			return
		}
		w := walk{ctx, d, yield}
		w.folder(prefix)
	}
}

type walk struct {
	ctx   context.Context
	d     *Dir
	yield func(string, error) bool
}

// folder gives the keys that begin with prefix, and reports whether to go on.
// Each name stands twice in the order: as a key, and with a slash as a folder,
// because "a" < "a.b" < "a/b".
func (w walk) folder(prefix string) bool {
	if err := w.ctx.Err(); err != nil {
		w.yield("", err)
		return false
	}
	names, err := w.d.disk.names(strings.TrimSuffix("objects/"+prefix, "/"))
	if missing(err) { // deleted meanwhile
		return true
	}
	if err != nil {
		w.yield("", fmt.Errorf("listing %q: %v", prefix, err))
		return false
	}
	var order []string
	for _, n := range names {
		if objects.CheckKey(n) == nil { // not @object, @lock, temporary files
			order = append(order, n, n+"/")
		}
	}
	slices.Sort(order)
	for _, n := range order {
		if !w.item(prefix + n) {
			return false
		}
	}
	return true
}

func (w walk) item(name string) bool {
	if strings.HasSuffix(name, "/") {
		return w.folder(name)
	}
	_, err := w.d.disk.root.Lstat(objectPath(name))
	switch {
	case missing(err):
		return true
	case err != nil:
		w.yield("", fmt.Errorf("listing %q: %v", name, err))
		return false
	}
	return w.yield(name, nil)
}
