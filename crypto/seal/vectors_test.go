package seal_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	agetest "c2sp.org/CCTV/age"
	"comity.example/comity/crypto/seal"
	"filippo.io/age"
	"filippo.io/age/armor"
)

// A vector is one file of c2sp.org/CCTV/age, whose README defines the form.
type vector struct {
	expect  string
	payload string // hex SHA-256 of all plaintext that comes out
	fileKey []byte
	ids     []age.Identity
	armored bool
	file    []byte
}

func parseVector(t *testing.T, raw []byte) *vector {
	t.Helper()
	head, file, ok := bytes.Cut(raw, []byte("\n\n"))
	if !ok {
		t.Fatal("vector has no empty line")
	}
	v := &vector{file: file}
	compressed := false
	for line := range strings.SplitSeq(string(head), "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "expect":
			v.expect = value
		case "payload":
			v.payload = value
		case "armored":
			v.armored = true
		case "compressed":
			compressed = true
		default:
			v.secret(t, key, value)
		}
	}
	if compressed {
		z, err := zlib.NewReader(bytes.NewReader(v.file))
		fatalIfErr(t, err)
		v.file, err = io.ReadAll(z)
		fatalIfErr(t, err)
	}
	return v
}

// secret takes the header lines that hold keys.
func (v *vector) secret(t *testing.T, key, value string) {
	t.Helper()
	var err error
	switch key {
	case "file key":
		v.fileKey, err = hex.DecodeString(value)
	case "identity":
		var ids []age.Identity
		ids, err = age.ParseIdentities(strings.NewReader(value))
		v.ids = append(v.ids, ids...)
	case "passphrase":
		var id *age.ScryptIdentity
		id, err = age.NewScryptIdentity(value)
		v.ids = append(v.ids, id)
	}
	fatalIfErr(t, err)
}

// outcome names a result in the words of the vectors.
func outcome(opened bool, err error) string {
	var none *age.NoIdentityMatchError
	var arm *armor.Error
	switch {
	case err == nil:
		return "success"
	case errors.As(err, &arm):
		return "armor failure"
	case opened:
		return "payload failure"
	case errors.As(err, &none):
		return "no match"
	case strings.HasSuffix(err.Error(), "bad header MAC"):
		return "HMAC failure"
	}
	return "header failure"
}

func TestVectors(t *testing.T) {
	entries, err := fs.ReadDir(agetest.Vectors, ".")
	fatalIfErr(t, err)
	resealed := 0
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) {
			raw, err := fs.ReadFile(agetest.Vectors, e.Name())
			fatalIfErr(t, err)
			v := parseVector(t, raw)
			plain := v.checkAge(t)
			if v.armored {
				v.dearmor(t)
			}
			v.checkOpenSmall(t)
			if v.expect == "success" {
				v.checkReseal(t, plain)
				resealed++
			}
		})
	}
	if len(entries) != 147 || resealed != 26 {
		t.Errorf("%d vectors, %d sealed again; want 147 and 26", len(entries), resealed)
	}
}

// checkAge opens the vector with the age library that we open evidence with.
func (v *vector) checkAge(t *testing.T) []byte {
	var in io.Reader = bytes.NewReader(v.file)
	if v.armored {
		in = armor.NewReader(in)
	}
	r, err := age.Decrypt(in, v.ids...)
	opened := err == nil
	var plain []byte
	if opened {
		plain, err = io.ReadAll(r)
	}
	if got := outcome(opened, err); got != v.expect {
		t.Errorf("age: %s (%v), want %s", got, err, v.expect)
	}
	if sum := sha256.Sum256(plain); v.payload != "" && hex.EncodeToString(sum[:]) != v.payload {
		t.Errorf("age: released %d bytes that are not those expected", len(plain))
	}
	return plain
}

// dearmor replaces the armored file, a form that Comity has no use for, with the
// age file in it. What is not armor stays, and must be refused as it is.
func (v *vector) dearmor(t *testing.T) {
	file, err := io.ReadAll(armor.NewReader(bytes.NewReader(v.file)))
	if (err != nil) != (v.expect == "armor failure") {
		t.Errorf("armor: %v, want %s", err, v.expect)
	}
	if err == nil {
		v.file = file
	}
}

// checkOpenSmall opens the vector as we would: nothing bad may pass, and of the
// good ones exactly those whose stanzas are all of our type.
func (v *vector) checkOpenSmall(t *testing.T) {
	plain, err := seal.OpenSmall(v.file, 16<<20, v.ids...)
	header, _, _ := bytes.Cut(v.file, []byte("\n---"))
	all, ours := bytes.Count(header, []byte("\n-> ")), bytes.Count(header, []byte("\n-> mlkem768x25519 "))
	want := v.expect == "success" && all == ours
	if (err == nil) != want {
		t.Errorf("OpenSmall: %v; the vector is a %s with %d of %d stanzas of our type", err, v.expect, ours, all)
	}
	if sum := sha256.Sum256(plain); want && hex.EncodeToString(sum[:]) != v.payload {
		t.Errorf("OpenSmall: wrong plaintext of %d bytes", len(plain))
	}
}

// checkReseal seals the plaintext under the vector's key and nonce: our chunks
// must be the vector's bytes.
func (v *vector) checkReseal(t *testing.T, plain []byte) {
	header, err := age.ExtractHeader(bytes.NewReader(v.file))
	fatalIfErr(t, err)
	cut := len(header) + seal.NonceSize
	s, err := seal.NewSealerFromKey(v.file[:cut], v.fileKey, int64(len(plain)))
	fatalIfErr(t, err)
	if got := append(s.Head(), sealAll(t, s, plain)...); !bytes.Equal(got, v.file) {
		t.Error("sealed again, the file differs")
	}
}
