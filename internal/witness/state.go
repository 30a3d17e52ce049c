package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/internal/durable"
	"golang.org/x/mod/sumdb/tlog"
)

// marker is a file of the state folder. Where it is missing the folder is another
// one, a disk that is not mounted for example.
const marker = "witness"

// ErrNoState: the state folder is not one that Init made.
var ErrNoState = errors.New("the folder is not the state of a witness: it was not made, or is not mounted")

// ErrClock: the clock is behind the time of the last cosignature.
var ErrClock = errors.New("the clock is behind the last cosignature")

// Init makes the state folder of a new witness.
func Init(folder string) error {
	if err := durable.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return durable.WriteNew(filepath.Join(folder, marker), []byte("tree heads that this witness cosigned: never restore an old copy, see docs/operating.md\n"), 0o600)
}

func checkFolder(folder string) error {
	if _, err := os.Stat(filepath.Join(folder, marker)); err != nil {
		return fmt.Errorf("%q: %w", folder, ErrNoState)
	}
	return nil
}

// head is a tree head that was, or is about to be, cosigned. The zero value is the
// one of a log that was never seen.
type head struct {
	Origin string    `json:"origin"`
	Size   int64     `json:"size"`
	Root   tlog.Hash `json:"root"`
	Time   int64     `json:"time"` // of the cosignature, Unix
	Note   string    `json:"note"` // as the log signed it
}

func (h head) checkpoint(origin string) translog.Checkpoint {
	if h.Size == 0 {
		return translog.Checkpoint{Origin: origin, Root: sha256.Sum256(nil)}
	}
	return translog.Checkpoint{Origin: origin, Size: h.Size, Root: h.Root}
}

// maxBack is by how much the clock may be set back unsaid.
const maxBack = 10 * time.Second

// next returns the time of the next cosignature. It never goes back: that a larger
// tree was the newest before a smaller one was would be a contradiction.
func (h head) next(now time.Time) (time.Time, error) {
	last := time.Unix(h.Time, 0)
	if now.Before(last.Add(-maxBack)) {
		return now, fmt.Errorf("it is %v, the last cosignature is of %v: %w", now.UTC().Truncate(time.Second), last.UTC(), ErrClock)
	}
	if now.Before(last) {
		return last, nil
	}
	return now, nil
}

// headPath names the file of a log: an origin may hold what file names may not.
func headPath(folder, origin string) string {
	h := sha256.Sum256([]byte(origin))
	return filepath.Join(folder, hex.EncodeToString(h[:16])+".json")
}

// save makes the head durable.
func (h head) save(folder string) error {
	b, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(headPath(folder, h.Origin), append(b, '\n'), 0o600)
}

// loadHead reads the head of a log and checks it against the note that it came in.
func loadHead(folder string, l Log) (h head, err error) {
	b, err := os.ReadFile(headPath(folder, l.origin()))
	if errors.Is(err, fs.ErrNotExist) {
		return head{}, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	var c translog.Checkpoint
	if err == nil {
		c, err = l.open([]byte(h.Note))
	}
	if err == nil && (c.Size != h.Size || c.Root != h.Root || c.Origin != h.Origin || h.Time <= 0) {
		err = errors.New("head and note differ")
	}
	if err != nil {
		return h, fmt.Errorf("reading the head of log %q: %w", l.origin(), err)
	}
	return h, nil
}

// forksKept bounds how many files a log that forks can make here.
const forksKept = 100

// forked keeps two notes that contradict each other, both signed by the log: the
// proof that it has forked.
func (w *Witness) forked(old head, c translog.Checkpoint, note []byte) {
	folder := filepath.Join(w.cfg.State, "forks")
	name := filepath.Join(folder, fmt.Sprintf("%d-%x.txt", c.Size, c.Root[:8]))
	err := durable.MkdirAll(folder, 0o700)
	if list, _ := os.ReadDir(folder); err == nil && len(list) < forksKept {
		err = durable.WriteFile(name, []byte(old.Note+"\n"+string(note)), 0o600)
	}
	w.cfg.Logger.Error("a log has signed two trees of one size", "log", c.Origin, "size", c.Size, "file", name, "err", err)
}

// CatchUp moves the state of a log forward to a note that this witness itself has
// cosigned, with all its keys: after its state was restored from a copy, which is
// behind what it has signed since. A note that is not larger changes nothing.
func CatchUp(folder string, l Log, msg []byte, own ...*translog.CosignerKey) (from, to int64, err error) {
	if err := checkFolder(folder); err != nil {
		return 0, 0, err
	}
	if l.Key == nil {
		return 0, 0, errors.New("catching up: only the notes of relays carry cosignatures")
	}
	c, err := translog.OpenCosigned(msg, l.Key, own...)
	if err != nil {
		return 0, 0, err
	}
	if len(c.Cosignatures) != len(own) || len(own) == 0 {
		return 0, 0, errors.New("catching up: the note is not cosigned with every key of this witness")
	}
	h, err := loadHead(folder, l)
	if err != nil {
		return 0, 0, err
	}
	if c.Size <= h.Size {
		return h.Size, h.Size, nil
	}
	next := head{Origin: c.Origin, Size: c.Size, Root: c.Root, Time: h.Time, Note: string(c.Note())}
	for _, s := range c.Cosignatures {
		next.Time = max(next.Time, s.Time.Unix())
	}
	return h.Size, c.Size, next.save(folder)
}
