package seal_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"comity.example/comity/crypto/seal"
	"filippo.io/age"
)

// openAll returns the plaintext of a payload, part after part; nothing and an
// error if one of them fails.
func openAll(o *seal.Opener, payload []byte) ([]byte, error) {
	size := int64(len(payload))
	var plain []byte
	for n := range seal.Parts(size) {
		at := int64(n) * seal.PartSize
		var err error
		if plain, err = o.OpenPart(plain, n, payload[at:at+seal.PartLen(size, n)]); err != nil {
			return nil, err
		}
	}
	return plain, nil
}

// open opens a whole file as a receiver does.
func open(head, payload []byte, ids ...age.Identity) ([]byte, error) {
	o, err := seal.NewOpener(head, int64(len(payload)), ids...)
	if err != nil {
		return nil, err
	}
	return openAll(o, payload)
}

// TestOpenAge opens what age has sealed, for each of its recipients.
func TestOpenAge(t *testing.T) {
	id1, r1 := newKey(t)
	id2, r2 := newKey(t)
	other, _ := newKey(t)
	for _, size := range sizes {
		plain := noise(size)
		head, payload, _ := ageFile(t, plain, r1, r2)
		for i, ids := range [][]age.Identity{{id1}, {id2}, {other, id2}} {
			if got, err := open(head, payload, ids...); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("size %d, identities %d: opened %d bytes, %v", size, i, len(got), err)
			}
		}
		var none *age.NoIdentityMatchError
		if _, err := open(head, payload, other); !errors.As(err, &none) {
			t.Errorf("size %d, another identity: %v, want a NoIdentityMatchError", size, err)
		}
	}
}

// TestOpenRanges opens 10,000 random runs of chunks of a payload that age made.
func TestOpenRanges(t *testing.T) {
	id, r := newKey(t)
	plain := noise(2*seal.PartPlain + 5*seal.ChunkSize + 77)
	head, payload, _ := ageFile(t, plain, r)
	o, err := seal.NewOpener(head, int64(len(payload)), id)
	fatalIfErr(t, err)
	chunks := (len(payload) + seal.EncChunkSize - 1) / seal.EncChunkSize
	rnd := rand.New(rand.NewPCG(1, 2))
	dst := make([]byte, 0, 8*seal.ChunkSize)
	for range 10_000 {
		first := rnd.IntN(chunks)
		end := min(chunks, first+1+rnd.IntN(7))
		if rnd.IntN(20) == 0 {
			end = chunks
			first = max(0, end-1-rnd.IntN(7))
		}
		got, err := o.OpenChunks(dst, int64(first), payload[first*seal.EncChunkSize:min(end*seal.EncChunkSize, len(payload))])
		if err != nil || !bytes.Equal(got, plain[first*seal.ChunkSize:min(end*seal.ChunkSize, len(plain))]) {
			t.Fatalf("chunks %d to %d: %d bytes, %v", first, end, len(got), err)
		}
	}
}

func TestOpenParallel(t *testing.T) {
	id, r := newKey(t)
	plain := noise(3*seal.PartPlain + 12345)
	head, payload, _ := ageFile(t, plain, r)
	size := int64(len(payload))
	o, err := seal.NewOpener(head, size, id)
	fatalIfErr(t, err)
	got := make([]byte, len(plain))
	var wg sync.WaitGroup
	for n := range seal.Parts(size) {
		wg.Go(func() {
			at := n * seal.PartSize
			dst := got[n*seal.PartPlain : n*seal.PartPlain : min((n+1)*seal.PartPlain, len(got))]
			// Room for the plaintext is enough.
			if _, err := o.OpenPart(dst, n, payload[at:at+int(seal.PartLen(size, n))]); err != nil {
				t.Errorf("part %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	if !bytes.Equal(got, plain) {
		t.Error("opened in parallel, in place, the plaintext differs")
	}
}

func TestOpenRefuses(t *testing.T) {
	id, r := newKey(t)
	plain := noise(seal.PartPlain + 2*seal.ChunkSize + 100)
	head, payload, _ := ageFile(t, plain, r)
	size := int64(len(payload))
	o, err := seal.NewOpener(head, size, id)
	fatalIfErr(t, err)
	const c, p = seal.EncChunkSize, seal.PartSize
	second := payload[p:]
	for i, tt := range []struct {
		n      int
		sealed []byte
	}{
		{-1, payload[:p]}, {2, nil}, {2, second}, {0, nil}, {0, payload[:p-1]}, {0, payload[:p+1]}, {0, second},
		{1, nil}, {1, second[:len(second)-1]}, {1, append(bytes.Clone(second), 0)}, {1, payload[:len(second)]}, {1, second[:2*c]},
	} {
		if got, err := o.OpenPart(nil, tt.n, tt.sealed); err == nil || got != nil {
			t.Errorf("row %d: OpenPart(%d) of %d bytes gave %d", i, tt.n, len(tt.sealed), len(got))
		}
	}
	last := int64(seal.PartChunks + 2)
	for i, tt := range []struct {
		first  int64
		sealed []byte
	}{
		{-1, payload[:c]}, {last + 1, nil}, {last + 1, payload[:c]}, {1 << 62, payload[:c]}, {0, nil}, {0, payload[:c-1]}, {0, payload[:c+1]},
		{1, payload[:c]}, {last, payload[:c]}, {last, second[2*c : len(second)-1]}, {last - 1, second[c : len(second)-1]},
		{last - 2, append(bytes.Clone(second), 0)},
	} {
		if got, err := o.OpenChunks(nil, tt.first, tt.sealed); err == nil || got != nil {
			t.Errorf("row %d: OpenChunks(%d) of %d bytes gave %d", i, tt.first, len(tt.sealed), len(got))
		}
	}
	for _, n := range []int64{-1, 0, 15, c + 1, c + 16, seal.PayloadSize(seal.MaxPlain) + 1} {
		if _, err := seal.NewOpener(head, n, id); err == nil {
			t.Errorf("NewOpener for a payload of %d bytes succeeded", n)
		}
	}
	if _, err := seal.NewOpener(head, size); err == nil {
		t.Error("NewOpener without identities succeeded")
	}
}

// TestOpenInPlace opens parts where they are, and leaves nothing of one that fails.
func TestOpenInPlace(t *testing.T) {
	id, r := newKey(t)
	for _, size := range sizes {
		plain := noise(size)
		head, payload, _ := ageFile(t, plain, r)
		n := int64(len(payload))
		o, err := seal.NewOpener(head, n, id)
		fatalIfErr(t, err)
		var got []byte
		for i := range seal.Parts(n) {
			part := payload[i*seal.PartSize:][:seal.PartLen(n, i)]
			opened, err := o.OpenPart(part[:0], i, part)
			fatalIfErr(t, err)
			if len(opened) > 0 && &opened[0] != &part[0] {
				t.Errorf("size %d: part %d is somewhere else", size, i)
			}
			got = append(got, opened...)
		}
		if !bytes.Equal(got, plain) {
			t.Errorf("size %d: opened %d bytes that differ", size, len(got))
		}
	}
	plain := noise(3*seal.ChunkSize + 5)
	head, payload, _ := ageFile(t, plain, r)
	o, err := seal.NewOpener(head, int64(len(payload)), id)
	fatalIfErr(t, err)
	payload[len(payload)-1] ^= 1
	if got, err := o.OpenPart(payload[:0], 0, payload); !errors.Is(err, seal.ErrAuth) || got != nil {
		t.Errorf("damaged: %d bytes, %v", len(got), err)
	}
	for at := 0; at+16 <= len(plain); at += 16 {
		if bytes.Contains(payload, plain[at:at+16]) {
			t.Fatalf("plaintext from byte %d on is still there", at)
		}
	}
}

// TestOpenAppends: what stood before stays, what was decrypted before a failure
// does not.
func TestOpenAppends(t *testing.T) {
	id, r := newKey(t)
	plain := noise(3 * seal.ChunkSize)
	head, payload, _ := ageFile(t, plain, r)
	o, err := seal.NewOpener(head, int64(len(payload)), id)
	fatalIfErr(t, err)
	dst := append(make([]byte, 0, 1+len(payload)), 'x')
	got, err := o.OpenPart(dst, 0, payload)
	if err != nil || got[0] != 'x' || !bytes.Equal(got[1:], plain) {
		t.Errorf("appending: %d bytes, %v", len(got), err)
	}
	clear(dst[1:cap(dst)])
	payload[2*seal.EncChunkSize] ^= 1
	if got, err := o.OpenPart(dst, 0, payload); err == nil || got != nil || dst[0] != 'x' {
		t.Errorf("damaged: %d bytes, %v", len(got), err)
	}
	if left := dst[1:cap(dst)]; !bytes.Equal(left, make([]byte, len(left))) {
		t.Error("what was decrypted before the damage is still there")
	}
}

// FuzzOpenPart gives an opener parts of any content and size: only the one that
// was sealed opens.
func FuzzOpenPart(f *testing.F) {
	id, r := newKey(f)
	plain := noise(seal.ChunkSize + 9)
	head, payload, _ := ageFile(f, plain, r)
	f.Add(int64(len(payload)), 0, payload)
	f.Add(int64(seal.EncChunkSize), 0, payload[:seal.EncChunkSize])
	f.Add(int64(25), 0, payload[seal.EncChunkSize:])
	f.Fuzz(func(t *testing.T, size int64, n int, sealed []byte) {
		o, err := seal.NewOpener(head, size, id)
		if err != nil {
			return
		}
		got, err := o.OpenPart(nil, n, sealed)
		if err != nil && got != nil {
			t.Errorf("%d bytes and %v", len(got), err)
		}
		if err == nil && (n != 0 || !bytes.Equal(sealed, payload) || !bytes.Equal(got, plain)) {
			t.Errorf("part %d of a payload of %d bytes opened", n, size)
		}
	})
}
