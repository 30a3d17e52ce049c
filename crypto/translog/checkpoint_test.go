package translog_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"comity.example/comity/crypto/translog"
)

func newLogKey(t testing.TB, origin string) *translog.LogSigner {
	t.Helper()
	secret, key, err := translog.GenerateLog(origin)
	fatalIfErr(t, err)
	s, err := translog.ParseLog(secret, origin)
	fatalIfErr(t, err)
	if !s.Key().Equal(key) {
		t.Fatal("the key that was read is not the one that was made")
	}
	return s
}

func TestCheckpoint(t *testing.T) {
	s := newLogKey(t, origin)
	l := newLog(t, 9)
	for size := range 10 {
		c := l.checkpoint(t, size)
		msg, err := translog.Sign(c, s, noon)
		fatalIfErr(t, err)
		for _, open := range []func([]byte, string, *translog.LogKey) (translog.Checkpoint, error){translog.Open, translog.OpenExact} {
			got, err := open(msg, origin, s.Key())
			fatalIfErr(t, err)
			if got != c {
				t.Errorf("opened %+v, want %+v", got, c)
			}
		}
		for i := 0; i < len(msg); i += 1 + i/300*size { // all of the text; of the long signature some
			m := bytes.Clone(msg)
			m[i] ^= 1
			if _, err := translog.OpenExact(m, origin, s.Key()); err == nil {
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

// TestCheckpointText gives texts that a dishonest log could sign: there is one
// spelling for a tree head.
func TestCheckpointText(t *testing.T) {
	const root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
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
		if _, err := translog.ParseText(c.text, origin); (err == nil) != c.ok {
			t.Errorf("reading %q: %v, want accepted: %v", c.text, err, c.ok)
		}
	}
}

func TestCheckpointSignatures(t *testing.T) {
	s := newSigned(t)
	impostor := newLogKey(t, origin)
	witness := cosign(t, newCosigner(t, "nl/witness/1", translog.MLDSA44), s.c, noon)
	msg, err := translog.Sign(s.c, impostor, noon)
	fatalIfErr(t, err)
	forged := strings.TrimPrefix(string(msg), s.text)
	one := s.text + s.edLine + s.mlLine
	for _, c := range []struct {
		name      string
		msg       string
		ok, exact bool
	}{
		{"the log", one, true, true},
		{"log and witness", one + witness, true, false},
		{"log and impostor", one + forged, true, false},
		{"impostor's ML-DSA line", s.text + s.edLine + strings.SplitAfter(forged, "\n")[1], false, false},
		{"twice", one + s.edLine, true, false},
		{"stray base64 bits", loosen(t, one), true, false},
		{"witness alone", s.text + witness, false, false},
		{"impostor alone", s.text + forged, false, false},
		{"nobody", s.text, false, false},
		{"no blank line", s.c.Text() + s.edLine + s.mlLine, false, false},
		{"no newline", strings.TrimSuffix(one, "\n"), false, false},
		{"text after", one + "more\n", false, false},
		{"carriage returns", strings.ReplaceAll(one, "\n", "\r\n"), false, false},
		{"too long", one + strings.Repeat(s.edLine, translog.MaxCheckpointBytes/len(s.edLine)), false, false},
		{"empty", "", false, false},
	} {
		if _, err := translog.Open([]byte(c.msg), origin, s.key); (err == nil) != c.ok {
			t.Errorf("%s: Open = %v, want accepted: %v", c.name, err, c.ok)
		}
		if _, err := translog.OpenExact([]byte(c.msg), origin, s.key); (err == nil) != c.exact {
			t.Errorf("%s: OpenExact = %v, want accepted: %v", c.name, err, c.exact)
		}
	}
	if _, err := translog.Open([]byte(one), "other.example", s.key); err == nil {
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
	s := newLogKey(t, origin)
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
		if msg, err := translog.Sign(c, s, noon); err == nil {
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

func TestLogKeys(t *testing.T) {
	secret, key, err := translog.GenerateLog(origin)
	fatalIfErr(t, err)
	ed, ml := key.Strings()
	if again, err := translog.ParseLogKey(ed, ml, origin); err != nil || !again.Equal(key) || again.Origin() != origin {
		t.Errorf("ParseLogKey of its own strings: %v", err)
	}
	_, other, err := translog.GenerateLog(origin)
	fatalIfErr(t, err)
	if _, otherML := other.Strings(); key.Equal(other) || otherML == ml {
		t.Error("two keys are one")
	}
	_, foreign, err := translog.GenerateLog("relay.example2")
	fatalIfErr(t, err)
	foreignEd, foreignML := foreign.Strings()
	for _, bad := range [][2]string{{"", ml}, {ed, ""}, {ml, ed}, {ed, ed}, {ml, ml}, {foreignEd, ml}, {ed, foreignML}, {ed + "\n", ml}, {ed, ml + " "}} {
		if _, err := translog.ParseLogKey(bad[0], bad[1], origin); err == nil {
			t.Errorf("ParseLogKey(%.60q, %.60q) succeeded", bad[0], bad[1])
		}
	}
	lines := strings.Split(secret, "\n")
	for _, bad := range []string{"", lines[0], lines[1], lines[1] + "\n" + lines[0], secret + "\n", lines[0] + "\n" + lines[1] + "x"} {
		_, err := translog.ParseLog(bad, origin)
		if err == nil || strings.Contains(err.Error(), lines[0][len(lines[0])-20:]) || strings.Contains(err.Error(), lines[1][len(lines[1])-20:]) {
			t.Errorf("ParseLog of a malformed key = %v, want an error without the key", err)
		}
	}
	if _, err := translog.ParseLog(secret, "relay.example2"); err == nil {
		t.Error("ParseLog took a key of another name")
	}
}

func FuzzCheckpointText(f *testing.F) {
	for _, size := range []int{0, 1, 5} {
		text := newLog(f, 5).checkpoint(f, size).Text()
		f.Add(text)
		f.Add(text + "extension\n")
	}
	f.Add(origin + "\n+1\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := translog.ParseText(text, origin)
		if err == nil && c.Text() != text {
			t.Errorf("%q reads as %q", text, c.Text())
		}
	})
}
