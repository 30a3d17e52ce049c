package seal_test

import (
	"bytes"
	"strings"
	"testing"

	"comity.example/comity/crypto/seal"
	"filippo.io/age"
)

// header returns a whole head with these stanza lines.
func header(stanzas ...string) []byte {
	mac := strings.Repeat("A", 43)
	return []byte("age-encryption.org/v1\n" + strings.Join(stanzas, "") + "--- " + mac + "\n" + "0123456789abcdef")
}

// stanza returns a stanza in the form of ours with a share of encLen base64
// characters of zero bits and a body of bodyLen.
func stanza(kind string, encLen, bodyLen int) string {
	return "-> " + kind + " " + strings.Repeat("A", encLen) + "\n" + strings.Repeat("A", bodyLen) + "\n"
}

func TestCheckHead(t *testing.T) {
	const ok = "mlkem768x25519"
	good := stanza(ok, 1494, 43)
	_, r := newKey(t)
	s, err := seal.NewSealer(0, r)
	fatalIfErr(t, err)
	made := s.Head()
	for _, tt := range []struct {
		name string
		head []byte
		want int // 0 if refused
	}{
		{"made by age", made, 1},
		{"one", header(good), 1},
		{"64", header(strings.Repeat(good, 64)), 64},
		{"65", header(strings.Repeat(good, 65)), 0},
		{"none", header(), 0},
		{"empty", nil, 0},
		{"long nonce", append(bytes.Clone(made), 0), 0},
		{"short nonce", made[:len(made)-1], 0},
		{"no nonce", made[:len(made)-16], 0},
		{"cut header", made[:1000], 0},
		{"grease", header("-> grease\n\n", good), 0},
		{"classic", header("-> X25519 ajtqAvDEkVNr2B7zUOtq2mAQXDSBlNrVAuM/dKb5sT4\n" + strings.Repeat("A", 43) + "\n"), 0},
		{"classic beside ours", header(good, "-> X25519 ajtqAvDEkVNr2B7zUOtq2mAQXDSBlNrVAuM/dKb5sT4\n"+strings.Repeat("A", 43)+"\n"), 0},
		{"scrypt", header("-> scrypt bBjlhJVYZeE4aqUdmtRHfw 15\n" + strings.Repeat("A", 43) + "\n"), 0},
		{"upper case", header(stanza("MLKEM768X25519", 1494, 43)), 0},
		{"hybrid tag", header(stanza("mlkem768p256tag", 1494, 43)), 0},
		{"short share", header(stanza(ok, 1492, 43)), 0},
		{"long share", header(stanza(ok, 1496, 43)), 0},
		{"two arguments", header(stanza(ok+" AAAA", 1494, 43)), 0},
		{"no argument", header("-> " + ok + "\n" + strings.Repeat("A", 43) + "\n"), 0},
		{"share not base64", header(strings.Replace(good, "AAAA", "A_A=", 1)), 0},
		{"short body", header(stanza(ok, 1494, 42)), 0},
		{"long body", header(stanza(ok, 1494, 44)), 0},
		{"CRLF", bytes.Replace(made, []byte("\n"), []byte("\r\n"), 1), 0},
		{"version 2", bytes.Replace(made, []byte("/v1"), []byte("/v2"), 1), 0},
		{"armor", []byte("-----BEGIN AGE ENCRYPTED FILE-----\n"), 0},
		{"more than MaxHead", header(stanza("x", seal.MaxHead, 43)), 0},
	} {
		n, err := seal.CountRecipients(tt.head)
		if n != tt.want || (err == nil) != (tt.want > 0) {
			t.Errorf("%s: CountRecipients = %d, %v; want %d", tt.name, n, err, tt.want)
		}
		if err := seal.CheckHead(tt.head); (err == nil) != (tt.want > 0) {
			t.Errorf("%s: CheckHead = %v", tt.name, err)
		} else if err != nil && len(err.Error()) > 400 {
			t.Errorf("%s: error has %d bytes", tt.name, len(err.Error()))
		}
	}
}

func FuzzCheckHead(f *testing.F) {
	_, r := newKey(f)
	s, err := seal.NewSealer(0, r, r)
	fatalIfErr(f, err)
	f.Add(s.Head())
	f.Add(header(stanza("mlkem768x25519", 1494, 43)))
	f.Add(header("-> grease\n\n"))
	f.Add(header(stanza("X25519", 43, 43)))
	f.Add([]byte("age-encryption.org/v1\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		n, err := seal.CountRecipients(head)
		if err != nil {
			return
		}
		h, err := age.ExtractHeader(bytes.NewReader(head))
		if err != nil || !bytes.Equal(h, head[:len(head)-seal.NonceSize]) {
			t.Errorf("accepted head is not header and nonce: %v", err)
		}
		// "-" is no base64 character, so only stanzas begin a line with "-> ".
		if all, ours := bytes.Count(h, []byte("\n-> ")), bytes.Count(h, []byte("\n-> mlkem768x25519 ")); all != n || ours != n {
			t.Errorf("counted %d recipients in a head with %d stanzas, %d of our type", n, all, ours)
		}
	})
}
