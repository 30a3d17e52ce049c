package bag_test

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"

	"comity.example/comity/custody/bag"
)

var zeros = strings.Repeat("0", 64)

func TestParseManifest(t *testing.T) {
	good := zeros + "  data/a\n" + zeros + "  data/b%0Ac%0D%25 d\\\n"
	lines, err := bag.ParseManifest([]byte(good))
	fatalIfErr(t, err)
	if len(lines) != 2 || lines[0].Path != "data/a" || lines[1].Path != "data/b\nc\r% d\\" {
		t.Errorf("ParseManifest = %q", lines)
	}
	if lines, err := bag.ParseManifest(nil); err != nil || len(lines) != 0 {
		t.Errorf("ParseManifest of nothing = %q, %v", lines, err)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"no line end", zeros + "  a", "no line end"},
		{"empty line", "\n", "too short"},
		{"no path", zeros + "  \n", "too short"},
		{"short sum", zeros[1:] + "  abc\n", "hexadecimal"},
		{"not hexadecimal", "g" + zeros[1:] + "  a\n", "hexadecimal"},
		{"upper case", "A" + zeros[1:] + "  a\n", "form"},
		{"one space", zeros + " aa\n", "form"},
		{"binary mark", zeros + " *a\n", "form"},
		{"tab", zeros + "\t a\n", "form"},
		{"escape by sha256sum", "\\" + zeros + "  a\n", "hexadecimal"},
		{"bare percent", zeros + "  100%\n", "form"},
		{"other escape", zeros + "  %2e%2e\n", "form"},
		{"lower-case escape", zeros + "  a%0ab\n", "form"},
		{"bare CR", zeros + "  a\r\n", "form"},
		{"dots", zeros + "  data/../a\n", "component"},
		{"absolute", zeros + "  /a\n", "component"},
		{"twice", zeros + "  a\n" + zeros + "  a\n", "twice"},
		{"order", zeros + "  b\n" + zeros + "  a\n", "out of order"},
		{"not UTF-8", zeros + "  \xff\n", "UTF-8"},
	} {
		lines, err := bag.ParseManifest([]byte(tt.in))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q, error %v, want %q", tt.name, lines, err, tt.want)
		}
	}
}

func TestVerifyTagManifest(t *testing.T) {
	files := map[string][]byte{"bagit.txt": []byte("a"), "bag-info.txt": []byte("b")}
	var good []byte
	for _, name := range []string{"bag-info.txt", "bagit.txt"} {
		good = bag.AppendLine(good, bag.Line{Sum: sha256.Sum256(files[name]), Path: name})
	}
	fatalIfErr(t, bag.VerifyTagManifest(good, files))
	for _, tt := range []struct {
		name     string
		manifest []byte
		files    map[string][]byte
		want     string
	}{
		{"other content", good, map[string][]byte{"bagit.txt": []byte("x"), "bag-info.txt": []byte("b")}, `"bagit.txt" has another`},
		{"file missing", good, map[string][]byte{"bag-info.txt": []byte("b")}, `"bagit.txt" is listed`},
		{"file unlisted", good[:bytes.IndexByte(good, '\n')+1], files, `"bagit.txt" is not listed`},
		{"malformed", good[1:], files, "line 1"},
	} {
		err := bag.VerifyTagManifest(tt.manifest, tt.files)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}

// FuzzParseManifest: what is accepted is exactly what would be written.
func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(zeros + "  data/a\n" + zeros + "  data/b%0A%25\n"))
	f.Add([]byte(zeros + "  a%0a\n"))
	f.Add([]byte(zeros + " *a\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		lines, err := bag.ParseManifest(b)
		if err != nil {
			return
		}
		var again []byte
		for _, l := range lines {
			again = bag.AppendLine(again, l)
		}
		if !bytes.Equal(b, again) {
			t.Errorf("parsed %q, printed %q", b, again)
		}
	})
}
