package translog_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/translog"
	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func newCosigner(t testing.TB, name string, alg translog.Algorithm) *translog.Cosigner {
	t.Helper()
	skey, vkey, err := translog.GenerateCosigner(name, alg)
	fatalIfErr(t, err)
	s, err := translog.ParseCosigner(skey)
	fatalIfErr(t, err)
	if s.Key().String() != vkey || s.Key().Name() != name || s.Key().Algorithm() != alg {
		t.Fatalf("generated %q, parsed %q", vkey, s.Key())
	}
	return s
}

// TestTorchwood opens what torchwood has signed: a vector of its v0.10 for
// ML-DSA-44, and a cosignature made with its v0.9 for Ed25519.
func TestTorchwood(t *testing.T) {
	b, err := os.ReadFile("testdata/torchwood/mldsa.txt")
	fatalIfErr(t, err)
	text := string(b)
	_, vkey, _ := strings.Cut(text, "log -key ")
	vkey, _, _ = strings.Cut(vkey, "\n")
	_, msg, _ := strings.Cut(text, "old 0\n\n")
	msg, _, _ = strings.Cut(msg, "```")
	opensBy(t, vkey, msg)

	b, err = os.ReadFile("testdata/torchwood/ed25519.txt")
	fatalIfErr(t, err)
	vkey, msg, _ = strings.Cut(string(b), "\n")
	opensBy(t, vkey, msg)
	// The seed is known: our key of it is the same.
	s, err := translog.ParseCosigner("PRIVATE+KEY+nl/witness/1+fc7c89cb+" + base64.StdEncoding.EncodeToString(append([]byte{4}, bytes.Repeat([]byte{7}, 32)...)))
	fatalIfErr(t, err)
	if s.Key().String() != vkey {
		t.Errorf("key of the seed = %q, want %q", s.Key(), vkey)
	}
}

func opensBy(t *testing.T, vkey, msg string) {
	t.Helper()
	k, err := translog.ParseCosignerKey(vkey)
	fatalIfErr(t, err)
	if _, err := note.Open([]byte(msg), note.VerifierList(k)); err != nil {
		t.Errorf("opening the note of %q: %v", k.Name(), err)
	}
	for _, change := range [][2]string{{"\n1\n", "\n2\n"}, {"\n9\n", "\n8\n"}, {"\n\n", "\nextension\n\n"}} {
		bad := strings.Replace(msg, change[0], change[1], 1)
		if _, err := note.Open([]byte(bad), note.VerifierList(k)); err == nil && bad != msg {
			t.Errorf("note of %q opened with %q for %q", k.Name(), change[1], change[0])
		}
	}
}

// TestCosignatureOracle compares with crypto/ed25519 and filippo.io/mldsa, both ways,
// over bytes put together here from the words of C2SP tlog-cosignature.
func TestCosignatureOracle(t *testing.T) {
	c := newLog(t, 5).checkpoint(t, 5)
	unix := uint64(noon.Unix())
	message := []byte("subtree/v1\n\x00\x0cnl/witness/1")
	message = binary.BigEndian.AppendUint64(message, unix)
	message = append(message, "\x0drelay.example"...)
	message = binary.BigEndian.AppendUint64(message, 0)
	message = binary.BigEndian.AppendUint64(message, 5)
	message = append(message, c.Root[:]...)
	text := []byte("cosignature/v1\ntime 1795176000\n" + c.Text())

	seed := bytes.Repeat([]byte{9}, 32)
	ml, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed)
	fatalIfErr(t, err)
	s := seeded(t, 6, seed, ml.PublicKey().Bytes())
	if err := mldsa.Verify(ml.PublicKey(), message, signatureOf(t, s, c), nil); err != nil {
		t.Errorf("filippo.io/mldsa refuses our cosignature: %v", err)
	}
	sig, err := ml.Sign(nil, message, nil)
	fatalIfErr(t, err)
	if !s.Key().Verify([]byte(c.Text()), append(binary.BigEndian.AppendUint64(nil, unix), sig...)) {
		t.Error("the cosignature of filippo.io/mldsa does not verify")
	}

	ed := ed25519.NewKeyFromSeed(seed)
	s = seeded(t, 4, seed, ed.Public().(ed25519.PublicKey))
	if !bytes.Equal(signatureOf(t, s, c), ed25519.Sign(ed, text)) {
		t.Error("our Ed25519 cosignature is not the signature of the specified text")
	}
}

// seeded returns the cosigner nl/witness/1 of a seed whose public key another library computed.
func seeded(t *testing.T, alg byte, seed, public []byte) *translog.Cosigner {
	t.Helper()
	id := keyID("nl/witness/1", alg, public)
	s, err := translog.ParseCosigner("PRIVATE+KEY+nl/witness/1+" + id + "+" + base64.StdEncoding.EncodeToString(append([]byte{alg}, seed...)))
	fatalIfErr(t, err)
	return s
}

func signatureOf(t *testing.T, s *translog.Cosigner, c translog.Checkpoint) []byte {
	t.Helper()
	line, err := s.Cosign(c, noon.Add(700*time.Millisecond))
	fatalIfErr(t, err)
	f := strings.Fields(string(line))
	raw, err := base64.StdEncoding.DecodeString(f[len(f)-1])
	fatalIfErr(t, err)
	return raw[12:]
}

func TestCosignerKeySpelling(t *testing.T) {
	for _, alg := range []translog.Algorithm{translog.Ed25519, translog.MLDSA44} {
		skey, vkey, err := translog.GenerateCosigner("nl/witness/1", alg)
		fatalIfErr(t, err)
		_, logKey, err := translog.GenerateKey("nl/witness/1")
		fatalIfErr(t, err)
		f := strings.SplitN(vkey, "+", 3)
		for _, bad := range []string{
			"", "+", "++", vkey + "\n", " " + vkey, f[0] + "+" + f[1], f[0] + "+00000000+" + f[2],
			f[0] + "+" + f[1] + "+" + f[2][:8] + "\n" + f[2][8:], "nl/witness/2+" + f[1] + "+" + f[2],
			f[0] + "+" + f[1] + "+" + strings.TrimRight(f[2], "=") + "A", f[0] + "+0" + f[1] + "+" + f[2], skey, logKey,
		} {
			if _, err := translog.ParseCosignerKey(bad); err == nil {
				t.Errorf("ParseCosignerKey(%.60q) succeeded", bad)
			}
		}
		f = strings.SplitN(skey, "+", 5)
		for _, bad := range []string{"", vkey, skey + "\n", skey + "A", strings.Join(f[:4], "+"), strings.Replace(skey, f[3], "00000000", 1), strings.Replace(skey, "witness", "witless", 1)} {
			_, err := translog.ParseCosigner(bad)
			if err == nil || strings.Contains(err.Error(), f[4]) {
				t.Errorf("ParseCosigner of a malformed key = %v, want an error without the key", err)
			}
		}
	}
	for _, name := range []string{"", "a b", "a+b", "a\nb", "é", strings.Repeat("a", 256)} {
		if _, _, err := translog.GenerateCosigner(name, translog.MLDSA44); err == nil {
			t.Errorf("GenerateCosigner(%q) succeeded", name)
		}
	}
	for _, alg := range []translog.Algorithm{0, 1, 5} {
		if _, _, err := translog.GenerateCosigner("x", alg); err == nil {
			t.Errorf("GenerateCosigner with %v succeeded", alg)
		}
	}
}

func TestCosignRefuses(t *testing.T) {
	s := newCosigner(t, "nl/witness/1", translog.Ed25519)
	good := newLog(t, 3).checkpoint(t, 3)
	bad := good
	bad.Size = 0
	if _, err := s.Cosign(bad, noon); err == nil {
		t.Error("cosigned an empty tree with a root")
	}
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(-5, 0), time.Unix(253402300800, 0)} {
		if _, err := s.Cosign(good, at); err == nil {
			t.Errorf("cosigned at %v", at)
		}
	}
}
