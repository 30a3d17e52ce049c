package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"filippo.io/mldsa"

	"comity.example/comity/crypto/keys"
)

func seeded(t testing.TB, b byte) *keys.Private {
	t.Helper()
	k, err := keys.NewPrivate(bytes.Repeat([]byte{b}, keys.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestVerify checks that both halves are required, whole, and of one key.
func TestVerify(t *testing.T) {
	a, b := keys.Generate(), keys.Generate()
	msg := []byte("a statement")
	ed, ml := a.Sign(msg)
	edB, mlB := b.Sign(msg)
	flip := func(s []byte, i int) []byte { s = slices.Clone(s); s[i] ^= 1; return s }
	for name, r := range map[string]struct {
		msg, ed, ml []byte
		ok          bool
	}{
		"honest":            {msg, ed, ml, true},
		"other message":     {[]byte("a statemenT"), ed, ml, false},
		"empty message":     {nil, ed, ml, false},
		"no Ed25519 half":   {msg, nil, ml, false},
		"no ML-DSA half":    {msg, ed, nil, false},
		"Ed25519 of b":      {msg, edB, ml, false},
		"ML-DSA of b":       {msg, ed, mlB, false},
		"both of b":         {msg, edB, mlB, false},
		"exchanged":         {msg, ml, ed, false},
		"Ed25519 altered":   {msg, flip(ed, 0), ml, false},
		"Ed25519 altered s": {msg, flip(ed, 40), ml, false},
		"ML-DSA altered":    {msg, ed, flip(ml, 0), false},
		"ML-DSA hint":       {msg, ed, flip(ml, len(ml)-1), false},
		"Ed25519 cut":       {msg, ed[:63], ml, false},
		"ML-DSA cut":        {msg, ed, ml[:len(ml)-1], false},
		"Ed25519 longer":    {msg, append(slices.Clone(ed), 0), ml, false},
		"ML-DSA longer":     {msg, ed, append(slices.Clone(ml), 0), false},
	} {
		err := a.Public().Verify(r.msg, r.ed, r.ml)
		if (err == nil) != r.ok || err != nil && !errors.Is(err, keys.ErrSignature) {
			t.Errorf("%s: %v, want ok %t", name, err, r.ok)
		}
	}
	if ed2, ml2 := a.Sign(msg); !bytes.Equal(ed, ed2) || bytes.Equal(ml, ml2) {
		t.Error("Ed25519 is deterministic, ML-DSA is hedged: neither holds")
	}
}

// TestMixedKey checks that a key made of two keys' halves is a third key.
func TestMixedKey(t *testing.T) {
	a, b := keys.Generate(), keys.Generate()
	mixed, err := keys.NewPublic(slices.Concat(a.Public().Bytes()[:32], b.Public().Bytes()[32:]))
	if err != nil {
		t.Fatal(err)
	}
	if mixed.ID() == a.Public().ID() || mixed.ID() == b.Public().ID() {
		t.Error("a mixed key has the id of one of its halves")
	}
	ed, ml := a.Sign([]byte("m"))
	if mixed.Verify([]byte("m"), ed, ml) == nil {
		t.Error("a mixed key verifies the signature of one")
	}
}

// TestOracle compares with filippo.io/mldsa and crypto/ed25519, both ways, from
// the same seed.
func TestOracle(t *testing.T) {
	k := keys.Generate()
	o, err := mldsa.NewPrivateKey(mldsa.MLDSA65(), k.Seed()[32:])
	if err != nil {
		t.Fatal(err)
	}
	raw := k.Public().Bytes()
	if !bytes.Equal(raw[32:], o.PublicKey().Bytes()) {
		t.Fatal("the ML-DSA-65 public keys differ")
	}
	edKey := ed25519.NewKeyFromSeed(k.Seed()[:32])
	if !bytes.Equal(raw[:32], edKey.Public().(ed25519.PublicKey)) {
		t.Fatal("the Ed25519 public keys differ")
	}
	for _, msg := range [][]byte{nil, []byte("m"), bytes.Repeat([]byte("long"), 10000)} {
		ed, ml := k.Sign(msg)
		if err := mldsa.Verify(o.PublicKey(), msg, ml, nil); err != nil {
			t.Errorf("the oracle refuses our signature of %d bytes: %v", len(msg), err)
		}
		if !ed25519.Verify(edKey.Public().(ed25519.PublicKey), msg, ed) {
			t.Errorf("crypto/ed25519 refuses our signature of %d bytes", len(msg))
		}
		theirs, err := o.Sign(nil, msg, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Public().Verify(msg, ed, theirs); err != nil {
			t.Errorf("we refuse the oracle's signature of %d bytes: %v", len(msg), err)
		}
		named, err := o.Sign(nil, msg, &mldsa.Options{Context: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if k.Public().Verify(msg, ed, named) == nil {
			t.Error("a signature under a context is accepted")
		}
	}
}

func TestPrivate(t *testing.T) {
	a := seeded(t, 1)
	if !a.Equal(seeded(t, 1)) || a.Equal(seeded(t, 2)) {
		t.Error("Equal is wrong")
	}
	if !bytes.Equal(a.Seed(), bytes.Repeat([]byte{1}, keys.SeedSize)) {
		t.Error("the seed differs")
	}
	a.Seed()[0] = 9
	if a.Seed()[0] != 1 {
		t.Error("Seed gives the key's own bytes away")
	}
	for _, n := range []int{0, 32, keys.SeedSize - 1, keys.SeedSize + 1} {
		if _, err := keys.NewPrivate(make([]byte, n)); err == nil {
			t.Errorf("a seed of %d bytes is accepted", n)
		}
	}
}

// TestNeverPrinted formats a key, its value, and a struct that holds it.
func TestNeverPrinted(t *testing.T) {
	k := seeded(t, 0xa7)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%T"} {
		for _, v := range []any{k, *k, struct{ K keys.Private }{*k}, []any{k}, keys.Private{}} {
			s := strings.ToLower(fmt.Sprintf(verb, v))
			for _, secret := range []string{"a7a7", "167 167", "0xa7, 0xa7", "247 247"} {
				if strings.Contains(s, secret) {
					t.Errorf("%s of %T prints the seed", verb, v)
				}
			}
		}
	}
	if got, want := fmt.Sprint(k), "private key "+k.Public().ID().String(); got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

// TestParsePublic checks that one key has one text.
func TestParsePublic(t *testing.T) {
	p := keys.Generate().Public()
	s := p.String()
	got, err := keys.ParsePublic(s)
	if err != nil || got.ID() != p.ID() || got.String() != s || got.ID() != keys.ID(sha256.Sum256(p.Bytes())) {
		t.Fatalf("read back: %v", err)
	}
	prefix, b64, _ := strings.Cut(s, ":")
	raw := p.Bytes()
	enc := base64.StdEncoding.EncodeToString
	for name, bad := range map[string]string{
		"empty": "", "no prefix": b64, "other prefix": "ed25519:" + b64, "capital prefix": strings.ToUpper(prefix) + ":" + b64, "no key": prefix + ":",
		"cut": s[:len(s)-4], "longer": prefix + ":" + enc(append(raw, 0)), "one half": prefix + ":" + enc(raw[:32]),
		"space before": " " + s, "line break after": s + "\n", "line break inside": s[:100] + "\n" + s[100:],
		"URL alphabet": prefix + ":" + base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, keys.PublicSize)),
		"no padding":   prefix + ":" + strings.TrimRight(enc(append(raw, 0, 0)), "="),
	} {
		if _, err := keys.ParsePublic(bad); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, n := range []int{0, 32, keys.PublicSize - 1, keys.PublicSize + 1} {
		if _, err := keys.NewPublic(make([]byte, n)); err == nil {
			t.Errorf("a public key of %d bytes is accepted", n)
		}
	}
}

// TestPublicIsItsOwn checks that a public key keeps no slice of its caller's.
func TestPublicIsItsOwn(t *testing.T) {
	k := keys.Generate()
	raw := k.Public().Bytes()
	p, err := keys.NewPublic(raw)
	if err != nil {
		t.Fatal(err)
	}
	clear(raw)
	ed, ml := k.Sign(nil)
	if err := p.Verify(nil, ed, ml); err != nil {
		t.Errorf("after the caller's bytes changed: %v", err)
	}
}

func TestParseID(t *testing.T) {
	id := keys.Generate().Public().ID()
	if got, err := keys.ParseID(id.String()); err != nil || got != id {
		t.Errorf("read back %s, %v", got, err)
	}
	for _, bad := range []string{"", "00", strings.Repeat("0", 63), strings.Repeat("0", 65), strings.Repeat("A", 64), strings.Repeat("g", 64),
		" " + strings.Repeat("0", 63), strings.Repeat("0", 62) + "é"} {
		if _, err := keys.ParseID(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// TestRootFingerprint computes the fingerprint by its formula, and once by fixed
// bytes.
func TestRootFingerprint(t *testing.T) {
	a, b, c := keys.ID{0: 1}, keys.ID{0: 1, 31: 1}, keys.ID{0: 0xff}
	text := "636f6d6974792f726f6f742d6b6579732f763100" + "02" + // comity/root-keys/v1, a zero byte, the threshold
		"01" + strings.Repeat("00", 31) + "01" + strings.Repeat("00", 30) + "01" + "ff" + strings.Repeat("00", 31)
	input, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(input)
	for _, order := range [][]keys.ID{{a, b, c}, {c, b, a}, {b, c, a}} {
		given := slices.Clone(order)
		if got, err := keys.RootFingerprint(2, order); err != nil || got != want {
			t.Errorf("in order %v: %x, %v, want %x", order, got, err, want)
		}
		if !slices.Equal(given, order) {
			t.Error("the caller's list was sorted")
		}
	}
	if other, _ := keys.RootFingerprint(1, []keys.ID{a, b, c}); other == want {
		t.Error("another threshold has the same fingerprint")
	}
	for name, r := range map[string]struct {
		threshold int
		ids       []keys.ID
	}{
		"none": {1, nil}, "zero": {0, []keys.ID{a}}, "negative": {-1, []keys.ID{a}}, "too many needed": {2, []keys.ID{a}},
		"twice": {1, []keys.ID{a, b, a}}, "256 keys": {1, make([]keys.ID, 256)}, "threshold 257": {257, make([]keys.ID, 257)},
	} {
		if _, err := keys.RootFingerprint(r.threshold, r.ids); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func FuzzParsePublic(f *testing.F) {
	f.Add(keys.Generate().Public().String())
	f.Add("ed25519+ml-dsa-65:AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := keys.ParsePublic(s); err == nil && p.String() != s {
			t.Errorf("%q prints as %q", s, p)
		}
	})
}

func FuzzParseID(f *testing.F) {
	f.Add(strings.Repeat("0a", 32))
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := keys.ParseID(s); err == nil && id.String() != s {
			t.Errorf("%q prints as %q", s, id)
		}
	})
}

func FuzzVerify(f *testing.F) {
	k := seeded(f, 3)
	ed, ml := k.Sign([]byte("m"))
	f.Add([]byte("m"), ed, ml)
	// The ML-DSA half is hedged, so the worker processes of the fuzzer have other
	// ones than the one that seeds; the Ed25519 half is the same in all of them.
	f.Fuzz(func(t *testing.T, msg, ed2, ml2 []byte) {
		if k.Public().Verify(msg, ed2, ml2) == nil && !(string(msg) == "m" && bytes.Equal(ed, ed2)) {
			t.Error("a forged signature verifies")
		}
	})
}
