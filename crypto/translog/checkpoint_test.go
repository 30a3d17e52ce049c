package translog_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"comity.example/comity/crypto/translog"
	"golang.org/x/mod/sumdb/note"
)

func newKey(t testing.TB, name string) (note.Signer, note.Verifier) {
	t.Helper()
	skey, vkey, err := translog.GenerateKey(name)
	fatalIfErr(t, err)
	s, err := translog.ParseSigner(skey, name)
	fatalIfErr(t, err)
	v, err := translog.ParseVerifier(vkey, name)
	fatalIfErr(t, err)
	return s, v
}

func TestCheckpoint(t *testing.T) {
	s, v := newKey(t, origin)
	l := newLog(t, 9)
	for size := range 10 {
		c := l.checkpoint(t, size)
		msg, err := translog.Sign(c, s)
		fatalIfErr(t, err)
		for _, open := range []func([]byte, string, note.Verifier) (translog.Checkpoint, error){translog.Open, translog.OpenExact} {
			got, err := open(msg, origin, v)
			fatalIfErr(t, err)
			if got != c {
				t.Errorf("opened %+v, want %+v", got, c)
			}
		}
		for i := range msg {
			m := bytes.Clone(msg)
			m[i] ^= 1
			if _, err := translog.OpenExact(m, origin, v); err == nil {
				t.Errorf("size %d: byte %d of %q changed and opened", size, i, msg)
			}
		}
	}
}

// TestC2SPExample opens no signature, only checks that our text is the one in
// the specification.
func TestC2SPExample(t *testing.T) {
	root, err := base64.StdEncoding.DecodeString("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
	fatalIfErr(t, err)
	c := translog.Checkpoint{Origin: "example.com/behind-the-sofa", Size: 20852163, Root: [32]byte(root)}
	want := "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	if c.Text() != want {
		t.Errorf("Text = %q, want %q", c.Text(), want)
	}
}

// TestCheckpointText gives texts that the log's own key has signed: even a
// dishonest log has one spelling for a tree head.
func TestCheckpointText(t *testing.T) {
	const root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
	s, v := newKey(t, origin)
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{origin + "\n7\n" + root + "\n", true},
		{origin + "\n9007199254740991\n" + root + "\n", true},
		{origin + "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", true},
		{origin + "\n0\n" + root + "\n", false},
		{origin + "\n07\n" + root + "\n", false},
		{origin + "\n+7\n" + root + "\n", false},
		{origin + "\n-7\n" + root + "\n", false},
		{origin + "\n7 \n" + root + "\n", false},
		{origin + "\n0x7\n" + root + "\n", false},
		{origin + "\n\n" + root + "\n", false},
		{origin + "\n9007199254740992\n" + root + "\n", false},
		{origin + "\n4611686018427387905\n" + root + "\n", false},
		{origin + "\n99999999999999999999\n" + root + "\n", false},
		{origin + "\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n", false}, // stray bits
		{origin + "\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n", false},  // no padding
		{origin + "\n7\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n", false}, // other alphabet
		{origin + "\n7\nAAAA\n", false},
		{origin + "\n7\n" + root + "\nextension\n", false},
		{origin + "\n7\n" + root + "\n\n", false},
		{origin + "\n7\n", false},
		{"\n7\n" + root + "\n", false},
		{"other.example\n7\n" + root + "\n", false},
		{origin + "/\n7\n" + root + "\n", false},
		{" " + origin + "\n7\n" + root + "\n", false},
	} {
		msg, err := note.Sign(&note.Note{Text: c.text}, s)
		fatalIfErr(t, err)
		if _, err := translog.Open(msg, origin, v); (err == nil) != c.ok {
			t.Errorf("Open(%q) = %v, want accepted: %v", c.text, err, c.ok)
		}
	}
}

func TestCheckpointSignatures(t *testing.T) {
	s, v := newKey(t, origin)
	s2, v2 := newKey(t, "nl/witness/1")
	impostor, _ := newKey(t, origin)
	c := newLog(t, 3).checkpoint(t, 3)
	sign := func(signers ...note.Signer) string {
		msg, err := note.Sign(&note.Note{Text: c.Text()}, signers...)
		fatalIfErr(t, err)
		return string(msg)
	}
	one := sign(s)
	line := one[strings.LastIndex(one, "—"):]
	for _, c := range []struct {
		name      string
		msg       string
		ok, exact bool
	}{
		{"the log", one, true, true},
		{"log and witness", sign(s, s2), true, false},
		{"log and impostor", sign(s, impostor), true, false},
		{"twice", one + line, true, false},
		{"stray base64 bits", loosen(t, one), true, false},
		{"witness alone", sign(s2), false, false},
		{"impostor alone", sign(impostor), false, false},
		{"nobody", c.Text() + "\n", false, false},
		{"no blank line", c.Text() + line, false, false},
		{"no newline", strings.TrimSuffix(one, "\n"), false, false},
		{"text after", one + "more\n", false, false},
		{"carriage returns", strings.ReplaceAll(one, "\n", "\r\n"), false, false},
		{"too long", one + strings.Repeat(line, translog.MaxCheckpointBytes/len(line)), false, false},
		{"empty", "", false, false},
	} {
		if _, err := translog.Open([]byte(c.msg), origin, v); (err == nil) != c.ok {
			t.Errorf("%s: Open = %v, want accepted: %v", c.name, err, c.ok)
		}
		if _, err := translog.OpenExact([]byte(c.msg), origin, v); (err == nil) != c.exact {
			t.Errorf("%s: OpenExact = %v, want accepted: %v", c.name, err, c.exact)
		}
	}
	if _, err := translog.Open([]byte(sign(s2)), origin, v2); err == nil {
		t.Error("Open took a key that is not named like the origin")
	}
}

// loosen sets one of the unused bits of the last signature's base64.
func loosen(t *testing.T, msg string) string {
	t.Helper()
	i := strings.LastIndex(msg, "=\n") - 1
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	n := strings.IndexByte(alphabet, msg[i])
	loose := msg[:i] + alphabet[n+1:n+2] + msg[i+1:]
	if n < 0 || loose == msg {
		t.Fatalf("no padding in %q", msg)
	}
	return loose
}

func TestSignRefuses(t *testing.T) {
	s, _ := newKey(t, origin)
	good := newLog(t, 3).checkpoint(t, 3)
	for name, change := range map[string]func(*translog.Checkpoint){
		"other origin": func(c *translog.Checkpoint) { c.Origin = "other.example" },
		"no origin":    func(c *translog.Checkpoint) { c.Origin = "" },
		"negative":     func(c *translog.Checkpoint) { c.Size = -1 },
		"too large":    func(c *translog.Checkpoint) { c.Size = translog.MaxSize + 1 },
		"empty tree":   func(c *translog.Checkpoint) { c.Size = 0 },
	} {
		c := good
		change(&c)
		if msg, err := translog.Sign(c, s); err == nil {
			t.Errorf("%s: signed %q", name, msg)
		}
	}
}

func TestKeys(t *testing.T) {
	skey, vkey, err := translog.GenerateKey(origin)
	fatalIfErr(t, err)
	if _, err := translog.ParseVerifier(vkey, "relay.example2"); err == nil {
		t.Error("ParseVerifier took a key of another name")
	}
	if _, err := translog.ParseSigner(skey, "relay.example2"); err == nil {
		t.Error("ParseSigner took a key of another name")
	}
	_, err = translog.ParseSigner(skey+"x", origin)
	if err == nil || strings.Contains(err.Error(), skey[len(skey)-20:]) {
		t.Errorf("ParseSigner of a malformed key = %v, want an error without the key", err)
	}
	name, rest, _ := strings.Cut(vkey, "+")
	hash, key, _ := strings.Cut(rest, "+")
	if upper := strings.ToUpper(hash); upper != hash {
		if _, err := translog.ParseVerifier(name+"+"+upper+"+"+key, origin); err == nil {
			t.Error("ParseVerifier took an upper-case hash")
		}
	}
	for _, bad := range []string{"", "+", "++", vkey + "\n", name + "+" + hash, name + "+00000000+" + key, skey, name + "+" + hash + "+" + key[:8] + "\n" + key[8:]} {
		if _, err := translog.ParseVerifier(bad, origin); err == nil {
			t.Errorf("ParseVerifier(%q) succeeded", bad)
		}
	}
	for _, bad := range []string{"", "a b", "a+b", "a\nb", "é", strings.Repeat("a", translog.MaxOrigin+1)} {
		if _, _, err := translog.GenerateKey(bad); err == nil {
			t.Errorf("GenerateKey(%q) succeeded", bad)
		}
	}
}

// anySigner accepts and makes any signature, so that the fuzzer reaches the
// text behind it.
type anySigner struct{}

func (anySigner) Name() string                { return origin }
func (anySigner) KeyHash() uint32             { return 0x01020304 }
func (anySigner) Verify(msg, sig []byte) bool { return true }
func (anySigner) Sign([]byte) ([]byte, error) { return []byte("signature"), nil }

func FuzzOpen(f *testing.F) {
	for _, size := range []int{0, 1, 5} {
		msg, err := translog.Sign(newLog(f, 5).checkpoint(f, size), anySigner{})
		fatalIfErr(f, err)
		f.Add(msg)
		f.Add(bytes.Replace(msg, []byte("\n\n"), []byte("\nextension\n\n"), 1))
	}
	sig := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, 0x0102030405060708))
	f.Add([]byte(origin + "\n+1\n\n\n— " + origin + " " + sig + "\n"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		c, err := translog.Open(msg, origin, anySigner{})
		if err == nil && !bytes.HasPrefix(msg, []byte(c.Text()+"\n— ")) {
			t.Errorf("Open(%q) read %q", msg, c.Text())
		}
		if _, exact := translog.OpenExact(msg, origin, anySigner{}); exact == nil && err != nil {
			t.Errorf("OpenExact took what Open refused: %v", err)
		}
	})
}
