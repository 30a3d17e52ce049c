package seal_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"testing"

	"comity.example/comity/crypto/seal"
)

// TestSealAgain: the same plaintext gives the same ciphertext, on the first run and
// after the key came back.
func TestSealAgain(t *testing.T) {
	id, r := newKey(t)
	plain := noise(2*seal.PartPlain + 100)
	s, err := seal.NewSealer(int64(len(plain)), r)
	fatalIfErr(t, err)
	known := map[int][32]byte{}
	var parts [][]byte
	for n := range s.Parts() {
		ct, sum, err := s.SealPart(nil, n, partOf(plain, n))
		fatalIfErr(t, err)
		if sum != sha256.Sum256(ct) {
			t.Errorf("part %d: the digest is not of the ciphertext", n)
		}
		parts, known[n] = append(parts, ct), sum
	}
	root, err := s.PayloadRoot()
	fatalIfErr(t, err)
	if root != seal.PayloadRoot([][32]byte{known[0], known[1], known[2]}) {
		t.Error("PayloadRoot differs from that of the digests")
	}
	file, err := s.Protect(id.Recipient())
	fatalIfErr(t, err)
	back, err := seal.ResumeSealer(s.Head(), file, known, id)
	fatalIfErr(t, err)
	for _, x := range []*seal.Sealer{s, back} {
		for n, want := range parts {
			if ct, sum, err := x.SealPart(nil, n, partOf(plain, n)); err != nil || !bytes.Equal(ct, want) || sum != known[n] {
				t.Errorf("part %d sealed again: %d bytes, %v", n, len(ct), err)
			}
		}
	}
}

// TestChanged: one bit has changed in a part that may have left. Nothing of it comes
// out, not into the buffer either, and the key is gone.
func TestChanged(t *testing.T) {
	id, r := newKey(t)
	plain := noise(seal.PartPlain + 100)
	for name, resumed := range map[string]bool{"same run": false, "later run": true} {
		s, err := seal.NewSealer(int64(len(plain)), r)
		fatalIfErr(t, err)
		_, sum, err := s.SealPart(nil, 1, partOf(plain, 1))
		fatalIfErr(t, err)
		file, err := s.Protect(id.Recipient())
		fatalIfErr(t, err)
		if resumed {
			s, err = seal.ResumeSealer(s.Head(), file, map[int][32]byte{1: sum}, id)
			fatalIfErr(t, err)
		}
		other := bytes.Clone(partOf(plain, 1))
		other[50] ^= 1
		buf := make([]byte, 0, seal.PartSize)
		ct, _, err := s.SealPart(buf, 1, other)
		if !errors.Is(err, seal.ErrChanged) || ct != nil {
			t.Errorf("%s: %d bytes, %v", name, len(ct), err)
		}
		if !bytes.Equal(buf[:200], make([]byte, 200)) {
			t.Errorf("%s: the ciphertext is in the buffer", name)
		}
		if _, _, err := s.SealPart(nil, 0, partOf(plain, 0)); err == nil || !strings.Contains(err.Error(), "destroyed") {
			t.Errorf("%s: sealing part 0 after it: %v", name, err)
		}
		if _, err := s.Protect(id.Recipient()); err == nil {
			t.Errorf("%s: the key can still be protected", name)
		}
	}
}

// TestChangedAtOnce seals one part with eight plaintexts at once: one ciphertext
// comes out at most.
func TestChangedAtOnce(t *testing.T) {
	_, r := newKey(t)
	for range 20 {
		s, err := seal.NewSealer(100, r)
		fatalIfErr(t, err)
		var mu sync.Mutex
		out := map[[32]byte]bool{}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				plain := make([]byte, 100)
				plain[0] = byte(i)
				if ct, _, err := s.SealPart(nil, 0, plain); err == nil {
					mu.Lock()
					defer mu.Unlock()
					out[sha256.Sum256(ct)] = true
				}
			})
		}
		wg.Wait()
		if len(out) != 1 {
			t.Fatalf("%d ciphertexts of one part came out, want 1", len(out))
		}
	}
}

func TestResumeRefuses(t *testing.T) {
	id, r := newKey(t)
	other, _ := newKey(t)
	s, err := seal.NewSealer(100, r)
	fatalIfErr(t, err)
	file, err := s.Protect(id.Recipient())
	fatalIfErr(t, err)
	nonce := s.Head()
	nonce[len(nonce)-1] ^= 1
	s2, err := seal.NewSealer(100, r)
	fatalIfErr(t, err)
	small, err := seal.SealSmall([]byte("short"), 1<<20, id.Recipient())
	fatalIfErr(t, err)
	for name, f := range map[string]func() error{
		"other identity": func() error { _, err := seal.ResumeSealer(s.Head(), file, nil, other); return err },
		"other nonce":    func() error { _, err := seal.ResumeSealer(nonce, file, nil, id); return err },
		"other package":  func() error { _, err := seal.ResumeSealer(s2.Head(), file, nil, id); return err },
		"no head":        func() error { _, err := seal.ResumeSealer(nil, file, nil, id); return err },
		"short":          func() error { _, err := seal.ResumeSealer(s.Head(), small, nil, id); return err },
		"damaged":        func() error { _, err := seal.ResumeSealer(s.Head(), file[:len(file)-1], nil, id); return err },
		"impossible part": func() error {
			_, err := seal.ResumeSealer(s.Head(), file, map[int][32]byte{1: {}}, id)
			return err
		},
	} {
		if f() == nil {
			t.Errorf("%s: ResumeSealer succeeded", name)
		}
	}
	if _, err := s.PayloadRoot(); err == nil {
		t.Error("PayloadRoot of parts that were never sealed")
	}
}
