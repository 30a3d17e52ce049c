package seal_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"comity.example/comity/crypto/seal"
	"filippo.io/age"
)

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newKey returns a fresh key pair, through the text forms.
func newKey(t testing.TB) (*age.HybridIdentity, *age.HybridRecipient) {
	t.Helper()
	is, rs, err := seal.GenerateIdentity()
	fatalIfErr(t, err)
	id, err := seal.ParseIdentity(is)
	fatalIfErr(t, err)
	r, err := seal.ParseRecipient(rs)
	fatalIfErr(t, err)
	return id, r
}

// noise returns n reproducible bytes without structure.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// partOf returns the plaintext of part n.
func partOf(plain []byte, n int) []byte {
	return plain[n*seal.PartPlain : min((n+1)*seal.PartPlain, len(plain))]
}

// sealAll returns the payload of plain, sealed in order.
func sealAll(t testing.TB, s *seal.Sealer, plain []byte) []byte {
	t.Helper()
	var out []byte
	for n := range s.Parts() {
		var err error
		out, _, err = s.SealPart(out, n, partOf(plain, n))
		fatalIfErr(t, err)
	}
	return out
}

// ageFile has age itself encrypt plain, and returns head, payload and file key.
func ageFile(t testing.TB, plain []byte, rs ...age.Recipient) (head, payload, fileKey []byte) {
	t.Helper()
	c, key := seal.NewCapture(rs[0])
	var b bytes.Buffer
	w, err := age.Encrypt(&b, append([]age.Recipient{c}, rs[1:]...)...)
	fatalIfErr(t, err)
	headLen := b.Len()
	_, err = w.Write(plain)
	fatalIfErr(t, err)
	fatalIfErr(t, w.Close())
	return b.Bytes()[:headLen], b.Bytes()[headLen:], key()
}

func TestFIPSRefusal(t *testing.T) {
	if os.Getenv("SEAL_TEST_FIPS") != "" {
		inFIPSOnly(t)
		return
	}
	fatalIfErr(t, seal.FIPSRefusal())
	// The mode is fixed when a process starts, so this test runs itself again.
	cmd := exec.Command(os.Args[0], "-test.run=^TestFIPSRefusal$", "-test.v", "-test.timeout=20s")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", "SEAL_TEST_FIPS=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "refused everything") {
		t.Fatalf("under fips140=only: %v\n%s", err, out)
	}
}

// inFIPSOnly checks that every function that would use age returns at once.
func inFIPSOnly(t *testing.T) {
	want := seal.FIPSRefusal()
	if want == nil {
		t.Fatal("FIPSRefusal() = nil under fips140=only")
	}
	_, _, genErr := seal.GenerateIdentity()
	_, idErr := seal.ParseIdentity("AGE-SECRET-KEY-PQ-1")
	_, newErr := seal.NewSealer(1)
	_, openErr := seal.NewOpener(nil, 16)
	_, smallErr := seal.SealSmall(nil, 1<<20)
	for i, err := range []error{genErr, idErr, newErr, openErr, smallErr} {
		if err == nil || err.Error() != want.Error() {
			t.Errorf("call %d: %v, want %v", i, err, want)
		}
	}
	t.Log("refused everything")
}

func BenchmarkSealPart(b *testing.B) {
	_, r := newKey(b)
	plain := noise(seal.PartPlain)
	dst := make([]byte, 0, seal.PartSize)
	b.SetBytes(seal.PartPlain)
	for b.Loop() {
		s, err := seal.NewSealer(seal.PartPlain, r)
		fatalIfErr(b, err)
		_, _, err = s.SealPart(dst, 0, plain)
		fatalIfErr(b, err)
	}
}

func BenchmarkAgeEncrypt(b *testing.B) {
	_, r := newKey(b)
	plain := noise(seal.PartPlain)
	b.SetBytes(seal.PartPlain)
	for b.Loop() {
		w, err := age.Encrypt(io.Discard, r)
		fatalIfErr(b, err)
		_, err = w.Write(plain)
		fatalIfErr(b, err)
		fatalIfErr(b, w.Close())
	}
}
