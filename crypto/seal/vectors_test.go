package seal_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
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
	count := map[string]int{}
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
			count[v.checkOpener(t)]++
			if v.expect == "success" {
				v.checkReseal(t, plain)
				resealed++
			}
		})
	}
	if len(entries) != 147 || resealed != 26 {
		t.Errorf("%d vectors, %d sealed again; want 147 and 26", len(entries), resealed)
	}
	want := map[string]int{
		"head of ours, success": 3, "head of ours, no match": 4, "head of ours, header failure": 2,
		"file key, success": 23, "file key, payload failure": 19,
		"head refused": 42, "no head": 54,
	}
	if !maps.Equal(count, want) {
		t.Errorf("vectors by what our opener did: %v, want %v", count, want)
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

// checkOpener opens the vector with our own opener and says how far that takes it.
// By design it takes heads of our recipient type only, and for these every result
// must be the vector's. Payloads under other heads are opened with the file key.
func (v *vector) checkOpener(t *testing.T) string {
	header, err := age.ExtractHeader(bytes.NewReader(v.file))
	if err != nil || len(v.file) < len(header)+seal.NonceSize {
		if v.expect != "header failure" && v.expect != "armor failure" {
			t.Errorf("splitting off the head: %v, want %s", err, v.expect)
		}
		return "no head"
	}
	head, payload := v.file[:len(header)+seal.NonceSize], v.file[len(header)+seal.NonceSize:]
	// The identity is tried with a payload size that is sound, since the vectors
	// expect faults of the head and of the payload apart.
	_, err = seal.NewOpener(head, seal.PayloadSize(0), v.ids...)
	if seal.CheckHead(head) == nil {
		return "head of ours, " + v.checkOpened(t, payload, err, func(size int64) (*seal.Opener, error) {
			return seal.NewOpener(head, size, v.ids...)
		})
	}
	if err == nil {
		t.Error("opened a head that CheckHead refuses")
	}
	if v.expect != "success" && v.expect != "payload failure" {
		return "head refused"
	}
	return "file key, " + v.checkOpened(t, payload, nil, func(size int64) (*seal.Opener, error) {
		return seal.NewOpenerFromKey(head, v.fileKey, size)
	})
}

// checkOpened opens the payload if the head has opened, err being nil, and demands
// the vector's result.
func (v *vector) checkOpened(t *testing.T, payload []byte, err error, opener func(size int64) (*seal.Opener, error)) string {
	opened := err == nil
	var plain []byte
	if opened {
		var o *seal.Opener
		if o, err = opener(int64(len(payload))); err == nil {
			plain, err = openAll(o, payload)
		}
	}
	got := outcome(opened, err)
	if got != v.expect {
		t.Errorf("opener: %s (%v), want %s", got, err, v.expect)
	}
	if sum := sha256.Sum256(plain); got == "success" && hex.EncodeToString(sum[:]) != v.payload {
		t.Errorf("opener: wrong plaintext of %d bytes", len(plain))
	}
	if got != "success" && plain != nil {
		t.Errorf("opener: %s, and %d bytes came out", got, len(plain))
	}
	return got
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
