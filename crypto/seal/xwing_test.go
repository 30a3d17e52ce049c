package seal_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"comity.example/comity/crypto/seal"
	"filippo.io/age"
	"github.com/cloudflare/circl/hpke"
	"github.com/cloudflare/circl/kem/xwing"
)

// bech32Data returns the bytes in a Bech32 text, its checksum not looked at.
func bech32Data(t *testing.T, s string) []byte {
	t.Helper()
	s = strings.ToLower(s)
	s = s[strings.LastIndex(s, "1")+1 : len(s)-6]
	var out []byte
	var acc, bits uint
	for _, c := range s {
		v := strings.IndexRune("qpzry9x8gf2tvdw0s3jn54khce6mua7l", c)
		if v < 0 {
			t.Fatalf("%q is not Bech32", c)
		}
		acc, bits = acc<<5|uint(v), bits+5
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
			acc &= 1<<bits - 1
		}
	}
	return out
}

// TestSecondImplementation opens our stanza with circl's X-Wing and HPKE, which
// share no code with age: evidence must not depend on one library's life.
func TestSecondImplementation(t *testing.T) {
	id, r := newKey(t)
	seed := bech32Data(t, id.String())
	if _, pk := xwing.DeriveKeyPairPacked(seed); !bytes.Equal(pk, bech32Data(t, r.String())) {
		t.Fatal("circl derives another recipient from the identity")
	}
	plain := noise(seal.ChunkSize + 5)
	s, err := seal.NewSealer(int64(len(plain)), r)
	fatalIfErr(t, err)
	payload := sealAll(t, s, plain)

	fileKey := circlOpen(t, seed, s.Head())
	ageKey, err := age.DecryptHeader(s.Head(), id)
	fatalIfErr(t, err)
	if !bytes.Equal(fileKey, ageKey) {
		t.Error("circl opens the stanza to another file key than age")
	}
	again, err := seal.NewSealerFromKey(s.Head(), fileKey, int64(len(plain)))
	fatalIfErr(t, err)
	if !bytes.Equal(sealAll(t, again, plain), payload) {
		t.Error("the file key that circl found does not give our payload")
	}
	o, err := seal.NewOpenerFromKey(s.Head(), fileKey, int64(len(payload)))
	fatalIfErr(t, err)
	if got, err := openAll(o, payload); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("the file key that circl found opens %d bytes of our payload, %v", len(got), err)
	}
}

// circlOpen unwraps the file key of the first stanza of head.
func circlOpen(t *testing.T, seed, head []byte) []byte {
	t.Helper()
	lines := strings.SplitN(string(head), "\n", 4)
	enc, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(lines[1], "-> mlkem768x25519 "))
	fatalIfErr(t, err)
	body, err := base64.RawStdEncoding.DecodeString(lines[2])
	fatalIfErr(t, err)
	sk, err := hpke.KEM_XWING.Scheme().UnmarshalBinaryPrivateKey(seed)
	fatalIfErr(t, err)
	suite := hpke.NewSuite(hpke.KEM_XWING, hpke.KDF_HKDF_SHA256, hpke.AEAD_ChaCha20Poly1305)
	receiver, err := suite.NewReceiver(sk, []byte("age-encryption.org/mlkem768x25519"))
	fatalIfErr(t, err)
	opener, err := receiver.Setup(enc)
	fatalIfErr(t, err)
	fileKey, err := opener.Open(body, nil)
	fatalIfErr(t, err)
	return fileKey
}
