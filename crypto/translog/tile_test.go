package translog_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/crypto/translog"
	"golang.org/x/mod/sumdb/tlog"
)

func TestTilePath(t *testing.T) {
	for _, c := range []struct {
		tile translog.Tile
		path string
	}{
		{translog.Tile{Level: 0, N: 0, Width: 256}, "tile/0/000"},
		{translog.Tile{Level: 0, N: 1234067, Width: 256}, "tile/0/x001/x234/067"}, // C2SP example
		{translog.Tile{Level: 0, N: 1234067, Width: 8}, "tile/0/x001/x234/067.p/8"},
		{translog.Tile{Level: 0, N: 273, Width: 112}, "tile/0/273.p/112"},
		{translog.Tile{Level: 2, N: 0, Width: 1}, "tile/2/000.p/1"},
		{translog.Tile{Level: 1, N: 999, Width: 255}, "tile/1/999.p/255"},
		{translog.Tile{Level: 1, N: 1000, Width: 256}, "tile/1/x001/000"},
		{translog.Tile{Level: 6, N: 0, Width: 31}, "tile/6/000.p/31"},
		{translog.Tile{Level: translog.Entries, N: 0, Width: 1}, "tile/entries/000.p/1"},
		{translog.Tile{Level: translog.Entries, N: 1234067, Width: 256}, "tile/entries/x001/x234/067"},
		{translog.Tile{Level: 0, N: 1<<45 - 1, Width: 255}, "tile/0/x035/x184/x372/x088/831.p/255"},
	} {
		if got := c.tile.Path(); got != c.path {
			t.Errorf("%+v.Path() = %q, want %q", c.tile, got, c.path)
		}
		got, err := translog.ParseTilePath(c.path)
		if err != nil || got != c.tile {
			t.Errorf("ParseTilePath(%q) = %+v, %v, want %+v", c.path, got, err, c.tile)
		}
	}
}

func TestParseTilePathRefuses(t *testing.T) {
	for _, path := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "tile//000", "/tile/0/000", "tile/0/000/", "tile/0//000",
		"tile/00/000", "tile/+0/000", "tile/-1/000", "tile/7/000", "tile/64/000", "tile/data/000", "tile/8/0/000",
		"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/000", "tile/0/001/000", "tile/0/x001/x000",
		"tile/0/x1/000", "tile/0/xx01/000", "tile/0/-01", "tile/0/+01", "tile/0/X001/000",
		"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/08", "tile/0/000.p/256", "tile/0/000.p/-1",
		"tile/0/000.p/8/", "tile/0/000.p/8.p/8", "tile/0/x001.p/8/000", "tile/6/000", "tile/6/000.p/32", "tile/6/001.p/1",
		"tile/entries/000.p/256", "tile/Entries/000", "tile/entries", "tile/0/..", "tile/0/../000", "checkpoint",
		"tile/0/x035/x184/x372/x088/831", "tile/0/x035/x184/x372/x088/832.p/1", "tile/0/x999/x999/x999/x999/999",
		"tile/0/x001/x000/x000/x000/x000/x000/000", "tile/0/%30%30%30", "tile/0/000\x00", strings.Repeat("tile/0/", 1000),
	} {
		if tile, err := translog.ParseTilePath(path); err == nil {
			t.Errorf("ParseTilePath(%q) = %+v", path, tile)
		}
	}
}

// TestNewTiles checks the example of C2SP tlog-tiles, a tree of 70,000.
func TestNewTiles(t *testing.T) {
	tiles, err := translog.NewTiles(0, 70000)
	fatalIfErr(t, err)
	var full, partial [4]int // by level, from Entries
	var last [4]translog.Tile
	for _, tile := range tiles {
		if tile.Width == translog.TileWidth {
			full[tile.Level+1]++
		} else {
			partial[tile.Level+1]++
			last[tile.Level+1] = tile
		}
	}
	if full != [4]int{273, 273, 1, 0} || partial != [4]int{1, 1, 1, 1} {
		t.Errorf("full %v, partial %v", full, partial)
	}
	if last[0].Width != 112 || last[1].Width != 112 || last[2].Width != 17 || last[3].Width != 1 {
		t.Errorf("partial tiles %+v", last)
	}
	if !slices.IsSortedFunc(tiles, func(a, b translog.Tile) int { return a.Level - b.Level }) {
		t.Error("tiles are not listed from the entries up")
	}
	for _, c := range [][2]int64{{-1, 1}, {2, 1}, {0, translog.MaxSize + 1}} {
		if _, err := translog.NewTiles(c[0], c[1]); err == nil {
			t.Errorf("NewTiles(%v) succeeded", c)
		}
	}
	if same, err := translog.NewTiles(300, 300); err != nil || len(same) != 0 {
		t.Errorf("NewTiles(300, 300) = %v, %v", same, err)
	}
}

// store serves published tiles to tlog's own client, which checks every tile
// against the root.
type store map[string][]byte

func (s store) Height() int                     { return translog.TileHeight }
func (s store) SaveTiles([]tlog.Tile, [][]byte) {}
func (s store) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, t := range tiles {
		data = append(data, s[translog.TilePath(t.L, t.N, t.W)])
	}
	return data, nil
}

// publish stores what NewTiles lists, as a relay does.
func (l *log) publish(t testing.TB, s store, oldSize, newSize int) {
	t.Helper()
	tiles, err := translog.NewTiles(int64(oldSize), int64(newSize))
	fatalIfErr(t, err)
	for _, tile := range tiles {
		if tile.Level == translog.Entries {
			from := int(tile.N) * translog.TileWidth
			s[tile.Path()] = translog.EncodeEntries(l.leaves[from : from+tile.Width])
			continue
		}
		s[tile.Path()], err = translog.TileData(tile, l)
		fatalIfErr(t, err)
	}
}

func TestPublished(t *testing.T) {
	l := newLog(t, 600)
	s := store{}
	old := 0
	for _, size := range []int{1, 2, 255, 256, 257, 511, 512, 513, 600} {
		l.publish(t, s, old, size)
		old = size
		c := l.checkpoint(t, size)
		r := tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, s)
		for i := range size {
			p, err := translog.ProveInclusion(c.Size, int64(i), r)
			fatalIfErr(t, err)
			fatalIfErr(t, translog.CheckInclusion(c, int64(i), l.leaves[i], p))
		}
	}
}

func TestTileDataRefuses(t *testing.T) {
	l := newLog(t, 1)
	for _, tile := range []translog.Tile{
		{Level: translog.Entries, Width: 1}, {Level: -2, Width: 1}, {Level: 7, Width: 1}, {Level: 64, Width: 1},
		{Width: 0}, {Width: 257}, {N: -1, Width: 1}, {N: 1 << 45, Width: 1}, {N: 1<<63 - 1, Width: 1},
	} {
		if _, err := translog.TileData(tile, l); err == nil {
			t.Errorf("TileData(%+v) succeeded", tile)
		}
	}
}

func TestEntries(t *testing.T) {
	l := newLog(t, translog.TileWidth)
	for _, width := range []int{1, 2, 255, 256} {
		b := translog.EncodeEntries(l.leaves[:width])
		got, err := translog.DecodeEntries(b, width)
		if err != nil || !slices.Equal(got, l.leaves[:width]) {
			t.Errorf("DecodeEntries of %d leaves: %v", width, err)
		}
		for name, bad := range map[string][]byte{
			"short":  b[:len(b)-1],
			"long":   append(bytes.Clone(b), 0),
			"length": append([]byte{0, 55}, b[2:]...),
			"empty":  nil,
		} {
			if _, err := translog.DecodeEntries(bad, width); err == nil {
				t.Errorf("DecodeEntries accepted width %d, %s", width, name)
			}
		}
	}
	for _, width := range []int{-1, 0, 257} {
		if _, err := translog.DecodeEntries(nil, width); err == nil {
			t.Errorf("DecodeEntries accepted width %d", width)
		}
	}
}

func FuzzParseTilePath(f *testing.F) {
	f.Add("tile/0/x001/x234/067.p/8")
	f.Add("tile/entries/000")
	f.Add("tile/63/x999/999")
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := translog.ParseTilePath(path)
		if err == nil && tile.Path() != path {
			t.Errorf("ParseTilePath(%q).Path() = %q", path, tile.Path())
		}
	})
}

func FuzzDecodeEntries(f *testing.F) {
	l := newLog(f, 3)
	f.Add(translog.EncodeEntries(l.leaves), 3)
	f.Add([]byte{0, 56}, 1)
	f.Fuzz(func(t *testing.T, b []byte, width int) {
		leaves, err := translog.DecodeEntries(b, width)
		if err == nil && (len(leaves) != width || !bytes.Equal(translog.EncodeEntries(leaves), b)) {
			t.Errorf("DecodeEntries(%x, %d) does not encode to the same bytes", b, width)
		}
	})
}
