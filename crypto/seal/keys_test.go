package seal_test

import (
	"strings"
	"testing"

	"comity.example/comity/crypto/seal"
	"filippo.io/age"
)

func TestParseRecipient(t *testing.T) {
	id, r := newKey(t)
	if id.Recipient().String() != r.String() {
		t.Errorf("recipient of the identity is %s, want %s", id.Recipient(), r)
	}
	x, err := age.GenerateX25519Identity()
	fatalIfErr(t, err)
	pq := r.String()
	damaged := pq[:100] + flip(pq[100]) + pq[101:]
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", "not an age recipient"},
		{"word", "hunter2", "not an age recipient"},
		{"classic", x.Recipient().String(), "quantum"},
		{"plugin", "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "plugin"},
		{"tag", "age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e", "hardware tag"},
		{"tagpq", "age1tagpq1qqqqqqqq", "hardware tag"},
		{"ssh", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKZo lab", "SSH"},
		{"scrypt", "scrypt:hunter2", "passphrases"},
		{"damaged", damaged, "damaged"},
		{"cut", pq[:len(pq)-1], "damaged"},
		{"upper case", strings.ToUpper(pq), "not an age recipient"},
		{"mixed case", pq[:len(pq)-1] + strings.ToUpper(pq[len(pq)-1:]) + "A", "damaged"},
		{"line end", pq + "\n", "damaged"},
		{"space before", " " + pq, "not an age recipient"},
		{"identity", id.String(), "secret identity"},
		{"lower case identity", strings.ToLower(id.String()), "secret identity"},
		{"plugin identity", "AGE-PLUGIN-YUBIKEY-1QQQQ", "secret identity"},
	} {
		got, err := seal.ParseRecipient(tt.in)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, %v; want an error with %q", tt.name, got, err, tt.want)
		} else if len(err.Error()) > 250 {
			t.Errorf("%s: error has %d bytes", tt.name, len(err.Error()))
		} else if strings.Contains(strings.ToUpper(err.Error()), id.String()[30:50]) {
			t.Errorf("%s: error repeats the secret", tt.name)
		}
	}
}

// flip returns another Bech32 character than c.
func flip(c byte) string {
	if c == 'q' {
		return "p"
	}
	return "q"
}

func TestParseIdentity(t *testing.T) {
	id, r := newKey(t)
	x, err := age.GenerateX25519Identity()
	fatalIfErr(t, err)
	s := id.String()
	for _, in := range []string{
		"", x.String(), r.String(), strings.ToLower(s), s + "\n", s[:len(s)-1],
		s[:40] + strings.ToUpper(flip(s[40]|0x20)) + s[41:],
		"AGE-PLUGIN-YUBIKEY-1QQQQ", "AGE-SECRET-KEY-PQ-1",
	} {
		_, err := seal.ParseIdentity(in)
		if err == nil {
			t.Errorf("ParseIdentity of %d bytes succeeded", len(in))
		} else if strings.Contains(strings.ToUpper(err.Error()), s[45:60]) {
			t.Errorf("error repeats the secret: %v", err)
		}
	}
}

func FuzzParseRecipient(f *testing.F) {
	_, r := newKey(f)
	f.Add(r.String())
	f.Add("age1pq1qqqqqq")
	f.Add("age1tagpq1")
	f.Add("ssh-ed25519 AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := seal.ParseRecipient(s); err == nil && r.String() != s {
			t.Errorf("ParseRecipient(%q).String() = %q", s, r)
		}
	})
}

func FuzzParseIdentity(f *testing.F) {
	id, _ := newKey(f)
	f.Add(id.String())
	f.Add("AGE-SECRET-KEY-PQ-1QQQQQQ")
	f.Add("AGE-SECRET-KEY-1")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := seal.ParseIdentity(s); err == nil && id.String() != s {
			t.Errorf("ParseIdentity(%q) is another identity", s)
		}
	})
}
