package fsck

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"comity.example/comity/gateway/objects"
)

// folderHeader is the length of the record before the data of a small object.
const folderHeader = 256

// Folder reads a store of package dir, whose package comment says how it lies on
// the disk. Package dir itself sweeps a store when it opens it; here nothing is
// changed. Methods may be called concurrently.
type Folder struct{ root *os.Root }

// OpenFolder opens the folder of a store that no relay uses.
func OpenFolder(path string) (*Folder, error) {
	r, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("opening store: %v", err)
	}
	return &Folder{r}, nil
}

// Close releases the folder.
func (f *Folder) Close() error { return f.root.Close() }

// folderRecord is what a store keeps about a version, and folderLock about its lock.
type folderRecord struct {
	Version string `json:"version"`
	Size    int64  `json:"size"`
	Digest  string `json:"digest"`
}

type folderLock struct {
	Version string       `json:"version"`
	Mode    objects.Mode `json:"mode"`
	Until   time.Time    `json:"until"`
}

// Get implements objects.Store.
func (f *Folder) Get(_ context.Context, key, version string, off, length int64) (io.ReadCloser, objects.Info, error) {
	file, start, info, err := f.open(key, version)
	if err != nil {
		return nil, info, err
	}
	if length < 0 {
		length = info.Size - off
	}
	if off < 0 || length < 0 || off+length > info.Size {
		file.Close()
		return nil, info, fmt.Errorf("getting %q: %w", key, objects.ErrRange)
	}
	r := io.NewSectionReader(file, start+off, length)
	return struct {
		io.Reader
		io.Closer
	}{r, file}, info, nil
}

// Stat implements objects.Store.
func (f *Folder) Stat(_ context.Context, key, version string) (objects.Info, error) {
	file, _, info, err := f.open(key, version)
	if err != nil {
		return info, err
	}
	return info, file.Close()
}

// open opens the bytes of an object: start says where they begin in the file.
func (f *Folder) open(key, version string) (file *os.File, start int64, info objects.Info, err error) {
	if err := objects.CheckKey(key); err != nil {
		return nil, 0, info, err
	}
	defer func() {
		if err != nil && file != nil {
			file.Close()
		}
	}()
	path := "objects/" + key + "/@object"
	fi, err := f.root.Lstat(path)
	var record []byte
	switch {
	case err != nil:
	case fi.IsDir():
		if record, err = f.root.ReadFile(path + "/@info"); err == nil {
			file, err = f.root.Open(path + "/@data")
		}
	default:
		start, record = folderHeader, make([]byte, folderHeader)
		if file, err = f.root.Open(path); err == nil {
			_, err = io.ReadFull(file, record)
		}
	}
	switch {
	case absent(err) && (fi == nil || !fi.IsDir()):
		return nil, 0, info, fmt.Errorf("finding %q: %w", key, objects.ErrNotExist)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return file, 0, info, fmt.Errorf("finding %q: %w", key, ErrLength)
	case err != nil:
		return file, 0, info, fmt.Errorf("finding %q: %v", key, err)
	}
	info, err = f.info(key, record, file, start)
	if err == nil && version != "" && version != info.Version {
		err = fmt.Errorf("finding version %q of %q: %w", version, key, objects.ErrNotExist)
	}
	return file, start, info, err
}

// info reads a record and the lock of its version, and compares the file with it.
func (f *Folder) info(key string, record []byte, file *os.File, start int64) (info objects.Info, err error) {
	var r folderRecord
	if json.Unmarshal(record, &r) != nil || r.Version == "" || r.Size < 0 || len(r.Digest) != 64 {
		return info, fmt.Errorf("finding %q: its record is damaged", key)
	}
	if _, err := hex.Decode(info.Digest[:], []byte(r.Digest)); err != nil {
		return info, fmt.Errorf("finding %q: its record is damaged", key)
	}
	fi, err := file.Stat()
	if err != nil {
		return info, err
	}
	if fi.Size() != start+r.Size {
		return info, fmt.Errorf("finding %q: %w", key, ErrLength)
	}
	info.Version, info.Size = r.Version, r.Size
	b, err := f.root.ReadFile("objects/" + key + "/@lock")
	if absent(err) {
		return info, nil
	}
	var l folderLock
	if err != nil || json.Unmarshal(b, &l) != nil || l.Version == "" {
		return info, fmt.Errorf("finding %q: its lock is damaged", key)
	}
	if l.Version == r.Version {
		info.Mode, info.RetainUntil = l.Mode, l.Until.UTC()
	}
	return info, nil
}

// List implements objects.Store.
func (f *Folder) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := objects.CheckPrefix(prefix); err != nil {
			yield("", err)
			return
		}
		f.list(ctx, prefix, yield)
	}
}

// list gives the keys below a folder, and reports whether to go on. Each name stands
// twice in the order, as a key and as a folder, because "a" < "a.b" < "a/b".
func (f *Folder) list(ctx context.Context, prefix string, yield func(string, error) bool) bool {
	names, err := f.names(strings.TrimSuffix("objects/"+prefix, "/"))
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		yield("", fmt.Errorf("listing %q: %v", prefix, err))
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
		if strings.HasSuffix(n, "/") {
			if !f.list(ctx, prefix+n, yield) {
				return false
			}
			continue
		}
		if _, err := f.root.Lstat("objects/" + prefix + n + "/@object"); err == nil {
			if !yield(prefix+n, nil) {
				return false
			}
		}
	}
	return true
}

// names lists a folder; one that is not there, or no folder, is empty.
func (f *Folder) names(path string) ([]string, error) {
	fi, err := f.root.Lstat(path)
	if absent(err) || err == nil && !fi.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := f.root.Open(path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// Uploads implements Uploader. One whose beginning a crash cut off has no key yet:
// nobody was told its id, and the next start drops it.
func (f *Folder) Uploads(context.Context) iter.Seq2[objects.Upload, error] {
	return func(yield func(objects.Upload, error) bool) {
		ids, err := f.names("uploads")
		if err != nil {
			yield(objects.Upload{}, err)
			return
		}
		for _, id := range ids {
			b, err := f.root.ReadFile("uploads/" + id + "/@begin")
			if absent(err) {
				continue
			}
			var u struct {
				Key string `json:"key"`
			}
			if err == nil && json.Unmarshal(b, &u) != nil {
				err = fmt.Errorf("upload %q is damaged", id)
			}
			if !yield(objects.Upload{Key: u.Key, ID: id}, err) || err != nil {
				return
			}
		}
	}
}

// absent reports whether a path leads nowhere, also through a file.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
