package seal_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"testing/iotest"

	"comity.example/comity/crypto/seal"
)

// TestPipe seals with writes of odd sizes, from the beginning and from later parts,
// on one and on several goroutines.
func TestPipe(t *testing.T) {
	_, r := newKey(t)
	for _, size := range []int{0, 1, seal.PartPlain, 2*seal.PartPlain + 12345} {
		plain := noise(size)
		head, want, key := ageFile(t, plain, r)
		for _, workers := range []int{1, 3} {
			s, err := seal.NewSealerFromKey(head, key, int64(size))
			fatalIfErr(t, err)
			for from := range s.Parts() + 1 {
				got := pipe(t, s, plain[min(from*seal.PartPlain, size):], from, workers)
				if cut := min(from*seal.PartSize, len(want)); !bytes.Equal(got, want[cut:]) {
					t.Errorf("size %d from part %d on %d goroutines: %d bytes differ from age's %d", size, from, workers, len(got), len(want)-cut)
				}
			}
		}
	}
}

// pipe returns the parts that a Pipe hands out, in order.
func pipe(t *testing.T, s *seal.Sealer, plain []byte, from, workers int) []byte {
	t.Helper()
	var mu sync.Mutex
	parts := map[int][]byte{}
	p, err := seal.NewPipe(s, from, workers, func(_ int, p seal.SealedPart) error {
		mu.Lock()
		defer mu.Unlock()
		if parts[p.N] != nil || sha256.Sum256(p.Ciphertext) != p.SHA256 {
			t.Errorf("part %d came twice or with another digest", p.N)
		}
		parts[p.N] = bytes.Clone(p.Ciphertext)
		return nil
	})
	fatalIfErr(t, err)
	for i := 0; len(plain) > 0; i++ {
		n := min(len(plain), 1<<20+77)
		if i%2 == 0 {
			_, err = p.Write(plain[:n])
		} else {
			_, err = p.ReadFrom(iotest.DataErrReader(bytes.NewReader(plain[:n])))
		}
		fatalIfErr(t, err)
		plain = plain[n:]
	}
	fatalIfErr(t, p.Close())
	var out []byte
	for n := from; n < s.Parts(); n++ {
		out = append(out, parts[n]...)
	}
	return out
}

func TestPipeFails(t *testing.T) {
	_, r := newKey(t)
	plain := noise(3 * seal.PartPlain)
	broken, source := errors.New("the line is broken"), errors.New("the source is gone")
	begin := func(take error) *seal.Pipe {
		s, err := seal.NewSealer(int64(len(plain)), r)
		fatalIfErr(t, err)
		p, err := seal.NewPipe(s, 0, 2, func(int, seal.SealedPart) error { return take })
		fatalIfErr(t, err)
		return p
	}
	p := begin(broken)
	p.Write(plain)
	if err := p.Close(); !errors.Is(err, broken) {
		t.Errorf("Close after a part that failed = %v", err)
	}
	p = begin(nil)
	p.Write(plain[:100])
	if err := p.Abort(source); !errors.Is(err, source) {
		t.Errorf("Abort = %v", err)
	}
	p = begin(nil)
	p.Write(plain[:100])
	if err := p.Close(); err == nil {
		t.Error("Close of a short plaintext succeeded")
	}
	p = begin(nil)
	if _, err := p.Write(append(plain, 0)); err == nil {
		t.Error("Write of a long plaintext succeeded")
	}
	p.Abort(source)
	p = begin(nil)
	if _, err := p.ReadFrom(bytes.NewReader(append(plain, 0))); err == nil {
		t.Error("ReadFrom of a long plaintext succeeded")
	}
	p.Abort(source)
	p = begin(nil)
	if _, err := p.ReadFrom(iotest.ErrReader(source)); !errors.Is(err, source) {
		t.Errorf("ReadFrom of a broken source = %v", err)
	}
	p.Abort(source)
	if err := p.Close(); err == nil {
		t.Error("Close after Abort succeeded")
	}
	s, err := seal.NewSealer(0, r)
	fatalIfErr(t, err)
	for _, bad := range [][2]int{{-1, 1}, {2, 1}, {0, 0}} {
		if _, err := seal.NewPipe(s, bad[0], bad[1], nil); err == nil {
			t.Errorf("NewPipe from %d on %d goroutines succeeded", bad[0], bad[1])
		}
	}
}
