package ledger_test

import (
	"bytes"
	"errors"
	"testing"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	"filippo.io/age"
)

func newIdentity(t testing.TB) *age.HybridIdentity {
	t.Helper()
	s, _, err := seal.GenerateIdentity()
	fatalIfErr(t, err)
	id, err := seal.ParseIdentity(s)
	fatalIfErr(t, err)
	return id
}

func TestCopies(t *testing.T) {
	id := newIdentity(t)
	lines := []custody.Line{
		{Index: 7, Entry: []byte("entry"), Envelope: []byte("envelope"), Salt: statement.NewNonce()},
		{Index: 8, Entry: []byte{}, Envelope: []byte{}, Salt: statement.NewNonce()},
		{Index: 9, Entry: bytes.Repeat([]byte("e"), 70000), Envelope: bytes.Repeat([]byte("v"), 4<<20), Salt: statement.NewNonce()},
	}
	b, err := ledger.SealCopies(lines, id.Recipient())
	fatalIfErr(t, err)
	got, err := ledger.OpenCopies(b, id)
	fatalIfErr(t, err)
	if len(got) != len(lines) {
		t.Fatalf("%d lines, want %d", len(got), len(lines))
	}
	for i, l := range lines {
		if got[i].Index != l.Index || got[i].Salted() != l.Salted() {
			t.Errorf("line %d came back as another", l.Index)
		}
	}
	var none *age.NoIdentityMatchError
	if _, err := ledger.OpenCopies(b, newIdentity(t)); !errors.As(err, &none) {
		t.Errorf("OpenCopies with another identity = %v", err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"cut in a header": func(b []byte) []byte { return b[:5] },
		"cut in a file":   func(b []byte) []byte { return b[:len(b)-1] },
		"other index":     func(b []byte) []byte { b[7]++; return b },
		"changed file":    func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"huge length":     func(b []byte) []byte { b[8] = 0xff; return b },
		"huge index":      func(b []byte) []byte { b[0] = 0xff; return b },
	} {
		if _, err := ledger.OpenCopies(damage(bytes.Clone(b)), id); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if _, err := ledger.SealCopies(lines, mustX25519(t)); err == nil {
		t.Error("sealed to a recipient that is not post-quantum")
	}
}

func mustX25519(t testing.TB) age.Recipient {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	fatalIfErr(t, err)
	return id.Recipient()
}

// FuzzParseCopy checks that what parses prints as it was.
func FuzzParseCopy(f *testing.F) {
	f.Add(ledger.PlainCopy(&custody.Line{Index: 3, Entry: []byte("entry"), Envelope: []byte("envelope")}))
	f.Add(make([]byte, 44))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ledger.ParseCopy(b)
		if err != nil {
			return
		}
		if again := ledger.PlainCopy(l); !bytes.Equal(again, b) {
			t.Errorf("parsed %x, printed %x", b, again)
		}
	})
}

// FuzzOpenCopies gives a copy object by whoever can write to the store.
func FuzzOpenCopies(f *testing.F) {
	id := newIdentity(f)
	b, err := ledger.SealCopies([]custody.Line{{Index: 1, Entry: []byte("e")}, {Index: 2}}, id.Recipient())
	fatalIfErr(f, err)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		lines, err := ledger.OpenCopies(b, id)
		if err == nil && len(b) > 0 && len(lines) == 0 {
			t.Errorf("%d bytes opened as no lines", len(b))
		}
	})
}
