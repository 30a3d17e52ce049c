package fsck

import (
	"context"
	"errors"
	"fmt"
	"math"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"golang.org/x/mod/sumdb/tlog"
)

// logState is how far the log has been recomputed.
type logState struct {
	size int64       // entries, after checkLog: of the whole log
	edge []tlog.Hash // roots of the full subtrees, largest first: one per 1 bit of size
	last custody.Time
	lost int64 // entries that are missing so far, whose records are unknown

	storedRoot tlog.Hash // at the size of the store's checkpoint, once size has passed it
	unshown    bool      // the store has no checkpoint at all
}

// line is a row of the table of entries.
type line struct {
	custody.Line
	record    string
	seq       int64
	kind      string
	statement []byte
	leaf      []byte
}

func readLine(scan func(...any) error) (l line, err error) {
	var salt []byte
	if err = scan(&l.Index, &l.record, &l.seq, &l.kind, &l.statement, &l.Entry, &l.Envelope, &salt, &l.leaf); err != nil {
		return l, err
	}
	if len(l.leaf) != translog.LeafSize {
		return l, errors.New("leaf")
	}
	if l.erasedRow(salt) {
		leaf, err := translog.ParseLeaf(l.leaf)
		l.Gap = &custody.Gap{Salted: leaf.Salted}
		return l, err
	}
	l.Salt, err = digest32(salt)
	return l, err
}

// hashRow is a row of the table of Merkle hashes.
type hashRow struct {
	index int64
	hash  tlog.Hash
}

func readHash(scan func(...any) error) (h hashRow, err error) {
	var b []byte
	if err = scan(&h.index, &b); err != nil {
		return h, err
	}
	d, err := digest32(b)
	h.hash = tlog.Hash(d)
	return h, err
}

// noteRow is a row of the table of checkpoints.
type noteRow struct {
	size int64
	note []byte
}

func readNote(scan func(...any) error) (n noteRow, err error) {
	err = scan(&n.size, &n.note)
	return n, err
}

// tables are those that are walked together.
type tables struct {
	lines  *cursor[line]
	hashes *cursor[hashRow]
	notes  *cursor[noteRow]

	cosigned *cursor[cosignedRow]
}

func (t *tables) close() {
	if t.lines != nil {
		t.lines.close()
	}
	if t.hashes != nil {
		t.hashes.close()
	}
	if t.notes != nil {
		t.notes.close()
	}
	if t.cosigned != nil {
		t.cosigned.close()
	}
}

func (c *checker) openTables(ctx context.Context) (t *tables, err error) {
	t = &tables{}
	t.lines, err = walk(ctx, c, "SELECT idx, record, seq, kind, statement_sha256, entry, envelope, salt, leaf FROM entries ORDER BY idx", "entries", readLine)
	if err == nil {
		t.hashes, err = walk(ctx, c, "SELECT idx, hash FROM log_hash ORDER BY idx", "log_hash", readHash)
	}
	if err == nil {
		t.notes, err = walk(ctx, c, "SELECT size, note FROM checkpoints ORDER BY size", "checkpoints", readNote)
	}
	if err == nil {
		t.cosigned, err = walk(ctx, c, "SELECT size, first_note, last_note FROM cosigned ORDER BY size", "cosigned", readCosigned)
	}
	if err != nil {
		t.close()
	}
	return t, err
}

// checkLog walks entries, Merkle hashes and checkpoints together, from the first
// leaf on, and replays each entry.
func (c *checker) checkLog(ctx context.Context) error {
	pins, err := c.pins(ctx)
	if err != nil {
		return err
	}
	c.book = custody.NewBook(c.cfg.Origin, pins, c.relay)
	t, err := c.openTables(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	if err := c.atSize(t); err != nil {
		return err
	}
	for {
		more, err := c.step(t)
		if err != nil {
			return fmt.Errorf("reading the log: %v", err)
		}
		if !more {
			return c.beyond(t)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// pins reads which authorities the relay serves.
func (c *checker) pins(ctx context.Context) (map[string]custody.Digest, error) {
	pins := map[string]custody.Digest{}
	err := c.each(ctx, "SELECT authority, fingerprint FROM pins", "pins", func(scan func(...any) error) error {
		var name string
		var b []byte
		if err := scan(&name, &b); err != nil {
			return err
		}
		fp, err := digest32(b)
		if err == nil {
			pins[name] = fp
		}
		return err
	})
	return pins, err
}

// step takes the leaf at c.log.size. It reports false where neither an entry nor a
// hash continues the log.
func (c *checker) step(t *tables) (more bool, err error) {
	i := c.log.size
	if t.lines.more && t.lines.row.Index < i {
		c.found(CodeEntryStray, entryAt(t.lines.row.Index), "the log begins at 0")
		return true, t.lines.next()
	}
	hash, err := c.takeHash(t, tlog.StoredHashIndex(0, i))
	if err != nil {
		return false, err
	}
	switch {
	case t.lines.more && t.lines.row.Index == i:
		leaf := c.checkLine(&t.lines.row, hash)
		if err := t.lines.next(); err != nil {
			return false, err
		}
		return true, c.grow(t, leaf.Hash(), hash)
	case hash == nil:
		return false, nil
	}
	c.found(CodeEntryMissing, entryAt(i), "its leaf hash is in the log")
	c.damaged[i], c.spoilt[i], c.unknown = true, nil, true
	c.log.lost++
	c.endReplay(i)
	return true, c.grow(t, *hash, hash)
}

// takeHash returns the stored hash of an index, or nil if it is missing.
func (c *checker) takeHash(t *tables, index int64) (*tlog.Hash, error) {
	for t.hashes.more && t.hashes.row.index < index {
		c.found(CodeHash, hashAt(t.hashes.row.index), "the log has no such hash")
		if err := t.hashes.next(); err != nil {
			return nil, err
		}
	}
	if !t.hashes.more || t.hashes.row.index != index {
		return nil, nil
	}
	h := t.hashes.row.hash
	return &h, t.hashes.next()
}

// grow adds a leaf to the tree and compares the hashes that it completes.
func (c *checker) grow(t *tables, h tlog.Hash, stored *tlog.Hash) error {
	index := tlog.StoredHashIndex(0, c.log.size)
	c.compareHash(index, h, stored)
	for n := c.log.size; n&1 == 1; n >>= 1 {
		last := len(c.log.edge) - 1
		h = tlog.NodeHash(c.log.edge[last], h)
		c.log.edge = c.log.edge[:last]
		index++
		stored, err := c.takeHash(t, index)
		if err != nil {
			return err
		}
		c.compareHash(index, h, stored)
	}
	c.log.edge = append(c.log.edge, h)
	c.log.size++
	return c.atSize(t)
}

func (c *checker) compareHash(index int64, want tlog.Hash, stored *tlog.Hash) {
	switch {
	case stored == nil:
		c.found(CodeHash, hashAt(index), "it is missing")
	case *stored != want:
		c.found(CodeHash, hashAt(index), "it is not that of the entries")
	default:
		return
	}
	c.mended[index] = want
}

// root returns the root of the leaves so far.
func (c *checker) root() tlog.Hash {
	if c.log.size == 0 {
		return tlog.Hash(digestOf(nil))
	}
	last := len(c.log.edge) - 1
	h := c.log.edge[last]
	for i := last - 1; i >= 0; i-- {
		h = tlog.NodeHash(c.log.edge[i], h)
	}
	return h
}

// atSize checks the checkpoints of the tree of the leaves so far.
func (c *checker) atSize(t *tables) error {
	if c.stored != nil && c.stored.Size == c.log.size {
		c.log.storedRoot = c.root()
	}
	for t.cosigned.more && t.cosigned.row.size <= c.log.size {
		c.checkCosignedRow(t.cosigned.row)
		if err := t.cosigned.next(); err != nil {
			return fmt.Errorf("reading cosigned checkpoints: %v", err)
		}
	}
	for t.notes.more && t.notes.row.size <= c.log.size {
		c.checkNote(t.notes.row)
		if err := t.notes.next(); err != nil {
			return fmt.Errorf("reading checkpoints: %v", err)
		}
	}
	return nil
}

func (c *checker) checkNote(n noteRow) {
	where := fmt.Sprintf("checkpoint %d", n.size)
	c.report.Counts.Checkpoints++
	cp, err := translog.OpenExact(n.note, c.cfg.Origin, c.verifier)
	switch {
	case err != nil:
		c.found(CodeCheckpoint, where, "it is not by the log key, or malformed")
	case cp.Size != n.size:
		c.found(CodeCheckpoint, where, "it is of %d entries", cp.Size)
	case cp.Size != c.log.size || cp.Root != c.root():
		c.found(CodeCheckpoint, where, "its root is not that of the entries")
	default:
		c.kept = &publishedCheckpoint{cp, n.note}
	}
}

// beyond names what stands behind the end of the log.
func (c *checker) beyond(t *tables) error {
	for t.lines.more {
		c.found(CodeEntryStray, entryAt(t.lines.row.Index), "the log ends at %d", c.log.size)
		if err := t.lines.next(); err != nil {
			return fmt.Errorf("reading entries: %v", err)
		}
	}
	if _, err := c.takeHash(t, math.MaxInt64); err != nil {
		return fmt.Errorf("reading hashes: %v", err)
	}
	for t.cosigned.more {
		c.found(CodeCosigned, cosignedAt(t.cosigned.row.size), "the log has %d entries", c.log.size)
		if err := t.cosigned.next(); err != nil {
			return fmt.Errorf("reading cosigned checkpoints: %v", err)
		}
	}
	for t.notes.more {
		c.report.Counts.Checkpoints++
		c.found(CodeCheckpoint, fmt.Sprintf("checkpoint %d", t.notes.row.size), "the log has %d entries", c.log.size)
		if err := t.notes.next(); err != nil {
			return fmt.Errorf("reading checkpoints: %v", err)
		}
	}
	c.report.Counts.Entries = c.log.size
	c.report.Counts.Records = int64(len(c.chains))
	return nil
}

func entryAt(i int64) string { return fmt.Sprintf("entry %d", i) }
func hashAt(i int64) string  { return fmt.Sprintf("log hash %d", i) }
