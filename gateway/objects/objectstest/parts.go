package objectstest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"testing/iotest"

	"comity.example/comity/gateway/objects"
)

func parallelParts(w *world) {
	key, data := w.key("p"), random(3*partSize+1)
	ps, id := table(data), w.begin(key, len(data))
	var wg sync.WaitGroup
	for n := range ps {
		wg.Go(func() {
			tag, err := w.PutPart(w.Context(), key, id, ps[n], stream(bytesOf(data, n)))
			if err != nil {
				w.Error(err)
			}
			ps[n].ETag = tag
		})
	}
	wg.Wait()
	info, err := w.Complete(w.Context(), key, id, ps)
	w.fatalIf(err)
	w.holds(key, info, data)
}

var errCut = errors.New("connection is cut")

func badBodies(w *world) {
	key, data := w.key("p"), random(1<<20)
	ps, id := table(data), w.begin(key, len(data))
	other := bytes.Clone(data)
	other[len(other)-1] ^= 1
	for _, tt := range []struct {
		name string
		body io.Reader
		want error
	}{
		{"empty", stream(nil), objects.ErrDigest},
		{"short", stream(data[:len(data)-1]), objects.ErrDigest},
		{"long", stream(append(bytes.Clone(data), 0)), objects.ErrDigest},
		{"other", stream(other), objects.ErrDigest},
		{"cut", io.MultiReader(stream(data[:1000]), iotest.ErrReader(errCut)), errCut},
		{"cut at the end", io.MultiReader(stream(data), iotest.ErrReader(errCut)), errCut},
	} {
		_, err := w.PutPart(w.Context(), key, id, ps[0], tt.body)
		w.want("PutPart "+tt.name, err, tt.want)
		_, err = w.Complete(w.Context(), key, id, ps)
		w.want("Complete after PutPart "+tt.name, err, objects.ErrParts)
		w.absent(key)
	}
	w.putAll(key, id, data, ps, 0)
	info, err := w.Complete(w.Context(), key, id, ps)
	w.fatalIf(err)
	w.holds(key, info, data)
}

func badParts(w *world) {
	for _, tt := range []struct{ size, part int64 }{
		{-1, partSize}, {1, 0}, {1, -1}, {1, objects.MaxPartSize + 1}, {partSize*objects.MaxParts + 1, partSize},
	} {
		_, err := w.Begin(w.Context(), w.key("b"), tt.size, tt.part)
		w.want("Begin", err, objects.ErrInvalid)
	}
	key, data := w.key("p"), random(partSize+10)
	id := w.begin(key, len(data))
	for _, p := range []objects.Part{
		{Number: -1, Size: partSize}, {Number: 2, Size: 10}, {Number: 0, Size: 10}, {Number: 1, Size: 11},
		{Number: 1, Size: 0}, {Number: 1, Size: -1}, {Number: 1, Size: partSize}, {Number: 1 << 40, Size: 10},
	} {
		p.SHA256 = sha256.Sum256(data)
		_, err := w.PutPart(w.Context(), key, id, p, stream(data))
		w.want("PutPart", err, objects.ErrInvalid)
	}
}

// partAgain: what is put again unchanged stays, also if the second call fails.
func partAgain(w *world) {
	key, data := w.key("p"), random(partSize+1000)
	ps, id := table(data), w.begin(key, len(data))
	w.putAll(key, id, data, ps, 0, 1, 1, 0)
	for _, body := range []io.Reader{
		stream(data[:500]), stream(random(partSize)),
		io.MultiReader(stream(data[:partSize/2]), iotest.ErrReader(errCut)),
	} {
		if _, err := w.PutPart(w.Context(), key, id, ps[0], body); err == nil {
			w.Error("PutPart with a wrong body succeeded")
		}
	}
	info, err := w.Complete(w.Context(), key, id, ps)
	w.fatalIf(err)
	w.holds(key, info, data)
}

// partReplaced: the last acknowledged bytes count, and a table of the old ones
// is refused.
func partReplaced(w *world) {
	key, data := w.key("p"), random(1<<20)
	ps, id := table(data), w.begin(key, len(data))
	w.putAll(key, id, data, ps, 0)
	other := random(len(data))
	qs := table(other)
	w.putAll(key, id, other, qs, 0)
	_, err := w.Complete(w.Context(), key, id, ps)
	w.want("Complete with the old table", err, objects.ErrParts)
	info, err := w.Complete(w.Context(), key, id, qs)
	w.fatalIf(err)
	w.holds(key, info, other)
}

// partRaced: many senders of one part, one of them stalled for good. The part
// gets there, and the stalled one cannot change it any more.
func partRaced(w *world) {
	key, data := w.key("p"), random(1<<20)
	ps, id := table(data), w.begin(key, len(data))
	stalled, feed := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := w.PutPart(w.Context(), key, id, ps[0], stalled)
		done <- err
	}()
	feed.Write(data[:700<<10]) // returns when all of it was read
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := w.PutPart(w.Context(), key, id, ps[0], stream(data)); err != nil && !errors.Is(err, objects.ErrSuperseded) {
				w.Error(err)
			}
		})
	}
	wg.Wait()
	w.putAll(key, id, data, ps, 0)
	go func() { // the reader may have left
		feed.Write(make([]byte, len(data)-700<<10))
		feed.Close()
	}()
	if err := <-done; err == nil {
		w.Error("PutPart with a wrong body succeeded")
	}
	stalled.Close()
	info, err := w.Complete(w.Context(), key, id, ps)
	w.fatalIf(err)
	w.holds(key, info, data)
}
