package translog_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/translog"
	"golang.org/x/mod/sumdb/note"
)

func keyID(name string, alg byte, public []byte) string {
	h := sha256.Sum256([]byte(name + "\n" + string(alg) + string(public)))
	return hex.EncodeToString(h[:4])
}

// signed is a log's note over a tree of five leaves and what made it.
type signed struct {
	c      translog.Checkpoint
	key    *translog.LogKey
	text   string
	edLine string
	mlLine string
}

func newSigned(t testing.TB) signed {
	t.Helper()
	s := signed{c: newLog(t, 5).checkpoint(t, 5)}
	signer := newLogKey(t, origin)
	s.key, s.text = signer.Key(), s.c.Text()+"\n"
	msg, err := translog.Sign(s.c, signer, noon)
	fatalIfErr(t, err)
	lines := strings.SplitAfter(strings.TrimPrefix(string(msg), s.text), "\n")
	s.edLine, s.mlLine = lines[0], lines[1]
	return s
}

func cosign(t testing.TB, s *translog.Cosigner, c translog.Checkpoint, at time.Time) string {
	t.Helper()
	line, err := s.Cosign(c, at)
	fatalIfErr(t, err)
	return string(line)
}

func TestOpenCosigned(t *testing.T) {
	s := newSigned(t)
	w1 := newCosigner(t, "nl/witness/1", translog.Ed25519)
	w2 := newCosigner(t, "nl/witness/1", translog.MLDSA44)
	w3 := newCosigner(t, "fr/witness/1", translog.MLDSA44)
	l1 := cosign(t, w1, s.c, noon.Add(time.Second))
	l2 := cosign(t, w2, s.c, noon.Add(2*time.Second))
	l3 := cosign(t, w3, s.c, noon.Add(3*time.Second))
	other := s.c
	other.Size = 6
	wrong := cosign(t, w1, other, noon)
	two := l1 + l2
	if w2.Key().KeyHash() < w1.Key().KeyHash() {
		two = l2 + l1
	}
	head := s.text + s.edLine + s.mlLine
	keys := []*translog.CosignerKey{w1.Key(), w2.Key(), w3.Key()}
	for _, c := range []struct {
		name      string
		msg       string
		ok, exact bool
		want      int
	}{
		{"log alone", head, true, true, 0},
		{"all", head + l3 + two, true, true, 3},
		{"one", head + l2, true, true, 1},
		{"out of order", head + two + l3, true, false, 3},
		{"witness before log", s.text + l3 + s.edLine + s.mlLine, true, false, 1},
		{"log lines swapped", s.text + s.mlLine + s.edLine, true, false, 0},
		{"twice the same", head + l3 + l3, true, false, 1},
		{"twice with two times", head + l1 + cosign(t, w1, s.c, noon), true, false, 1},
		{"a stranger", head + cosign(t, newCosigner(t, "be/witness/1", translog.Ed25519), s.c, noon), true, false, 0},
		{"stray base64 bits", loosen(t, head+l2), true, false, 1},
		{"of another tree", head + wrong, false, false, 0},
		{"no Ed25519", s.text + s.mlLine + l1, false, false, 0},
		{"no ML-DSA", s.text + s.edLine + l1, false, false, 0},
		{"witnesses alone", s.text + l3 + two, false, false, 0},
		{"extension", strings.Replace(head, "\n\n", "\nextension\n\n", 1), false, false, 0},
	} {
		got, err := translog.OpenCosigned([]byte(c.msg), s.key, keys...)
		if (err == nil) != c.ok || len(got.Cosignatures) != c.want || err == nil && got.Checkpoint != s.c {
			t.Errorf("%s: OpenCosigned = %d cosignatures, %v; want %d, accepted: %v", c.name, len(got.Cosignatures), err, c.want, c.ok)
		}
		if err == nil {
			if again, err := translog.OpenCosignedExact(got.Note(), s.key, keys...); err != nil || len(again.Cosignatures) != c.want {
				t.Errorf("%s: the canonical note opens with %v", c.name, err)
			}
		}
		if _, err := translog.OpenCosignedExact([]byte(c.msg), s.key, keys...); (err == nil) != c.exact {
			t.Errorf("%s: OpenCosignedExact = %v, want accepted: %v", c.name, err, c.exact)
		}
	}
	got, err := translog.OpenCosigned([]byte(head+two+l3), s.key, keys...)
	fatalIfErr(t, err)
	if got.Cosignatures[0].Key.Name() != "fr/witness/1" || !got.Cosignatures[0].Time.Equal(noon.Add(3*time.Second)) || !got.Log.Time.Equal(noon) {
		t.Errorf("names and times: %+v", got.Cosignatures)
	}
	if _, err := translog.OpenCosigned([]byte(head), s.key, w1.Key(), w1.Key()); err != nil {
		t.Errorf("a key given twice and without a line: %v", err)
	}
	if _, err := translog.OpenCosigned([]byte(head+l1), s.key, w1.Key(), w1.Key()); err == nil {
		t.Error("two keys that cannot be told apart were accepted")
	}
	msg := []byte(head + l3 + two)
	for i := 0; i < len(msg); i += 7 { // each byte takes five verifications
		m := bytes.Clone(msg)
		m[i] ^= 1
		if _, err := translog.OpenCosignedExact(m, s.key, keys...); err == nil {
			t.Errorf("byte %d of the note changed and opened", i)
		}
	}
}

// TestUndatedCosignature: a cosignature dated zero verifies, and says nothing
// about when, so it is a stranger's line.
func TestUndatedCosignature(t *testing.T) {
	s := newSigned(t)
	signer, verifier, err := translog.GenerateKey("nl/witness/1")
	fatalIfErr(t, err)
	ed, err := note.NewSigner(signer)
	fatalIfErr(t, err)
	sig, err := ed.Sign([]byte("cosignature/v1\ntime 0\n" + s.c.Text()))
	fatalIfErr(t, err)
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(verifier, "+", 3)[2])
	fatalIfErr(t, err)
	id := keyID("nl/witness/1", 4, raw[1:])
	raw[0] = 4
	k, err := translog.ParseCosignerKey("nl/witness/1+" + id + "+" + base64.StdEncoding.EncodeToString(raw))
	fatalIfErr(t, err)
	line, err := hex.DecodeString(id)
	fatalIfErr(t, err)
	line = append(binary.BigEndian.AppendUint64(line, 0), sig...)
	msg := s.text + s.edLine + s.mlLine + "— nl/witness/1 " + base64.StdEncoding.EncodeToString(line) + "\n"
	got, err := translog.OpenCosigned([]byte(msg), s.key, k)
	if err != nil || len(got.Cosignatures) != 0 {
		t.Errorf("OpenCosigned = %+v, %v, want no cosignature", got.Cosignatures, err)
	}
	if _, err := translog.OpenCosignedExact([]byte(msg), s.key, k); err == nil {
		t.Error("OpenCosignedExact kept an undated line")
	}
}

func FuzzOpenCosigned(f *testing.F) {
	s := newSigned(f)
	w := newCosigner(f, "nl/witness/1", translog.Ed25519)
	good := s.text + s.edLine + s.mlLine + cosign(f, w, s.c, noon)
	f.Add([]byte(good))
	f.Add([]byte(good + strings.SplitAfter(good, "\n")[6]))
	f.Add([]byte(s.text + s.mlLine + s.edLine))
	f.Fuzz(func(t *testing.T, msg []byte) {
		c, err := translog.OpenCosigned(msg, s.key, w.Key())
		if err != nil {
			return
		}
		if c.Checkpoint != s.c || len(c.Cosignatures) > 1 {
			t.Errorf("%q opened to %+v", msg, c)
		}
		again, err := translog.OpenCosignedExact(c.Note(), s.key, w.Key())
		if err != nil || !slices.EqualFunc(again.Cosignatures, c.Cosignatures, func(a, b translog.Cosignature) bool {
			return bytes.Equal(a.Line(), b.Line())
		}) {
			t.Errorf("canonical note of %q: %v", msg, err)
		}
	})
}

// renamedKey is the Ed25519 cosigner key vkey under another name, with a right id.
func renamedKey(t *testing.T, vkey, name string) string {
	t.Helper()
	key := strings.SplitN(vkey, "+", 3)[2]
	raw, err := base64.StdEncoding.DecodeString(key)
	fatalIfErr(t, err)
	return name + "+" + keyID(name, raw[0], raw[1:]) + "+" + key
}
