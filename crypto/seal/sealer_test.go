package seal_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"comity.example/comity/crypto/seal"
	"filippo.io/age"
)

// sizes are the plaintext sizes at which chunks and parts begin and end.
var sizes = []int{
	0, 1, seal.ChunkSize - 1, seal.ChunkSize, seal.ChunkSize + 1, 5*seal.ChunkSize - 7,
	seal.PartPlain - 1, seal.PartPlain, seal.PartPlain + 1, 2*seal.PartPlain + 3*seal.ChunkSize,
}

func TestIdenticalToAge(t *testing.T) {
	_, r1 := newKey(t)
	_, r2 := newKey(t)
	for _, size := range sizes {
		plain := noise(size)
		head, want, key := ageFile(t, plain, r1, r2)
		s, err := seal.NewSealerFromKey(head, key, int64(size))
		fatalIfErr(t, err)
		if s.PayloadSize() != int64(len(want)) {
			t.Errorf("size %d: PayloadSize() = %d, want %d", size, s.PayloadSize(), len(want))
		}
		if got := sealAll(t, s, plain); !bytes.Equal(got, want) {
			t.Errorf("size %d: payload differs from age's", size)
		}
	}
}

// TestRandomRanges seals 10,000 random ranges of chunks: each has the bytes that age
// wrote there.
func TestRandomRanges(t *testing.T) {
	_, r := newKey(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	var buf []byte
	for _, size := range []int{1, seal.ChunkSize, 7*seal.ChunkSize - 3, seal.PartPlain, 2*seal.PartPlain + 3*seal.ChunkSize + 1} {
		plain := noise(size)
		head, want, key := ageFile(t, plain, r)
		s, err := seal.NewSealerFromKey(head, key, int64(size))
		fatalIfErr(t, err)
		chunks := (size + seal.ChunkSize - 1) / seal.ChunkSize
		for range 2000 {
			from := rnd.IntN(chunks)
			to := from + 1 + rnd.IntN(min(8, chunks-from))
			buf, err = s.SealChunks(buf[:0], int64(from), plain[from*seal.ChunkSize:min(to*seal.ChunkSize, size)])
			fatalIfErr(t, err)
			if !bytes.Equal(buf, want[from*seal.EncChunkSize:min(to*seal.EncChunkSize, len(want))]) {
				t.Fatalf("size %d: chunks %d to %d differ from age's", size, from, to)
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	id1, r1 := newKey(t)
	id2, r2 := newKey(t)
	for _, size := range sizes {
		plain := noise(size)
		s, err := seal.NewSealer(int64(size), r1, r2)
		fatalIfErr(t, err)
		if n, err := seal.CountRecipients(s.Head()); n != 2 || err != nil {
			t.Fatalf("CountRecipients = %d, %v; want 2", n, err)
		}
		payload := sealAll(t, s, plain)
		for _, id := range []age.Identity{id1, id2} {
			got, err := open(s.Head(), payload, id)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("size %d: opened %d bytes, %v", size, len(got), err)
			}
		}
	}
}

func TestParallel(t *testing.T) {
	_, r := newKey(t)
	plain := noise(3*seal.PartPlain + 12345)
	head, want, key := ageFile(t, plain, r)
	s, err := seal.NewSealerFromKey(head, key, int64(len(plain)))
	fatalIfErr(t, err)
	got := make([]byte, s.PayloadSize())
	var wg sync.WaitGroup
	for n := range s.Parts() {
		wg.Go(func() {
			at := n * seal.PartSize
			end := at + int(seal.PartLen(s.PayloadSize(), n))
			if out, _, err := s.SealPart(got[at:at:end], n, partOf(plain, n)); err != nil || len(out) != end-at {
				t.Errorf("part %d: %d bytes, %v", n, len(out), err)
			}
		})
	}
	wg.Wait()
	if !bytes.Equal(got, want) {
		t.Error("payload sealed in parallel, in place, differs from age's")
	}
}

func TestSealPartRefuses(t *testing.T) {
	_, r := newKey(t)
	plain := noise(seal.PartPlain + 100)
	s, err := seal.NewSealer(int64(len(plain)), r)
	fatalIfErr(t, err)
	for _, tt := range []struct {
		n, size int
	}{
		{-1, seal.PartPlain}, {2, 0}, {2, 100}, {0, 0}, {0, seal.PartPlain - 1}, {1, 99}, {1, 101}, {1, 0}, {1, seal.PartPlain},
	} {
		if _, _, err := s.SealPart(nil, tt.n, plain[:tt.size]); err == nil {
			t.Errorf("SealPart(%d) of %d bytes succeeded", tt.n, tt.size)
		}
	}
	// A refused call has used no keystream, so the part is still free.
	if out, _, err := s.SealPart([]byte("x"), 1, partOf(plain, 1)); err != nil || len(out) != 1+116 || out[0] != 'x' {
		t.Errorf("appending part 1: %d bytes, %v", len(out), err)
	}
	s.Destroy()
	s.Destroy()
	if _, _, err := s.SealPart(nil, 0, partOf(plain, 0)); err == nil || !strings.Contains(err.Error(), "destroyed") {
		t.Errorf("sealing after Destroy: %v", err)
	}
}

func TestHeadIsACopy(t *testing.T) {
	_, r := newKey(t)
	s, err := seal.NewSealer(0, r)
	fatalIfErr(t, err)
	clear(s.Head())
	fatalIfErr(t, seal.CheckHead(s.Head()))
}

func TestNewSealerRefuses(t *testing.T) {
	_, r := newKey(t)
	x, err := age.GenerateX25519Identity()
	fatalIfErr(t, err)
	p, err := age.NewScryptRecipient("hunter2")
	fatalIfErr(t, err)
	many := make([]age.Recipient, seal.MaxRecipients+1)
	for i := range many {
		many[i] = r
	}
	hidden := struct{ age.Recipient }{r}
	for _, tt := range []struct {
		name  string
		plain int64
		to    []age.Recipient
	}{
		{"nobody", 1, nil},
		{"too many", 1, many},
		{"classic", 1, []age.Recipient{x.Recipient()}},
		{"classic second", 1, []age.Recipient{r, x.Recipient()}},
		{"classic first", 1, []age.Recipient{x.Recipient(), r}},
		{"passphrase", 1, []age.Recipient{p}},
		{"wrapped", 1, []age.Recipient{hidden}},
		{"nil", 1, []age.Recipient{r, nil}},
		{"nil key", 1, []age.Recipient{(*age.HybridRecipient)(nil)}},
		{"negative", -1, []age.Recipient{r}},
		{"too large", seal.MaxPlain + 1, []age.Recipient{r}},
	} {
		if _, err := seal.NewSealer(tt.plain, tt.to...); err == nil {
			t.Errorf("%s: NewSealer succeeded", tt.name)
		}
		if tt.plain == 1 {
			if _, err := seal.SealSmall([]byte("x"), 1<<20, tt.to...); err == nil {
				t.Errorf("%s: SealSmall succeeded", tt.name)
			}
		}
	}
	s, err := seal.NewSealer(1, many[1:]...)
	fatalIfErr(t, err)
	if n, err := seal.CountRecipients(s.Head()); n != seal.MaxRecipients || err != nil {
		t.Errorf("CountRecipients = %d, %v; want %d", n, err, seal.MaxRecipients)
	}
}

// TestCaptureKeepsLabels is about age's own rule, the second line behind the
// type check: it must still hold through the capturing recipient.
func TestCaptureKeepsLabels(t *testing.T) {
	_, r := newKey(t)
	x, err := age.GenerateX25519Identity()
	fatalIfErr(t, err)
	for _, to := range [][2]age.Recipient{{r, x.Recipient()}, {x.Recipient(), r}} {
		c, _ := seal.NewCapture(to[0])
		_, err := age.Encrypt(io.Discard, c, to[1])
		if err == nil || !strings.Contains(err.Error(), "post-quantum") {
			t.Errorf("%T captured beside %T: %v", to[0], to[1], err)
		}
	}
	// What would happen otherwise: the label is hidden and age sees no mix.
	hidden := struct{ age.Recipient }{r}
	if _, err := age.Encrypt(io.Discard, hidden, x.Recipient()); err != nil {
		t.Errorf("a hidden label was seen, so this test shows nothing: %v", err)
	}
}

// TestDamage opens payloads that were cut, extended, reordered or altered. Nothing
// comes out of them.
func TestDamage(t *testing.T) {
	id, r := newKey(t)
	plain := noise(5*seal.ChunkSize + 100)
	s, err := seal.NewSealer(int64(len(plain)), r)
	fatalIfErr(t, err)
	whole := sealAll(t, s, plain)
	const c = seal.EncChunkSize
	bad := map[string][]byte{
		"extended":      append(bytes.Clone(whole), 0),
		"last doubled":  append(bytes.Clone(whole), whole[5*c:]...),
		"chunk dropped": append(bytes.Clone(whole[:c]), whole[2*c:]...),
		"chunk swapped": bytes.Join([][]byte{whole[c : 2*c], whole[:c], whole[2*c:]}, nil),
	}
	for _, n := range []int{0, 1, 15, 16, 17, c - 1, c, c + 1, c + 16, 2 * c, 3*c - 7, 3 * c, 4 * c, 5*c - 1, 5 * c, 5*c + 1, 5*c + 16, len(whole) - 1} {
		bad[fmt.Sprintf("cut to %d", n)] = whole[:n]
	}
	for _, n := range []int{0, c - 1, c, 2*c + 5, len(whole) - 1} {
		b := bytes.Clone(whole)
		b[n] ^= 1
		bad[fmt.Sprintf("bit of byte %d", n)] = b
	}
	for name, payload := range bad {
		if got, err := open(s.Head(), payload, id); err == nil || got != nil {
			t.Errorf("%s: opened %d bytes, %v", name, len(got), err)
		}
		if got, err := seal.OpenSmall(append(s.Head(), payload...), 1<<20, id); err == nil || got != nil {
			t.Errorf("%s: OpenSmall gave %d bytes, %v", name, len(got), err)
		}
	}
}

// TestCutAtParts drops whole parts, which a store could lose.
func TestCutAtParts(t *testing.T) {
	id, r := newKey(t)
	plain := noise(2*seal.PartPlain + 1)
	s, err := seal.NewSealer(int64(len(plain)), r)
	fatalIfErr(t, err)
	whole := sealAll(t, s, plain)
	const p = seal.PartSize
	for name, payload := range map[string][]byte{
		"last lost":   whole[:2*p],
		"first only":  whole[:p],
		"first lost":  whole[p:],
		"second lost": append(bytes.Clone(whole[:p]), whole[2*p:]...),
	} {
		if got, err := open(s.Head(), payload, id); err == nil || got != nil {
			t.Errorf("%s: opened %d bytes, %v", name, len(got), err)
		}
	}
}
