package seal_test

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"comity.example/comity/crypto/seal"
)

// partIn copies part n out of a payload.
func partIn(payload []byte, n int, to []byte) { copy(to, payload[n*seal.PartSize:]) }

func TestReader(t *testing.T) {
	id, r := newKey(t)
	for i, size := range sizes {
		for _, workers := range []int{1, 2 + i%3} {
			plain := noise(size)
			head, payload, _ := ageFile(t, plain, r)
			o, err := seal.NewOpener(head, int64(len(payload)), id)
			fatalIfErr(t, err)
			busy, parts := make([]atomic.Bool, workers), seal.Parts(int64(len(payload)))
			var mu sync.Mutex
			var order []int
			rd, err := seal.NewReader(o, workers, func(worker, n int, sealed []byte) error {
				if busy[worker].Swap(true) {
					t.Errorf("worker %d has two parts at once", worker)
				}
				defer busy[worker].Store(false)
				mu.Lock()
				order = append(order, n)
				mu.Unlock()
				partIn(payload, n, sealed)
				return nil
			})
			fatalIfErr(t, err)
			got, err := io.ReadAll(rd)
			if err != nil || !bytes.Equal(got, plain) || rd.Err() != nil {
				t.Errorf("size %d, %d workers: read %d bytes, %v", size, workers, len(got), err)
			}
			fatalIfErr(t, rd.Close())
			if len(order) != parts+1 || order[0] != parts-1 {
				t.Errorf("size %d, %d workers: parts were brought in the order %v", size, workers, order)
			}
		}
	}
}

// TestReaderFails: what cannot be brought or opened ends the reading with its error,
// after all that comes before it; a wrong end ends it at the beginning.
func TestReaderFails(t *testing.T) {
	id, r := newKey(t)
	const parts = 5
	plain := noise((parts-1)*seal.PartPlain + 7)
	head, payload, _ := ageFile(t, plain, r)
	away := errors.New("the relay is away")
	for n := range parts {
		for _, want := range []error{away, seal.ErrAuth} {
			o, err := seal.NewOpener(head, int64(len(payload)), id)
			fatalIfErr(t, err)
			rd, err := seal.NewReader(o, 2, func(_, m int, sealed []byte) error {
				partIn(payload, m, sealed)
				if m == n && want == away {
					return away
				}
				if m == n {
					sealed[len(sealed)-1] ^= 1
				}
				return nil
			})
			fatalIfErr(t, err)
			before := n * seal.PartPlain
			if n == parts-1 {
				before = 0
			}
			got, err := io.ReadAll(rd)
			if !errors.Is(err, want) || !errors.Is(rd.Err(), want) || !bytes.Equal(got, plain[:before]) {
				t.Errorf("part %d: read %d bytes, want %d: %v, want %v", n, len(got), before, err, want)
			}
			if _, again := rd.Read(make([]byte, 1)); again != err {
				t.Errorf("part %d: reading on: %v, want %v", n, again, err)
			}
			fatalIfErr(t, rd.Close())
		}
	}
	o, err := seal.NewOpener(head, int64(len(payload)), id)
	fatalIfErr(t, err)
	if _, err := seal.NewReader(o, 0, nil); err == nil {
		t.Error("a reader without workers was made")
	}
}

// TestReaderClosed closes a reader at each place, with parts in flight: no call is
// running afterwards, and none begins.
func TestReaderClosed(t *testing.T) {
	id, r := newKey(t)
	plain := noise(4*seal.PartPlain + 7)
	head, payload, _ := ageFile(t, plain, r)
	for _, read := range []int{0, 1, seal.PartPlain, 3*seal.PartPlain + 1, len(plain)} {
		o, err := seal.NewOpener(head, int64(len(payload)), id)
		fatalIfErr(t, err)
		var running atomic.Int32
		rd, err := seal.NewReader(o, 3, func(_, n int, sealed []byte) error {
			running.Add(1)
			defer running.Add(-1)
			partIn(payload, n, sealed)
			return nil
		})
		fatalIfErr(t, err)
		got := make([]byte, read)
		if _, err := io.ReadFull(rd, got); err != nil || !bytes.Equal(got, plain[:read]) {
			t.Errorf("read %d bytes: %v", read, err)
		}
		fatalIfErr(t, rd.Close())
		fatalIfErr(t, rd.Close())
		if n := running.Load(); n != 0 {
			t.Errorf("%d calls are running after Close", n)
		}
		if n, err := rd.Read(got[:min(1, len(got))]); len(got) > 0 && (n != 0 || err == nil || err == io.EOF) {
			t.Errorf("reading after Close: %d bytes, %v", n, err)
		}
	}
}

// TestPartsReader: some parts come one after the other, whatever stands between them,
// and the payload's end is looked at though it is not among them.
func TestPartsReader(t *testing.T) {
	id, r := newKey(t)
	plain := noise(4*seal.PartPlain + 7)
	head, payload, _ := ageFile(t, plain, r)
	o, err := seal.NewOpener(head, int64(len(payload)), id)
	fatalIfErr(t, err)
	bring := func(_, n int, sealed []byte) error { partIn(payload, n, sealed); return nil }
	for _, parts := range [][]int{{0}, {1, 3}, {4}, {0, 1, 2, 3, 4}, {}} {
		var want []byte
		for _, n := range parts {
			want = append(want, plain[n*seal.PartPlain:min((n+1)*seal.PartPlain, len(plain))]...)
		}
		rd, err := seal.NewPartsReader(o, 2, parts, bring)
		fatalIfErr(t, err)
		if got, err := io.ReadAll(rd); err != nil || !bytes.Equal(got, want) {
			t.Errorf("parts %d: %d bytes of %d, %v", parts, len(got), len(want), err)
		}
		fatalIfErr(t, rd.Close())
	}
	for _, parts := range [][]int{{1, 1}, {2, 1}, {-1}, {5}} {
		if _, err := seal.NewPartsReader(o, 2, parts, bring); err == nil {
			t.Errorf("parts %d are read", parts)
		}
	}
	payload[len(payload)-1] ^= 1
	rd, err := seal.NewPartsReader(o, 2, []int{0}, bring)
	fatalIfErr(t, err)
	if got, err := io.ReadAll(rd); !errors.Is(err, seal.ErrAuth) || len(got) > 0 {
		t.Errorf("a payload with a wrong end gives %d bytes, %v", len(got), err)
	}
	fatalIfErr(t, rd.Close())
}
