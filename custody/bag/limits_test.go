package bag_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody/bag"
)

// many is n empty files with names of about size bytes each, all of them spelled
// with characters of which a manifest makes three.
func many(n, size int) []bag.Item {
	base := strings.Repeat("%", size)
	items := make([]bag.Item, n)
	for i := range items {
		items[i] = bag.Item{Path: fmt.Sprintf("%s%07d", base, i), ModTime: time.Unix(1, 0)}
	}
	return items
}

// received streams an archive of these items, up to where the manifest would
// stand, to a receiver without limits of its own, and returns its error.
func received(t *testing.T, items []bag.Item) error {
	t.Helper()
	r, w := io.Pipe()
	go func() {
		_, err := w.Write(join(good()[:2]))
		for _, p := range []part{tag("bag-info.txt", "Payload-Oxum: 0.0\n"), tag("data/", "")} {
			if err == nil {
				_, err = w.Write(p.bytes())
			}
		}
		for _, it := range items {
			if err == nil {
				_, err = w.Write(bag.Header(id+"/data/"+it.Path, it.Size, it.ModTime))
			}
		}
		w.CloseWithError(err) // nil is the end of the stream; a receiver that stopped needs none
	}()
	root, err := os.OpenRoot(t.TempDir())
	fatalIfErr(t, err)
	defer root.Close()
	_, err = bag.Extract(r, root, id, bag.Limits{})
	r.Close()
	return err
}

// TestLimitsAgree: what exceeds a receiver's limits by one is refused by the
// sender, before a byte is sent; what just fits both take.
func TestLimitsAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("reaches the real limits, of two million items and 256 MiB of names: seconds, and minutes under the race detector")
	}
	const long = 8 << 10
	line := len("  \n") + 64 + len("data/") + 3*long + 7
	fits := bag.MaxNames / line
	for _, tt := range []struct {
		name string
		size int
		fits int
		want string
	}{
		{"items", 0, bag.MaxItems, "more than 2000000 items"},
		{"names", long, fits, "names in the bag have more than 268435456 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			items := many(tt.fits+1, tt.size)
			if _, err := bag.NewPlan(id, inventory(items[:tt.fits]...), nil); err != nil {
				t.Errorf("what just fits is not planned: %v", err)
			}
			_, err := bag.NewPlan(id, inventory(items...), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "several packages") || len(err.Error()) > 4*long {
				t.Errorf("NewPlan of one more: %v, want %q", err, tt.want)
			}
			if tt.size == 0 {
				return // a receiver would make two million files; it counts with the same function
			}
			var re *bag.RefusedError
			if err := received(t, items); !errors.As(err, &re) || re.Reason != "the "+tt.want {
				t.Errorf("the receiver of one more: %.200v, want %q", err, tt.want)
			} else if last := items[tt.fits].Path; re.Path != id+"/data/"+last {
				t.Errorf("the receiver stops at %.200q, want the last item, %.200q", re.Path, last)
			}
		})
	}
}

// endless is an archive of more items than a receiver takes, in the form of this
// format, that notes the largest heap while it is read. Its first name is one that
// no system holds, so that nothing is written.
type endless struct {
	next int
	rest []byte
	heap uint64
}

func (e *endless) Read(b []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.next == 0 {
			e.rest = join(append(good()[:2], tag("bag-info.txt", "Payload-Oxum: 0.0\n"), tag("data/", ""), data(strings.Repeat("-", 300), "")))
		}
		for range 1000 {
			e.rest = append(e.rest, bag.Header(fmt.Sprintf("%s/data/mail %08d/", id, e.next), 0, time.Unix(1, 0))...)
			e.next++
		}
		if e.next%100_000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			e.heap = max(e.heap, m.HeapAlloc)
		}
	}
	n := copy(b, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// TestManyItems: whoever sends items without end takes no memory by it.
func TestManyItems(t *testing.T) {
	if testing.Short() || runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("reads two million headers, and tells names apart by case where the system does not")
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	e := &endless{}
	var re *bag.RefusedError
	if _, _, err := extract(t, e, bag.Limits{}); !errors.As(err, &re) || !strings.Contains(re.Reason, "more than 2000000 items") {
		t.Fatalf("Extract: %v", err)
	}
	if e.next < bag.MaxItems || e.heap > m.HeapAlloc+32<<20 {
		t.Errorf("the heap grew from %d to %d KiB over %d items", m.HeapAlloc>>10, e.heap>>10, e.next)
	}
}

// TestLongestHeader: the longest path of the deepest tree, with every number in an
// extended header, is planned, and a receiver takes its header.
func TestLongestHeader(t *testing.T) {
	deep := strings.Repeat("d/", bag.MaxDepth-1)
	path := deep + strings.Repeat("é", (bag.MaxPath-len(deep))/2)
	mtime := time.Unix(-9_000_000_000, 123_456_789)
	var items []bag.Item
	for i := range bag.MaxDepth - 1 {
		items = append(items, bag.Item{Path: strings.TrimSuffix(strings.Repeat("d/", i+1), "/"), Dir: true, ModTime: mtime})
	}
	items = append(items, bag.Item{Path: path, Size: 1 << 50, ModTime: mtime})
	_, err := bag.NewPlan(id, inventory(items...), nil)
	fatalIfErr(t, err)
	var forged []part
	for _, it := range items[:len(items)-1] {
		forged = append(forged, part{name: id + "/data/" + it.Path + "/", mtime: mtime})
	}
	archive := append(join(append(good()[:4], forged...)), bag.Header(id+"/data/"+path, 1<<50, mtime)...)
	refused(t, archive, bag.Limits{}, "truncated") // its content does not come; its header passed
}

// TestSparse: a header that claims a large sparse file with a small body, in each
// dialect that archive/tar expands, is refused and nothing is expanded. The first
// check is that the forgery is one: archive/tar does read gigabytes out of it.
func TestSparse(t *testing.T) {
	const real = 4 << 30
	name := id + "/data/x"
	body := "1\n0\n0\n" // a map of one piece of nothing at 0
	block := body + strings.Repeat("\x00", 512-len(body))
	rec := bag.Record
	size := fmt.Sprint(real)
	for _, tt := range []struct {
		name    string
		records string
		content string
		want    string
	}{
		{"PAX 0.0", rec("GNU.sparse.size", size) + rec("GNU.sparse.numblocks", "1") + rec("GNU.sparse.offset", "0") + rec("GNU.sparse.numbytes", "0"), "", "GNU.sparse.size"},
		{"PAX 0.0, offsets first", rec("GNU.sparse.offset", "0") + rec("GNU.sparse.numbytes", "0") + rec("GNU.sparse.numblocks", "1") + rec("GNU.sparse.size", size), "", "GNU.sparse.offset"},
		{"PAX 0.1", rec("GNU.sparse.size", size) + rec("GNU.sparse.numblocks", "1") + rec("GNU.sparse.map", "0,0"), "", "GNU.sparse.size"},
		{"PAX 1.0", rec("GNU.sparse.major", "1") + rec("GNU.sparse.minor", "0") + rec("GNU.sparse.name", name) + rec("GNU.sparse.realsize", size), block, "GNU.sparse.major"},
		{"PAX 1.0, after a good record", rec("mtime", "1.5") + rec("GNU.sparse.realsize", size) + rec("GNU.sparse.minor", "0") + rec("GNU.sparse.major", "1"), block, "GNU.sparse.realsize"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := pax(tt.records, name, tt.content)
			expands(t, p.bytes(), real)
			refused(t, join(parts(p)), bag.Limits{}, tt.want)
		})
	}
	t.Run("old GNU", func(t *testing.T) {
		p := part{raw: oldSparse(name, real)}
		expands(t, p.bytes(), real)
		refused(t, join(parts(p)), bag.Limits{}, "GNU sparse file")
	})
}

// expands checks that archive/tar takes these bytes for a file of that size.
func expands(t *testing.T, entry []byte, size int64) {
	t.Helper()
	h, err := tar.NewReader(bytes.NewReader(append(entry, make([]byte, 1024)...))).Next()
	fatalIfErr(t, err)
	if h.Size != size {
		t.Fatalf("the forged entry has %d bytes for archive/tar, want %d", h.Size, size)
	}
}

// oldSparse is a header of type S: a map of one empty piece, and the real size.
func oldSparse(name string, real int64) []byte {
	h := bag.Header(name, 0, time.Unix(1, 0))
	h[156] = 'S'
	copy(h[257:], "ustar  \x00")
	clear(h[329:])
	copy(h[386:], "00000000000\x0000000000000\x00") // offset and length of the one piece
	copy(h[483:], fmt.Sprintf("%011o\x00", real))
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}
