// Package journal is the write-ahead journal of one package on its way: which parts
// may have left this machine, with the SHA-256 of their ciphertext, and from where
// packing goes on behind each. It is what lets a killed sender continue without
// reading finished parts again and without ever using a keystream twice.
//
// A part is in the journal, durably, before its first byte is sent. Records are
// appended in frames of which each one's checksum covers the one before, so none can
// be taken out or put elsewhere. A frame that a crash has torn was never synced, so
// nothing in it has left; it is cut off.
//
// It refuses every other damage, a second process, and a journal that is not the file
// it was made as, on the machine where it was made: two copies would be two
// continuations of one keystream. There is no way to repair or to force one. It cannot
// see that a whole machine was copied or set back: for that its user compares the
// relay's epoch with Takeovers, and the relay's parts with Known.
package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/durable"
)

var (
	// ErrForeign is wrapped by Open for a journal that was copied or moved to another
	// file system, or of a machine that cannot be told apart from others.
	ErrForeign = errors.New("the journal was not made as this file on this machine")
	// ErrDamaged is wrapped for a journal that no crash could leave.
	ErrDamaged = errors.New("the journal is damaged")
)

// Part is a part of a payload that may have left.
type Part struct {
	N      int
	SHA256 [32]byte // of the ciphertext
	Mark   bag.Mark // behind the part; Sums since the mark before
}

// Journal is an open journal. Its methods may be called concurrently.
type Journal struct {
	f     *os.File
	lock  *durable.Lock
	parts int

	mu        sync.Mutex // guards the fields below
	moved     sync.Cond  // a round was written
	takeovers int
	known     []uint64 // one bit for each part
	pending   []byte   // records of the round that gathers
	round     int      // number of that round
	written   int      // rounds that are durable
	writing   bool
	err       error // of the first write that failed; nothing is written after it

	// owned by who has set writing
	end int64
	sum [32]byte // of the last frame
}

// Create makes the journal of a package of so many parts. When it returns, the file
// is durable.
func Create(path, pkg string, parts int) (*Journal, error) {
	j, err := take(path, os.O_CREATE|os.O_EXCL, parts)
	if err != nil {
		return nil, fmt.Errorf("making journal: %w", err)
	}
	if err := j.begin(pkg, filepath.Dir(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("making journal: %w", err), j.Close())
	}
	return j, nil
}

// begin writes what a journal is bound to. If we crash before it is durable, the next
// start finds a journal without it, and refuses that.
func (j *Journal) begin(pkg, folder string) error {
	where, err := home(j.f)
	if err != nil {
		return err
	}
	if _, err := j.f.WriteAt([]byte(magic), 0); err != nil {
		return err
	}
	j.end, j.sum = int64(len(magic)), firstSum()
	if err := j.append(appendBound(nil, bound{pkg, where})); err != nil {
		return err
	}
	return durable.SyncDir(folder)
}

// Open opens the journal of a package of so many parts and cuts off what a crash has
// torn. The error wraps ErrForeign, ErrDamaged, durable.ErrLocked, or
// fs.ErrNotExist.
func Open(path, pkg string, parts int) (*Journal, error) {
	j, err := take(path, 0, parts)
	if err != nil {
		return nil, fmt.Errorf("opening journal: %w", err)
	}
	if err := j.load(pkg); err != nil {
		return nil, errors.Join(fmt.Errorf("opening journal: %w", err), j.Close())
	}
	return j, nil
}

// take opens and locks the file.
func take(path string, flags, parts int) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|flags, 0o600)
	if err != nil {
		return nil, err
	}
	l, err := durable.LockFile(path + ".lock")
	if err != nil {
		f.Close()
		return nil, err
	}
	j := &Journal{f: f, lock: l, parts: parts, known: make([]uint64, (parts+63)/64)}
	j.moved.L = &j.mu
	return j, nil
}

// load reads the whole journal.
func (j *Journal) load(pkg string) error {
	first := true
	err := j.read(func(r record) error {
		if first != (r.bound != nil) {
			return fmt.Errorf("%w: it does not begin with what it is bound to", ErrDamaged)
		}
		first = false
		switch {
		case r.bound != nil:
			return j.checkBound(r.bound, pkg)
		case r.part != nil:
			j.set(r.part.N)
		default:
			j.takeovers++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if first {
		return fmt.Errorf("%w: it is empty", ErrDamaged)
	}
	// Nothing behind the last whole frame has left.
	if err := j.f.Truncate(j.end); err != nil {
		return err
	}
	return j.f.Sync()
}

func (j *Journal) checkBound(b *bound, pkg string) error {
	if b.pkg != pkg {
		return fmt.Errorf("%w: it is of package %q", ErrDamaged, b.pkg)
	}
	where, err := home(j.f)
	if err != nil {
		return err
	}
	if where != b.home {
		return ErrForeign
	}
	return nil
}

// read hands every record to visit, and leaves end and sum behind the last.
func (j *Journal) read(visit func(record) error) error {
	size, err := j.f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	r, err := newReader(j.f, size, j.parts)
	if err != nil {
		return err
	}
	for {
		records, err := r.next()
		if err == io.EOF {
			j.end, j.sum = r.off, r.sum
			return nil
		}
		if err != nil {
			return err
		}
		for _, rec := range records {
			if err := visit(rec); err != nil {
				return err
			}
		}
	}
}

// eachPart reads the parts again from the file. Writers must wait.
func (j *Journal) eachPart(visit func(*Part)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.writing {
		j.moved.Wait()
	}
	err := j.read(func(r record) error {
		if r.part != nil {
			visit(r.part)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading journal: %w", err)
	}
	return nil
}

// Known returns the SHA-256 of the ciphertext of every part that may have left.
func (j *Journal) Known() (map[int][32]byte, error) {
	known := map[int][32]byte{}
	forked := -1
	err := j.eachPart(func(p *Part) {
		if was, ok := known[p.N]; ok && was != p.SHA256 {
			forked = p.N
		}
		known[p.N] = p.SHA256
	})
	if err == nil && forked >= 0 {
		err = fmt.Errorf("reading journal: %w: part %d is in it with two ciphertexts", ErrDamaged, forked)
	}
	return known, err
}

// Mark returns from where packing goes on at part n, with the sums of all files
// before. Every part before n must be known.
func (j *Journal) Mark(n int) (m bag.Mark, err error) {
	if n == 0 {
		return m, nil
	}
	sums := make([][][32]byte, n)
	have := 0
	err = j.eachPart(func(p *Part) {
		if p.N >= n || p.N < 0 {
			return
		}
		if sums[p.N] == nil {
			have++
		}
		sums[p.N] = append(make([][32]byte, 0, len(p.Mark.Sums)), p.Mark.Sums...)
		if p.N == n-1 {
			m = p.Mark
		}
	})
	if err == nil && have != n {
		err = fmt.Errorf("reading journal: a part before part %d is not in it", n)
	}
	m.Sums = nil
	for _, s := range sums {
		m.Sums = append(m.Sums, s...)
	}
	return m, err
}

// Has reports whether a part may have left.
func (j *Journal) Has(n int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return n >= 0 && n < j.parts && j.known[n/64]&(1<<(n%64)) != 0
}

func (j *Journal) set(n int) { j.known[n/64] |= 1 << (n % 64) }

// Part adds a part, unless it is there. It may be sent when Part has returned nil:
// then the record is durable. Parts that come at the same time share one sync.
func (j *Journal) Part(p Part) error {
	if p.N < 0 || p.N >= j.parts {
		return fmt.Errorf("writing journal: there is no part %d", p.N)
	}
	if j.Has(p.N) {
		return nil
	}
	if err := j.append(appendPart(nil, &p)); err != nil {
		return fmt.Errorf("writing journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.set(p.N)
	return nil
}

// TakeOver notes, durably, that the package is about to be taken over at the relay.
// The caller calls it before each try, whose answer may be lost.
func (j *Journal) TakeOver() error {
	if err := j.append([]byte{kindTakeover}); err != nil {
		return fmt.Errorf("writing journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.takeovers++
	return nil
}

// Takeovers returns how often the package was or may have been taken over: a relay
// that counted more has served a copy.
func (j *Journal) Takeovers() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.takeovers
}

// append makes a record durable. Whoever finds nobody writing writes what has
// gathered, in one frame.
func (j *Journal) append(rec []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending = append(j.pending, rec...)
	mine := j.round
	for j.err == nil && j.written <= mine {
		if j.writing {
			j.moved.Wait()
			continue
		}
		records := j.pending
		j.pending, j.writing = nil, true
		j.round++
		j.mu.Unlock()
		err := j.write(records)
		j.mu.Lock()
		j.writing, j.written, j.err = false, j.written+1, err
		j.moved.Broadcast()
	}
	return j.err
}

// write appends one frame. If we crash before it is synced, none of its parts has
// left.
func (j *Journal) write(records []byte) error {
	frame, sum := seal(nil, j.sum, records)
	if _, err := j.f.WriteAt(frame, j.end); err != nil {
		return err
	}
	if err := j.f.Sync(); err != nil {
		return err
	}
	j.end, j.sum = j.end+int64(len(frame)), sum
	return nil
}

// Close lets the journal go. What it holds stays.
func (j *Journal) Close() error { return errors.Join(j.f.Close(), j.lock.Unlock()) }
