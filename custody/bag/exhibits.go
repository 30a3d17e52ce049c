package bag

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// ExhibitsName is the list of what ExtractExhibits wrote, beside data/.
const ExhibitsName = "exhibits-sha256.txt"

// ExtractExhibits reads single items of the bag id out of its archive and writes
// them below id/data in into, which must be an empty folder nobody else uses, with
// the folders that lead to them; beside data stands exhibits-sha256.txt, in the
// form of a manifest, with what was written. That is no bag, and no file in it says
// so. The items are those of [ReadIndex], in its order and after it returned no
// error; the content of a folder is not taken with it.
//
// Each item is verified when ExtractExhibits returns without an error: its header
// in the archive is the one that the index implies, and its content has the hash.
// What else stands in the archive is not looked at. Modes, times, syncing, errors
// and what to do after one are those of [Extract].
func ExtractExhibits(ra io.ReaderAt, into *os.Root, id string, items []Exhibit) error {
	if err := checkID(id); err != nil {
		return err
	}
	if err := checkEmpty(into); err != nil {
		return err
	}
	if err := possible(items); err != nil {
		return err
	}
	w := &exhibits{ra: ra, id: id, folders: folders{top: into}, made: map[string]bool{}}
	defer w.folders.close()
	if err := w.mkdir(id + "/data"); err != nil {
		return err
	}
	for _, x := range items {
		if err := w.item(x); err != nil {
			return err
		}
	}
	return w.write(id+"/"+ExhibitsName, func(f io.Writer) error {
		_, err := f.Write(w.list)
		return err
	})
}

// possible checks every name on the way to the items.
func possible(items []Exhibit) error {
	var problems NamesError
	n := newNames(runtime.GOOS)
	seen := map[string]bool{}
	for _, x := range items {
		for i := range len(x.Path) + 1 {
			if i < len(x.Path) && x.Path[i] != '/' || seen[x.Path[:i]] {
				continue
			}
			seen[x.Path[:i]] = true
			if r := n.next(x.Path[:i]); r != "" {
				problems.add(x.Path[:i], r)
			}
		}
	}
	if problems.Count > 0 {
		return &problems
	}
	return nil
}

// exhibits is the state of one ExtractExhibits.
type exhibits struct {
	ra      io.ReaderAt
	id      string
	folders folders
	made    map[string]bool // folders
	list    []byte          // exhibits-sha256.txt
}

func (w *exhibits) item(x Exhibit) error {
	e := x.entry(w.id)
	if err := w.header(x, e); err != nil {
		return err
	}
	if x.Dir {
		return w.mkdir(strings.TrimSuffix(e.name, "/"))
	}
	dir, base := split(e.name)
	if err := w.mkdir(dir); err != nil {
		return err
	}
	if err := w.write(e.name, func(f io.Writer) error { return w.content(x, e, f) }); err != nil {
		return err
	}
	w.list = append(w.list, x.ManifestLine()...)
	root, err := w.folders.at(dir)
	if err != nil {
		return err
	}
	return chtimes(root, base, x.ModTime)
}

func refuseAt(at int64, e entry, format string, args ...any) error {
	return &RefusedError{Offset: at, Path: e.name, Reason: fmt.Sprintf(format, args...)}
}

// header compares what stands before the content with what must: that a reader of
// the whole archive would find the item there, under this name.
func (w *exhibits) header(x Exhibit, e entry) error {
	want := e.append(nil)
	got := make([]byte, len(want))
	at := x.Offset - int64(len(want))
	if err := readAt(w.ra, got, at); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return refuseAt(at, e, "is not there, or not as the index says")
	}
	return nil
}

// content copies the content of a file.
func (w *exhibits) content(x Exhibit, e entry, f io.Writer) error {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.NewSectionReader(w.ra, x.Offset, x.Size))
	if err != nil {
		return fmt.Errorf("copying %q: %w", x.Path, err)
	}
	if n < x.Size {
		return refuseAt(x.Offset, e, "the archive is truncated at byte %d", x.Offset+n)
	}
	if [32]byte(h.Sum(nil)) != x.Sum {
		return refuseAt(x.Offset, e, "has another SHA-256 than the index says")
	}
	return nil
}

// mkdir makes a folder and those above it that are missing.
func (w *exhibits) mkdir(name string) error {
	if name == "" || w.made[name] {
		return nil
	}
	dir, base := split(name)
	if err := w.mkdir(dir); err != nil {
		return err
	}
	root, err := w.folders.at(dir)
	if err != nil {
		return err
	}
	if err := root.Mkdir(base, 0o700); err != nil {
		return another(name, err)
	}
	w.made[name] = true
	return nil
}

// write makes a new file. Exclusive: never through a link, never over another.
func (w *exhibits) write(name string, content func(io.Writer) error) error {
	dir, base := split(name)
	root, err := w.folders.at(dir)
	if err != nil {
		return err
	}
	f, err := root.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return another(name, err)
	}
	if err := errors.Join(content(f), f.Close()); err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	return nil
}

// another turns the presence of a name into a NamesError: the folder was empty, so
// the file system takes two spellings for one.
func another(name string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return &NamesError{Problems: []Problem{{Path: name, Reason: "is the name of another item to this file system"}}, Count: 1}
	}
	return fmt.Errorf("making %q: %w", name, err)
}
