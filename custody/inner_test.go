package custody_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// goodInner returns an inner statement and the seal that it belongs to.
func goodInner() (custody.Inner, *custody.Seal) {
	d := statement.NewNonce
	to := []custody.RecipientRef{{ID: "de/recipient/backup", Directory: d(), Key: d()}, {ID: "de/recipient/lab", Directory: d(), Key: d()}}
	in := custody.Inner{
		Package: custody.PackageID([16]byte{1, 2, 3}), Request: d(), Sender: "nl/agent/lab-1", Recipients: to,
		HeadSHA256: d(), PayloadRoot: d(), PayloadSize: 5000, ArchiveSize: 4096, TagManifest: d(), Files: 2, Bytes: 900,
		IndexOffset: 2048, IndexSize: 300, Index: d(),
		Description: "two\nlines", Handling: []string{"sensitive"}, Examiner: "Anna K.", Issued: statement.At(time.Unix(1e9, 0)),
	}
	return in, &custody.Seal{
		Header: custody.Header{By: "nl/agent/lab-1"}, Request: in.Request, Package: in.Package,
		Recipients: append([]custody.RecipientRef(nil), to...), HeadSHA256: in.HeadSHA256, PayloadSize: in.PayloadSize, PayloadRoot: in.PayloadRoot,
	}
}

func signedInner(t *testing.T, in custody.Inner, k *keys.Private) []byte {
	t.Helper()
	env, err := custody.SignInner(in, k)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestInner(t *testing.T) {
	k := keys.Generate()
	in, seal := goodInner()
	env := signedInner(t, in, k)
	if err := custody.VerifyInner(env, k.Public(), seal); err != nil {
		t.Fatal(err)
	}
	got, sum, e, err := custody.ParseInner(env)
	if err != nil || sum != e.SHA256() || got.Description != in.Description || got.Nonce.IsZero() {
		t.Errorf("ParseInner: %+v, %s, %v", got, sum, err)
	}
	if _, other, _, _ := custody.ParseInner(signedInner(t, in, k)); other == sum {
		t.Error("two inner statements of the same fields have one hash: the nonce is missing")
	}
}

// TestInnerOfAnotherSeal: every field that both state is compared.
func TestInnerOfAnotherSeal(t *testing.T) {
	k := keys.Generate()
	in, _ := goodInner()
	for name, change := range map[string]func(s *custody.Seal){
		"package":        func(s *custody.Seal) { s.Package = custody.PackageID([16]byte{9}) },
		"request_sha256": func(s *custody.Seal) { s.Request[0] ^= 1 },
		"sender":         func(s *custody.Seal) { s.By = "nl/agent/lab-2" },
		"recipients":     func(s *custody.Seal) { s.Recipients[1].Key[0] ^= 1 },
		"head_sha256":    func(s *custody.Seal) { s.HeadSHA256[0] ^= 1 },
		"payload_root":   func(s *custody.Seal) { s.PayloadRoot[0] ^= 1 },
		"payload_size":   func(s *custody.Seal) { s.PayloadSize++ },
	} {
		_, seal := goodInner()
		seal.Request, seal.HeadSHA256, seal.PayloadRoot = in.Request, in.HeadSHA256, in.PayloadRoot
		seal.Recipients = append([]custody.RecipientRef(nil), in.Recipients...)
		change(seal)
		err := custody.VerifyInner(signedInner(t, in, k), k.Public(), seal)
		if err == nil || !strings.Contains(err.Error(), "its "+name+" is not that of the seal") {
			t.Errorf("%s: VerifyInner: %v", name, err)
		}
	}
	_, seal := goodInner()
	if err := custody.VerifyInner(signedInner(t, in, k), k.Public(), seal); err == nil {
		t.Error("VerifyInner takes the seal of another package")
	}
}

func TestInnerSignature(t *testing.T) {
	k, stranger := keys.Generate(), keys.Generate()
	in, seal := goodInner()
	env := signedInner(t, in, k)
	if err := custody.VerifyInner(env, stranger.Public(), seal); err == nil {
		t.Error("VerifyInner takes another key's signature")
	}
	e, err := statement.Parse(env)
	if err != nil {
		t.Fatal(err)
	}
	e.Sign(stranger)
	if err := custody.VerifyInner(e.Marshal(), k.Public(), seal); err == nil {
		t.Error("VerifyInner takes a second signature")
	}
	b := base64.StdEncoding.EncodeToString
	forged := bytes.Replace(env, []byte(b(e.Payload)), []byte(b(bytes.Replace(e.Payload, []byte("Anna"), []byte("Hans"), 1))), 1)
	if err := custody.VerifyInner(forged, k.Public(), seal); !errors.Is(err, keys.ErrSignature) {
		t.Errorf("VerifyInner of a changed payload: %v", err)
	}
	if err := custody.VerifyInner(statement.New(e.PayloadType, e.Payload).Marshal(), k.Public(), seal); err == nil {
		t.Error("VerifyInner takes a statement without signature")
	}
	other := statement.New("application/vnd.comity.seal.v1+json", e.Payload, k).Marshal()
	if err := custody.VerifyInner(other, k.Public(), seal); err == nil {
		t.Error("VerifyInner takes another payload type")
	}
}

func TestInnerFields(t *testing.T) {
	k := keys.Generate()
	for name, change := range map[string]func(in *custody.Inner){
		"package":            func(in *custody.Inner) { in.Package = "../x" },
		"request":            func(in *custody.Inner) { in.Request = custody.Digest{} },
		"index hash":         func(in *custody.Inner) { in.Index = custody.Digest{} },
		"index at 0":         func(in *custody.Inner) { in.IndexOffset = 0 },
		"index behind":       func(in *custody.Inner) { in.IndexOffset = in.ArchiveSize - in.IndexSize },
		"empty index":        func(in *custody.Inner) { in.IndexSize = 0 },
		"index of all":       func(in *custody.Inner) { in.IndexSize = in.ArchiveSize },
		"index overflows":    func(in *custody.Inner) { in.IndexOffset, in.IndexSize = 1<<63-1, 1<<63-1 },
		"sender":             func(in *custody.Inner) { in.Sender = "nl/officer/a" },
		"no recipients":      func(in *custody.Inner) { in.Recipients = nil },
		"recipient twice":    func(in *custody.Inner) { in.Recipients[0].ID = in.Recipients[1].ID },
		"recipient's key":    func(in *custody.Inner) { in.Recipients[0].Key = custody.Digest{} },
		"head":               func(in *custody.Inner) { in.HeadSHA256 = custody.Digest{} },
		"root":               func(in *custody.Inner) { in.PayloadRoot = custody.Digest{} },
		"tag manifest":       func(in *custody.Inner) { in.TagManifest = custody.Digest{} },
		"no archive":         func(in *custody.Inner) { in.ArchiveSize = 0 },
		"archive too long":   func(in *custody.Inner) { in.ArchiveSize = in.PayloadSize },
		"files":              func(in *custody.Inner) { in.Files = -1 },
		"bytes":              func(in *custody.Inner) { in.Bytes = in.ArchiveSize },
		"escape in text":     func(in *custody.Inner) { in.Description = "\x1b[2J" },
		"line in examiner":   func(in *custody.Inner) { in.Examiner = "a\nb" },
		"long text":          func(in *custody.Inner) { in.Description = strings.Repeat("a", 5000) },
		"handling malformed": func(in *custody.Inner) { in.Handling = []string{"Top Secret"} },
		"handling repeated":  func(in *custody.Inner) { in.Handling = []string{"a", "a"} },
		"issued":             func(in *custody.Inner) { in.Issued = custody.Time{} },
	} {
		in, _ := goodInner()
		change(&in)
		if _, err := custody.SignInner(in, k); err == nil {
			t.Errorf("%s: SignInner takes it", name)
		}
	}
}

// TestInnerJSON: what SignInner would not write, ParseInner does not read.
func TestInnerJSON(t *testing.T) {
	k := keys.Generate()
	in, _ := goodInner()
	good, err := statement.Parse(signedInner(t, in, k))
	if err != nil {
		t.Fatal(err)
	}
	for old, now := range map[string]string{
		"comity/inner/v1":                    "comity/inner/v2",
		`"files": 2`:                         `"files": 2, "more": 1`,
		`"files": 2,`:                        ``,
		`"sender": "nl/agent/lab-1"`:         `"sender": "nl/recipient/lab"`,
		`"payload_size": 5000`:               `"payload_size": 5e3`,
		`"examiner": "Anna K."`:              `"Examiner": "Anna K."`,
		"\"handling\": [\n    \"sensitive\"": "\"handling\": [\n    \"Sensitive\"",
	} {
		payload := bytes.Replace(good.Payload, []byte(old), []byte(now), 1)
		if bytes.Equal(payload, good.Payload) {
			t.Fatalf("%q is not in the payload:\n%s", old, payload)
		}
		if _, _, _, err := custody.ParseInner(statement.New(good.PayloadType, payload, k).Marshal()); err == nil {
			t.Errorf("ParseInner takes %s", now)
		}
	}
	if _, _, _, err := custody.ParseInner(make([]byte, custody.MaxInner+1)); err == nil {
		t.Error("ParseInner takes a huge envelope")
	}
}

func FuzzParseInner(f *testing.F) {
	in, seal := goodInner()
	k := keys.Generate()
	env, err := custody.SignInner(in, k)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(env)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if custody.VerifyInner(b, k.Public(), seal) == nil && !bytes.Equal(b, env) {
			t.Fatal("a second envelope verifies")
		}
	})
}
