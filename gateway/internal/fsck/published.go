package fsck

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/gateway/internal/ledger"
	"golang.org/x/mod/sumdb/tlog"
)

// checkHead compares the head of the log with the entries.
func (c *checker) checkHead(ctx context.Context) error {
	heads := 0
	err := c.each(ctx, "SELECT size, root, last_time FROM log_head", "log_head", func(scan func(...any) error) error {
		var size, last int64
		var root []byte
		if err := scan(&size, &root, &last); err != nil {
			return err
		}
		heads++
		want := c.root()
		var when int64
		if !c.log.last.IsZero() {
			when = c.log.last.Time().UnixMicro()
		}
		switch {
		case size != c.log.size:
			c.found(CodeHead, "log head", "it says %d entries, there are %d", size, c.log.size)
		case !bytes.Equal(root, want[:]):
			c.found(CodeHead, "log head", "its root is not that of the entries")
		case last != when && !c.damaged[c.log.size-1]:
			c.found(CodeHead, "log head", "it says %s, the last entry %s", statement.At(time.UnixMicro(last)), c.log.last)
		}
		return nil
	})
	if err == nil && heads != 1 {
		c.found(CodeHead, "log head", "there are %d", heads)
	}
	return err
}

// checkStored compares the store's checkpoint with the log and with the newest
// checkpoint in the database, and drops one that is of another log.
func (c *checker) checkStored(context.Context) error {
	where := objectAt(ledger.TileKey("checkpoint"))
	kept := int64(-1)
	if c.kept != nil {
		kept = c.kept.Size
	}
	s := c.stored
	switch {
	case s == nil && c.log.unshown && kept >= 0:
		c.found(CodeStoredCheckpoint, where, "it is missing, and one of %d entries was signed", kept)
	case s == nil:
	case s.Size > c.log.size:
		c.found(CodeAhead, where, "it is of %d entries, the database has %d", s.Size, c.log.size)
		c.stored = nil
	case s.Root != c.log.storedRoot:
		c.found(CodeStoredCheckpoint, where, "its root is not that of the first %d entries", s.Size)
		c.stored = nil
	case s.Size < kept:
		c.found(CodeBehind, where, "it is of %d entries, one of %d was signed", s.Size, kept)
	case s.Size == kept && !bytes.Equal(s.note, c.kept.note):
		c.found(CodeStoredCheckpoint, where, "it is another note than the one in the database")
	case s.Size > kept:
		c.note(NoteUnpublished, where, "it is of %d entries, and not in the database yet", s.Size)
	}
	if n := c.published(); n < c.log.size {
		c.note(NoteUnpublished, entryAt(n), "%d entries from here on are under no checkpoint yet", c.log.size-n)
	}
	return nil
}

// published returns the size of the newest checkpoint that counts.
func (c *checker) published() (size int64) {
	for _, p := range []*publishedCheckpoint{c.stored, c.kept} {
		if p != nil {
			size = max(size, p.Size)
		}
	}
	return size
}

// tilesAtOnce is how many entries the tiles that are listed at a time span.
const tilesAtOnce = 64 * translog.TileWidth

// checkTiles compares the tiles of the published tree with the database.
func (c *checker) checkTiles(ctx context.Context) error {
	return eachTile(c.published(), func(t translog.Tile) error { return c.checkTile(ctx, t, true) })
}

// eachTile calls f for each tile of the tree of that size, and none that only an
// earlier tree had.
func eachTile(size int64, f func(translog.Tile) error) error {
	for from := int64(0); from < size; {
		to := min(from+tilesAtOnce, size)
		tiles, err := translog.NewTiles(from, to)
		if err != nil {
			return err
		}
		for _, t := range tiles {
			if !current(t, size) {
				continue // partial at the end of this step only
			}
			if err := f(t); err != nil {
				return err
			}
		}
		from = to
	}
	return nil
}

// hashesAt returns how many hashes, or entries, the level of a tile has in a tree.
func hashesAt(t translog.Tile, size int64) int64 {
	return size >> (max(t.Level, 0) * translog.TileHeight)
}

// current reports whether a tile is one of the tree of that size: full, or the
// partial one at its edge.
func current(t translog.Tile, size int64) bool {
	end := t.N*translog.TileWidth + int64(t.Width)
	return t.Width == translog.TileWidth && end <= hashesAt(t, size) || end == hashesAt(t, size)
}

// checkTile compares one tile with what the database gives.
func (c *checker) checkTile(ctx context.Context, t translog.Tile, must bool) error {
	key := ledger.TileKey(t.Path())
	got, missing, err := c.get(ctx, key, int64(t.Width)*(2+translog.LeafSize))
	if err != nil || got == nil && !missing {
		return err
	}
	if missing {
		if must {
			c.found(CodeTileMissing, objectAt(key), "a checkpoint of %d entries needs it", c.published())
		}
		return nil
	}
	c.report.Counts.Tiles++
	same := false
	if t.Level == translog.Entries {
		same, err = c.sameBundle(ctx, t, got)
	} else {
		same, err = c.sameTile(ctx, t, got)
	}
	if err == nil && !same {
		c.found(CodeTile, objectAt(key), "its bytes are not those of the log")
	}
	return err
}

// sameBundle compares entry bundles, but for leaves that nobody knows any more.
func (c *checker) sameBundle(ctx context.Context, t translog.Tile, got []byte) (bool, error) {
	from := t.N * translog.TileWidth
	to := from + int64(t.Width)
	want := make([]translog.Leaf, t.Width)
	known := make([]bool, t.Width)
	query := fmt.Sprintf("SELECT idx, leaf FROM entries WHERE idx >= %d AND idx < %d", from, to)
	err := c.again(ctx, query, "entries", func(scan func(...any) error) error {
		var i int64
		var b []byte
		err := scan(&i, &b)
		if err == nil {
			want[i-from], err = translog.ParseLeaf(b)
			known[i-from] = err == nil
		}
		return err
	})
	if err != nil {
		return false, err
	}
	leaves, err := translog.DecodeEntries(got, t.Width)
	if err != nil {
		return false, nil
	}
	for n := range want {
		if leaf := c.spoilt[from+int64(n)]; leaf != nil {
			want[n], known[n] = *leaf, true
		}
		if known[n] && leaves[n] != want[n] {
			return false, nil
		}
	}
	return true, nil
}

// sameTile compares tiles of hashes.
func (c *checker) sameTile(ctx context.Context, t translog.Tile, got []byte) (bool, error) {
	want, err := translog.TileData(t, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		return c.hashes(ctx, indexes)
	}))
	return bytes.Equal(got, want), err
}

// hashes reads Merkle hashes, those that differ from their rows as they should be.
func (c *checker) hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error) {
	have := map[int64]tlog.Hash{}
	var in []string
	for _, i := range indexes {
		if h, ok := c.mended[i]; ok {
			have[i] = h
		} else {
			in = append(in, fmt.Sprint(i))
		}
	}
	query := "SELECT idx, hash FROM log_hash WHERE idx IN (" + strings.Join(in, ",") + ")"
	err := c.again(ctx, query, "log_hash", func(scan func(...any) error) error {
		h, err := readHash(scan)
		if err == nil {
			have[h.index] = h.hash
		}
		return err
	})
	list := make([]tlog.Hash, len(indexes))
	for n, i := range indexes {
		list[n] = have[i]
	}
	return list, err
}

// checkLogObject checks an object of the log that no checkpoint needs: a partial
// tile of an earlier one stays, and its bytes with it.
func (c *checker) checkLogObject(ctx context.Context, key, path string) error {
	if path == "checkpoint" {
		return nil
	}
	if name, ok := strings.CutPrefix(path, "cosigned/"); ok {
		return c.checkCosignedObject(ctx, key, name)
	}
	if c.explainToken(key) {
		return nil
	}
	t, err := translog.ParseTilePath(path)
	if err != nil {
		c.found(CodeOrphan, objectAt(key), "the log has no such file")
		return nil
	}
	size, end := c.published(), t.N*translog.TileWidth+int64(t.Width)
	switch {
	case current(t, size):
		return nil // see checkTiles
	case end <= hashesAt(t, size):
		return c.checkTile(ctx, t, false)
	case end <= hashesAt(t, c.log.size):
		c.note(NoteUnpublished, objectAt(key), "no checkpoint covers it yet")
	default:
		c.found(CodeTileBeyond, objectAt(key), "it is of a tree of more than %d entries", c.log.size)
	}
	return nil
}
