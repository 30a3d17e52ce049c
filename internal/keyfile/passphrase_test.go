package keyfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPassphraseFile(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"line", "correct horse\n", "correct horse"},
		{"no line end", "correct horse", "correct horse"},
		{"windows", "correct horse\r\n", "correct horse"},
		{"blanks stay", " correct horse \n", " correct horse "},
		{"empty", "", ""},
		{"empty line", "\n", ""},
		{"two lines", "a\nb\n", ""},
		{"two line ends", "a\n\n", ""},
		{"long", strings.Repeat("a", maxPassphrase+1), ""},
	} {
		path := filepath.Join(t.TempDir(), "passphrase")
		fatalIfErr(t, os.WriteFile(path, []byte(c.data), 0o600))
		t.Setenv(PassphraseEnv, path)
		for _, f := range []func(string) ([]byte, error){Passphrase, NewPassphrase} {
			got, err := f("nl/officer/mla-2")
			if string(got) != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
			}
		}
	}
	t.Setenv(PassphraseEnv, filepath.Join(t.TempDir(), "none"))
	if _, err := Passphrase("x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with a missing file: %v", err)
	}
}

func TestAskTwice(t *testing.T) {
	errCut := errors.New("cut off")
	for _, c := range []struct {
		name   string
		typed  []string
		want   string
		prompt int // how often it asks
	}{
		{"same", []string{"a b", "a b"}, "a b", 2},
		{"differ", []string{"a", "b"}, "", 2},
		{"empty", []string{"", ""}, "", 1},
		{"cut off at once", nil, "", 1},
		{"cut off later", []string{"a"}, "", 2},
	} {
		asked := 0
		got, err := askTwice("nl/officer/mla-2", func(prompt string) ([]byte, error) {
			asked++
			if asked > len(c.typed) {
				return nil, errCut
			}
			return []byte(c.typed[asked-1]), nil
		})
		if string(got) != c.want || (err == nil) != (c.want != "") || asked != c.prompt {
			t.Errorf("%s: %q, %v after %d prompts, want %q after %d", c.name, got, err, asked, c.want, c.prompt)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got := printable("nl/é\x1b[2J\n"); got != "nl/é\ufffd[2J\ufffd" {
		t.Errorf("printable = %q", got)
	}
}
