package keyfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
)

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAA\n-----END PRIVATE KEY-----"

func mustNotAsk() ([]byte, error) { return nil, errors.New("asked for a passphrase") }

func give(p string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(p), nil }
}

func TestSaveLoad(t *testing.T) {
	for name, secret := range map[string]string{
		"one line": "0123456789abcdef", "ended": "abc\n", "pem": pem + "\n", "comment": "# comity tls secret key\nx", "largest": strings.Repeat("a", MaxSecret),
	} {
		path := filepath.Join(t.TempDir(), "key")
		fatalIfErr(t, Save(path, "officer", []byte(secret), nil))
		got, err := Load(path, "officer", mustNotAsk)
		fatalIfErr(t, err)
		if string(got) != strings.TrimRight(secret, "\n") {
			t.Errorf("%s: loaded %q", name, []byte(got))
		}
		info, err := os.Stat(path)
		fatalIfErr(t, err)
		if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v", name, info.Mode())
		}
	}
}

// TestFile fixes the bytes of an unprotected file.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	fatalIfErr(t, Save(path, "tls", []byte(pem), nil))
	got, err := os.ReadFile(path)
	if want := "# comity tls secret key\n" + pem + "\n"; err != nil || string(got) != want {
		t.Errorf("file holds %q, %v, want %q", got, err, want)
	}
}

// TestProtected takes age's real work factor once.
func TestProtected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	fatalIfErr(t, Save(path, "officer", []byte("the seed"), []byte("correct horse")))
	data, err := os.ReadFile(path)
	fatalIfErr(t, err)
	if !isProtected(data) || bytes.Contains(data, []byte("the seed")) {
		t.Errorf("file holds %q", data)
	}
	header, err := io.ReadAll(armor.NewReader(bytes.NewReader(data)))
	fatalIfErr(t, err)
	if !regexp.MustCompile(`(?m)^-> scrypt \S+ 18$`).Match(header) || Weak {
		t.Errorf("a plain build protects a key with less than age's work:\n%.100q", header)
	}
	got, err := Load(path, "officer", give("correct horse"))
	if err != nil || string(got) != "the seed" {
		t.Errorf("Load = %q, %v", []byte(got), err)
	}
	if _, err := Load(path, "officer", nil); err == nil || !strings.Contains(err.Error(), "needs a passphrase") {
		t.Errorf("Load without passphrase = %v", err)
	}
	if _, err := Load(path, "officer", mustNotAsk); err == nil || !strings.Contains(err.Error(), "asked for") {
		t.Errorf("Load with a passphrase that fails = %v", err)
	}
}

// ageFile returns an armored age file for one recipient.
func ageFile(t testing.TB, text string, r age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	a := armor.NewWriter(&b)
	w, err := age.Encrypt(a, r)
	fatalIfErr(t, err)
	_, err = w.Write([]byte(text))
	fatalIfErr(t, err)
	fatalIfErr(t, w.Close())
	fatalIfErr(t, a.Close())
	return b.Bytes()
}

// scrypt returns a recipient that is cheap enough for tests.
func scrypt(t testing.TB, passphrase string, workFactor int) age.Recipient {
	t.Helper()
	r, err := age.NewScryptRecipient(passphrase)
	fatalIfErr(t, err)
	r.SetWorkFactor(workFactor)
	return r
}

func TestLoadProtectedRefuses(t *testing.T) {
	const text = "# comity officer secret key\nseed\n"
	good := ageFile(t, text, scrypt(t, "pass", 10))
	id, err := age.GenerateX25519Identity()
	fatalIfErr(t, err)
	for _, c := range []struct {
		name, passphrase string
		data             []byte
		want             string // part of the error
	}{
		{"good", "pass", good, ""},
		{"wrong passphrase", "Pass", good, "wrong passphrase"},
		{"empty passphrase", "", good, "empty"},
		{"other kind", "pass", ageFile(t, "# comity tls secret key\nseed\n", scrypt(t, "pass", 10)), `"tls"`},
		{"no kind", "pass", ageFile(t, "seed\n", scrypt(t, "pass", 10)), "not a secret key"},
		{"public key recipient", "pass", ageFile(t, text, id.Recipient()), "not encrypted to a passphrase"},
		{"cut", "pass", good[:len(good)-60], "decrypting"},
		{"text after", "pass", append(bytes.Clone(good), "x"...), "decrypting"},
		{"work factor", "pass", bytes.Clone(workFactor21(t, good)), "work factor too large"},
	} {
		path := filepath.Join(t.TempDir(), "key")
		fatalIfErr(t, os.WriteFile(path, c.data, 0o600))
		_, err := Load(path, "officer", give(c.passphrase))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: Load = %v, want %q", c.name, err, c.want)
		}
	}
}

// workFactor21 rewrites the header of an age file to ask for 2 GiB. The
// header's MAC is wrong then, which age can only see after the work.
func workFactor21(t testing.TB, file []byte) []byte {
	t.Helper()
	var plain bytes.Buffer
	_, err := plain.ReadFrom(armor.NewReader(bytes.NewReader(file)))
	fatalIfErr(t, err)
	changed := bytes.Replace(plain.Bytes(), []byte(" 10\n"), []byte(" 21\n"), 1)
	if bytes.Equal(changed, plain.Bytes()) {
		t.Fatal("no work factor in the header")
	}
	var b bytes.Buffer
	a := armor.NewWriter(&b)
	_, err = a.Write(changed)
	fatalIfErr(t, err)
	fatalIfErr(t, a.Close())
	return b.Bytes()
}

func TestSaveNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	fatalIfErr(t, Save(path, "officer", []byte("first"), nil))
	err := Save(path, "officer", []byte("second"), nil)
	if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "move the file away") {
		t.Errorf("Save over a key = %v", err)
	}
	if got, err := Load(path, "officer", nil); err != nil || string(got) != "first" {
		t.Errorf("Load = %q, %v", []byte(got), err)
	}
}

func TestSaveRefuses(t *testing.T) {
	for _, c := range []struct{ name, kind, secret string }{
		{"no kind", "", "x"}, {"upper case", "TLS", "x"}, {"blank", "a b", "x"}, {"line end", "a\n", "x"}, {"long kind", strings.Repeat("a", 33), "x"},
		{"empty", "tls", ""}, {"only line ends", "tls", "\n\n"}, {"binary", "tls", "\xff\xfe"}, {"null", "tls", "a\x00b"}, {"carriage return", "tls", "a\r\nb"},
		{"too large", "tls", strings.Repeat("a", MaxSecret+1)},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if Save(path, c.kind, []byte(c.secret), nil) == nil {
			t.Errorf("%s: saved", c.name)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: left a file: %v", c.name, err)
		}
	}
	if Save(filepath.Join(t.TempDir(), "key"), "tls", []byte("x"), []byte{}) == nil {
		t.Error("saved with an empty passphrase")
	}
}

func TestLoadRefuses(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, c := range []struct{ name, data, want string }{
		{"other kind", "# comity tls secret key\n" + secret, `"tls"`},
		{"no first line", secret + "\n" + secret, "not a secret key"},
		{"one line", secret, "not a secret key"},
		{"malformed first line", "# comity officer key\n" + secret, "malformed"},
		{"windows line ends", "# comity officer secret key\r\n" + secret + "\r\n", "malformed"},
		{"no secret", "# comity officer secret key\n\n", "empty"},
		{"control character", "# comity officer secret key\n" + secret + "\x1b", "control"},
		{"empty", "", "not a secret key"},
		{"too large", "# comity officer secret key\n" + strings.Repeat(secret, 5000), "more than 65536"},
		{"large secret", "# comity officer secret key\n" + strings.Repeat(secret, 3000), "more than 32768"},
	} {
		path := filepath.Join(t.TempDir(), "key")
		fatalIfErr(t, os.WriteFile(path, []byte(c.data), 0o600))
		_, err := Load(path, "officer", mustNotAsk)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: Load = %v, want %q", c.name, err, c.want)
		}
	}
	dir := t.TempDir()
	if _, err := Load(dir, "officer", nil); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("Load of a folder = %v", err)
	}
	if _, err := Load(filepath.Join(dir, "none"), "officer", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of a missing file = %v", err)
	}
}

func TestLoadMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes mean nothing here")
	}
	path := filepath.Join(t.TempDir(), "key")
	fatalIfErr(t, Save(path, "officer", []byte("seed"), nil))
	for mode, ok := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o620: false, 0o601: false, 0o644: false} {
		fatalIfErr(t, os.Chmod(path, mode))
		_, err := Load(path, "officer", nil)
		if ok != (err == nil) || !ok && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: Load = %v", mode, err)
		}
	}
}

func TestSecretHides(t *testing.T) {
	s := Secret("hunter2")
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("key", "s", s)
	j, err := json.Marshal(map[string]any{"s": s})
	fatalIfErr(t, err)
	shown := fmt.Sprintf("%v %s %q %x %X %d %#v %+v", s, s, s, s, s, s, s, struct{ S Secret }{s}) + s.String() + logged.String() + string(j)
	for _, bad := range []string{"hunter2", "68756e746572", "104 117", "0x68", "aHVudGVy"} {
		if strings.Contains(shown, bad) {
			t.Errorf("%q shows the secret", shown)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("# comity tls secret key\n"+pem+"\n"), "tls")
	f.Add([]byte("# comity officer secret key\n\nx"), "officer")
	f.Add([]byte("# comity  secret key\nx"), "")
	f.Fuzz(func(t *testing.T, data []byte, kind string) {
		s, err := decode(data, kind)
		if err != nil {
			return
		}
		again, err := encode(kind, s)
		if err != nil {
			t.Fatalf("encode(%q, %q) = %v", kind, []byte(s), err)
		}
		// Line ends at the end are not kept, all else is.
		if !bytes.Equal(bytes.TrimRight(again, "\n"), bytes.TrimRight(data, "\n")) {
			t.Errorf("decode(%q) encodes to %q", data, again)
		}
	})
}

// FuzzUnprotect looks for crashes and for work beyond the limit in what
// stands before the passphrase is checked.
func FuzzUnprotect(f *testing.F) {
	good := ageFile(f, "# comity tls secret key\nx\n", scrypt(f, "pass", 1))
	f.Add(good)
	f.Add(workFactor21(f, ageFile(f, "x", scrypt(f, "pass", 10))))
	f.Add([]byte(armor.Header + "\n" + armor.Footer + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		plain, err := unprotect(data, []byte("pass"), 10)
		if err == nil && string(plain) != "# comity tls secret key\nx\n" {
			t.Errorf("unprotect(%q) = %q", data, plain)
		}
	})
}
