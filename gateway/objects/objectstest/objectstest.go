// Package objectstest is the specification of [objects.Store] as tests. Every
// driver runs it; a property that is not tested here does not hold for a relay.
//
// It needs no knowledge of a driver and refuses to depend on one: it does not
// look at files, wait for locks to end, or expect more than the specification
// says. Where the specification leaves a choice to the driver, both ways pass.
package objectstest

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"comity.example/comity/gateway/objects"
)

// partSize is the smallest part that every S3-compatible server takes.
const partSize = 5 << 20

// Suite is the place to test.
type Suite struct {
	// Open returns an empty store, or one in which nobody uses the key prefix
	// of a random byte. It is called once for each row. Required.
	Open func(t *testing.T) objects.Store

	// Reopen returns another store on the data of s, as a restarted relay
	// would; s is not used afterwards. If nil, rows about restarts are skipped.
	Reopen func(t *testing.T, s objects.Store) objects.Store

	// Destroyer returns the capability to bypass GOVERNANCE in s. If nil, rows
	// about it are skipped.
	Destroyer func(t *testing.T, s objects.Store) objects.Destroyer
}

// Test runs the suite without the rows that need more than a store.
func Test(t *testing.T, open func(t *testing.T) objects.Store) {
	Suite{Open: open}.Run(t)
}

// Run runs every row as a subtest.
func (s Suite) Run(t *testing.T) {
	for _, row := range []struct {
		name string
		run  func(*world)
	}{
		{"upload", upload},
		{"empty upload", emptyUpload},
		{"parallel parts", parallelParts},
		{"bad bodies", badBodies},
		{"bad parts", badParts},
		{"part again", partAgain},
		{"part replaced", partReplaced},
		{"part raced", partRaced},
		{"bad tables", badTables},
		{"complete twice", completeTwice},
		{"complete raced", completeRaced},
		{"complete over another", completeOverAnother},
		{"abort", abort},
		{"abort by key", abortByKey},
		{"unknown uploads", unknownUploads},
		{"put", put},
		{"put raced", putRaced},
		{"replace", replace},
		{"replace raced", replaceRaced},
		{"ranges", ranges},
		{"versions", versions},
		{"locks", locks},
		{"lock of an upload", lockUpload},
		{"governance", governance},
		{"delete", remove},
		{"list", list},
		{"keys", keys},
		{"cancelled", cancelled},
		{"restart", restart},
		{"restart amid an upload", restartAmid},
		{"space", space},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.run(&world{T: t, Suite: s, Store: s.Open(t), base: hex.EncodeToString(random(1)) + "/"})
		})
	}
}

// world is the store of one row and helpers that fail its test.
type world struct {
	*testing.T
	Suite
	objects.Store
	base string // before each key
}

// key returns a key of this row.
func (w *world) key(name string) string { return w.base + name }

// restart goes on with the store reopened.
func (w *world) restart() {
	w.Helper()
	if w.Reopen == nil {
		w.Skip("the store cannot be reopened")
	}
	w.Store = w.Reopen(w.T, w.Store)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func (w *world) fatalIf(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// want fails unless err is one of the wanted errors.
func (w *world) want(what string, err error, wanted ...error) {
	w.Helper()
	if !slices.ContainsFunc(wanted, func(e error) bool { return errors.Is(err, e) }) {
		w.Errorf("%s: error %v, want %v", what, err, wanted)
	}
}

// table cuts data into parts as a sender would declare them.
func table(data []byte) []objects.Part {
	var ps []objects.Part
	for b := range slices.Chunk(data, partSize) {
		ps = append(ps, objects.Part{Number: len(ps), Size: int64(len(b)), SHA256: sha256.Sum256(b)})
	}
	return ps
}

// bytesOf returns the bytes of part n.
func bytesOf(data []byte, n int) []byte {
	return data[n*partSize : min(len(data), (n+1)*partSize)]
}

// stream hides everything of a body but Read, and reads in small pieces.
func stream(b []byte) io.Reader { return iotest.HalfReader(bytes.NewReader(b)) }

func (w *world) begin(key string, size int) string {
	w.Helper()
	id, err := w.Begin(w.Context(), key, int64(size), partSize)
	w.fatalIf(err)
	return id
}

// putAll puts the parts numbered ns and fills in their tags.
func (w *world) putAll(key, id string, data []byte, ps []objects.Part, ns ...int) {
	w.Helper()
	for _, n := range ns {
		tag, err := w.PutPart(w.Context(), key, id, ps[n], stream(bytesOf(data, n)))
		w.fatalIf(err)
		ps[n].ETag = tag
	}
}

// uploaded makes an object of two parts.
func (w *world) uploaded(key string) ([]byte, objects.Info) {
	w.Helper()
	data := random(partSize + 1000)
	ps, id := table(data), w.begin(key, len(data))
	w.putAll(key, id, data, ps, 0, 1)
	info, err := w.Complete(w.Context(), key, id, ps)
	w.fatalIf(err)
	return data, info
}

func (w *world) create(key string, data []byte) objects.Info {
	w.Helper()
	info, err := w.Put(w.Context(), key, data, objects.Create)
	w.fatalIf(err)
	return info
}

// read returns a range of a version.
func (w *world) read(key, version string, off, length int64) ([]byte, objects.Info) {
	w.Helper()
	r, info, err := w.Get(w.Context(), key, version, off, length)
	w.fatalIf(err)
	defer r.Close()
	b, err := io.ReadAll(r)
	w.fatalIf(err)
	return b, info
}

// holds checks that a version can be read and is data, and that Stat, Get and
// the given info agree about it.
func (w *world) holds(key string, info objects.Info, data []byte) {
	w.Helper()
	b, got := w.read(key, info.Version, 0, -1)
	if !bytes.Equal(b, data) {
		w.Errorf("%q has %d bytes that are not the %d put", key, len(b), len(data))
	}
	st, err := w.Stat(w.Context(), key, info.Version)
	w.fatalIf(err)
	w.same("Stat", st, info)
	w.same("Get", got, info)
}

// same compares what a later call says with what the writer was told. A server
// without checksums says no digest later.
func (w *world) same(what string, got, want objects.Info) {
	w.Helper()
	if got.Digest == [32]byte{} {
		got.Digest = want.Digest
	}
	if got != want {
		w.Errorf("%s = %+v, want %+v", what, got, want)
	}
}

// absent checks that nothing is visible under a key.
func (w *world) absent(key string) {
	w.Helper()
	_, err := w.Stat(w.Context(), key, "")
	w.want("Stat", err, objects.ErrNotExist)
	_, _, err = w.Get(w.Context(), key, "", 0, -1)
	w.want("Get", err, objects.ErrNotExist)
	if got := w.list(w.base); slices.Contains(got, key) {
		w.Errorf("List = %q, must not have %q", got, key)
	}
}

func (w *world) list(prefix string) []string {
	w.Helper()
	var got []string
	for k, err := range w.List(w.Context(), prefix) {
		w.fatalIf(err)
		got = append(got, k)
	}
	return got
}

// hour returns a whole second n hours from now.
func hour(n int) time.Time {
	return time.Now().UTC().Truncate(time.Second).Add(time.Duration(n) * time.Hour)
}
