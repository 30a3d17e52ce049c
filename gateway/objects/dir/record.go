package dir

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"comity.example/comity/gateway/objects"
)

// headerSize is the length of the record before the data of a small object:
// JSON, spaces, and a newline at the end, so that `tail -c +257` gives the data.
const headerSize = 256

// record is what is stored about a version; the lock is stored apart.
type record struct {
	Version string `json:"version"`
	Size    int64  `json:"size"`
	Digest  string `json:"digest"` // hex
}

func newRecord(version string, size int64, digest [32]byte) record {
	return record{version, size, hex.EncodeToString(digest[:])}
}

func (r record) info() objects.Info {
	i := objects.Info{Version: r.Version, Size: r.Size}
	hex.Decode(i.Digest[:], []byte(r.Digest)) // checked by parseRecord
	return i
}

func (r record) header() []byte {
	b := bytes.Repeat([]byte{' '}, headerSize)
	b[headerSize-1] = '\n'
	copy(b, r.json())
	return b
}

func (r record) json() []byte {
	b, err := json.Marshal(r)
	if err != nil || len(b) >= headerSize {
		panic("dir: internal error: record does not fit its header")
	}
	return b
}

func parseRecord(b []byte) (record, error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("reading record: %v", err)
	}
	if d, err := hex.DecodeString(r.Digest); err != nil || len(d) != 32 || !isID(r.Version) || r.Size < 0 {
		return r, fmt.Errorf("reading record: %q is damaged", b)
	}
	return r, nil
}

// newID returns a random name for a version, an upload, or a piece of trash.
func newID() string { return strings.ToLower(rand.Text()) }

// isID reports whether s is a name that newID could have made; upload ids come
// from callers and become paths.
func isID(s string) bool {
	return len(s) == 26 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

func objectPath(key string) string { return "objects/" + key + "/@object" }

// stored is an open object.
type stored struct {
	record
	file *os.File // of the bytes
	off  int64    // where they begin in file
}

// find opens the object of a key, whose lock the caller holds. ErrNotExist: no
// object, or not this version; version "" is whatever is there.
func (d *Dir) find(key, version string) (stored, error) {
	s, err := d.openObject(objectPath(key))
	if missing(err) {
		return s, fmt.Errorf("finding %q: %w", key, objects.ErrNotExist)
	}
	if err != nil {
		return s, fmt.Errorf("finding %q: %v", key, err)
	}
	if version != "" && version != s.Version {
		s.file.Close()
		return s, fmt.Errorf("finding version %q of %q: %w", version, key, objects.ErrNotExist)
	}
	return s, nil
}

func (d *Dir) openObject(path string) (stored, error) {
	fi, err := d.disk.root.Lstat(path)
	if err != nil {
		return stored{}, err
	}
	if fi.IsDir() {
		return d.openUploaded(path)
	}
	return d.openSmall(path)
}

func (d *Dir) openUploaded(path string) (stored, error) {
	b, err := d.disk.root.ReadFile(path + "/@info")
	if err != nil {
		return stored{}, err
	}
	r, err := parseRecord(b)
	if err != nil {
		return stored{}, err
	}
	f, err := d.disk.root.Open(path + "/@data")
	if err != nil {
		return stored{}, err
	}
	return checkSize(stored{r, f, 0})
}

func (d *Dir) openSmall(path string) (stored, error) {
	f, err := d.disk.root.Open(path)
	if err != nil {
		return stored{}, err
	}
	var b [headerSize]byte
	if _, err := io.ReadFull(f, b[:]); err != nil {
		f.Close()
		return stored{}, fmt.Errorf("reading record: %v", err)
	}
	r, err := parseRecord(b[:])
	if err != nil {
		f.Close()
		return stored{}, err
	}
	return checkSize(stored{r, f, headerSize})
}

// checkSize refuses a file that was cut or extended behind the store's back.
func checkSize(s stored) (stored, error) {
	fi, err := s.file.Stat()
	if err == nil && fi.Size() != s.off+s.Size {
		err = fmt.Errorf("file has %d bytes, want %d", fi.Size(), s.off+s.Size)
	}
	if err != nil {
		s.file.Close()
		return stored{}, err
	}
	return s, nil
}

// missing reports whether a path leads nowhere, also through a file.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
