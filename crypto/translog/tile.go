package translog

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// TileHeight and TileWidth are fixed by C2SP tlog-tiles: a full tile has
	// 256 hashes, or entries.
	TileHeight = 8
	TileWidth  = 1 << TileHeight

	// Entries is the Level of a Tile that holds entries, not hashes.
	Entries = -1

	maxPath  = len("tile/entries/x000/x000/x000/x000/000.p/255")
	lenEntry = 2 + LeafSize // one entry of a bundle, with its length
)

// Tile names one static resource of the log.
type Tile struct {
	Level int   // 0 to 6 in a tree of up to MaxSize, or Entries
	N     int64 // number within the level, from 0
	Width int   // hashes or entries in it, 1 to TileWidth (a full tile)
}

// Path returns the C2SP path of t below the log's prefix.
func (t Tile) Path() string {
	if t.Level == Entries {
		return EntriesPath(t.N, t.Width)
	}
	return TilePath(t.Level, t.N, t.Width)
}

// TilePath returns the path of a tile of hashes, such as
// "tile/0/x001/x234/067.p/8".
func TilePath(level int, n int64, width int) string {
	return "tile/" + strconv.Itoa(level) + "/" + numberPath(n, width)
}

// EntriesPath returns the path of a bundle of entries, such as
// "tile/entries/000".
func EntriesPath(n int64, width int) string {
	return "tile/entries/" + numberPath(n, width)
}

// numberPath writes n in groups of three digits, all but the last marked with
// an x, so that no name is both a file and a folder.
func numberPath(n int64, width int) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	if width != TileWidth {
		s += ".p/" + strconv.Itoa(width)
	}
	return s
}

// exists reports whether some tree of up to MaxSize leaves has the tile.
func (t Tile) exists() bool {
	level := max(t.Level, 0)
	if t.Level < Entries || level*TileHeight >= 53 || t.Width < 1 || t.Width > TileWidth {
		return false
	}
	hashes := int64(MaxSize) >> (level * TileHeight)
	return t.N >= 0 && t.N <= hashes/TileWidth && t.N*TileWidth+int64(t.Width) <= hashes
}

// ParseTilePath is the strict inverse of Path. It accepts one spelling of
// each tile that can exist in a tree of up to MaxSize leaves, so its input
// may be the path of a request and its output a name in a store: no dots, no
// empty element, no second name for one resource.
func ParseTilePath(path string) (Tile, error) {
	bad := fmt.Errorf("malformed tile path %q", path)
	if len(path) > maxPath {
		return Tile{}, fmt.Errorf("tile path of %d characters, want at most %d", len(path), maxPath)
	}
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return Tile{}, bad
	}
	level, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return Tile{}, bad
	}
	t := Tile{Level: Entries}
	if level != "entries" {
		l, err := strconv.ParseUint(level, 10, 8)
		if err != nil {
			return Tile{}, bad
		}
		t.Level = int(l)
	}
	if t.N, t.Width, ok = parseNumber(rest); !ok || !t.exists() || t.Path() != path {
		return Tile{}, bad
	}
	return t, nil
}

// parseNumber reads what numberPath writes, and some more: the caller writes
// the result again and compares.
func parseNumber(s string) (n int64, width int, ok bool) {
	width = TileWidth
	s, w, partial := strings.Cut(s, ".p/")
	if partial {
		u, err := strconv.ParseUint(w, 10, 8) // at most 255
		if err != nil || u == 0 {
			return 0, 0, false
		}
		width = int(u)
	}
	for _, e := range strings.Split(s, "/") {
		u, err := strconv.ParseUint(strings.TrimPrefix(e, "x"), 10, 16)
		if err != nil || u > 999 {
			return 0, 0, false
		}
		// No overflow: maxPath is too short for 2^63 in groups of three.
		n = n*1000 + int64(u)
	}
	return n, width, true
}

// NewTiles lists what must be stored, and durable, before a checkpoint of
// newSize is published after one of oldSize: first the entry bundles, then
// the tiles of hashes from the bottom up. The list is empty when the sizes
// are equal. It grows with newSize-oldSize; publish a large range in steps.
func NewTiles(oldSize, newSize int64) ([]Tile, error) {
	if oldSize < 0 || oldSize > newSize || newSize > MaxSize {
		return nil, fmt.Errorf("listing tiles: sizes %d and %d", oldSize, newSize)
	}
	var bundles, tiles []Tile
	for _, t := range tlog.NewTiles(TileHeight, oldSize, newSize) {
		if t.L == 0 {
			bundles = append(bundles, Tile{Level: Entries, N: t.N, Width: t.W})
		}
		tiles = append(tiles, Tile{Level: t.L, N: t.N, Width: t.W})
	}
	return append(bundles, tiles...), nil
}

// TileData returns the bytes of a tile of hashes, read from r in one call.
// For a bundle use EncodeEntries.
func TileData(t Tile, r tlog.HashReader) ([]byte, error) {
	if t.Level == Entries || !t.exists() {
		return nil, fmt.Errorf("reading tile: no tile of hashes %+v", t)
	}
	data, err := tlog.ReadTileData(tlog.Tile{H: TileHeight, L: t.Level, N: t.N, W: t.Width}, r)
	if err != nil {
		return nil, fmt.Errorf("reading tile %q: %w", t.Path(), err)
	}
	return data, nil
}

// EncodeEntries returns the bundle of the given leaves, 1 to TileWidth of
// them: for each its length in two bytes, big-endian, and its bytes.
func EncodeEntries(leaves []Leaf) []byte {
	b := make([]byte, 0, len(leaves)*lenEntry)
	for _, l := range leaves {
		b = binary.BigEndian.AppendUint16(b, LeafSize)
		b = l.append(b)
	}
	return b
}

// DecodeEntries reads a bundle of exactly width leaves.
func DecodeEntries(b []byte, width int) ([]Leaf, error) {
	if width < 1 || width > TileWidth {
		return nil, fmt.Errorf("reading entries: width %d", width)
	}
	if len(b) != width*lenEntry {
		return nil, fmt.Errorf("reading entries: %d bytes, want %d for %d leaves", len(b), width*lenEntry, width)
	}
	leaves := make([]Leaf, 0, width)
	for ; len(b) > 0; b = b[lenEntry:] {
		if n := binary.BigEndian.Uint16(b); n != LeafSize {
			return nil, fmt.Errorf("reading entries: entry %d has %d bytes, want %d", len(leaves), n, LeafSize)
		}
		l, err := ParseLeaf(b[2:lenEntry])
		if err != nil {
			return nil, fmt.Errorf("reading entries: %v", err)
		}
		leaves = append(leaves, l)
	}
	return leaves, nil
}
