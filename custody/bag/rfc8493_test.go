package bag_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"comity.example/comity/custody/bag"
)

// rfc8493 is a reader of bags that was written from RFC 8493 and from nothing of
// this package. It returns what a folder breaks of the rules, each with the section
// that has it. It knows SHA-256 alone.
func rfc8493(dir string) (broken []string) {
	r := &bagReader{dir: dir}
	r.declaration()
	r.payload()
	for _, m := range r.glob("manifest-*.txt") {
		r.payloadManifest(m)
	}
	if len(r.glob("manifest-*.txt")) == 0 {
		r.say("2.1.3", "no payload manifest")
	}
	for _, m := range r.glob("tagmanifest-*.txt") {
		r.tagManifest(m)
	}
	r.info()
	return r.broken
}

type bagReader struct {
	dir     string
	files   []string // of the payload, slash-separated, data/ first
	bytes   int64
	broken  []string
	algo    string
	entries map[string]string // of the manifest that is read: path to checksum
}

func (r *bagReader) say(section, format string, args ...any) {
	r.broken = append(r.broken, section+": "+fmt.Sprintf(format, args...))
}

func (r *bagReader) glob(pattern string) (names []string) {
	list, _ := os.ReadDir(r.dir)
	for _, f := range list {
		if ok, _ := path.Match(pattern, f.Name()); ok {
			names = append(names, f.Name())
		}
	}
	return names
}

// declaration: exactly two lines, in UTF-8 and without a byte order mark.
func (r *bagReader) declaration() {
	b, err := os.ReadFile(filepath.Join(r.dir, "bagit.txt"))
	if err != nil {
		r.say("2.1.1", "%v", err)
	}
	if !regexp.MustCompile(`^BagIt-Version: [0-9]+\.[0-9]+\r?\nTag-File-Character-Encoding: UTF-8\r?\n?$`).Match(b) {
		r.say("2.1.1", "the declaration is %q", b)
	}
}

func (r *bagReader) payload() {
	if fi, err := os.Stat(filepath.Join(r.dir, "data")); err != nil || !fi.IsDir() {
		r.say("2.1.2", "no payload directory")
		return
	}
	filepath.WalkDir(filepath.Join(r.dir, "data"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(r.dir, p)
		r.files, r.bytes = append(r.files, filepath.ToSlash(rel)), r.bytes+fi.Size()
		return err
	})
}

// manifest reads "checksum filepath" lines: at least one blank between, an asterisk
// before the path allowed, and CR, LF and % in a path, these alone, percent-encoded.
func (r *bagReader) manifest(name string) {
	r.entries = map[string]string{}
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil || !utf8.Valid(b) || bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		r.say("2.1.3", "%s is not UTF-8: %v", name, err)
	}
	_, r.algo, _ = strings.Cut(strings.TrimSuffix(name, ".txt"), "-")
	if r.algo != strings.ToLower(strings.ReplaceAll(r.algo, "-", "")) {
		r.say("2.4", "the algorithm is written %q", r.algo)
	}
	line := regexp.MustCompile(`^([0-9A-Fa-f]+)[ \t]+\*?(.+)$`)
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		m := line.FindStringSubmatch(strings.TrimSuffix(s.Text(), "\r"))
		if m == nil {
			r.say("2.1.3", "%s has the line %q", name, s.Text())
			continue
		}
		file := regexp.MustCompile(`(?i)%(0A|0D|25)`).ReplaceAllStringFunc(m[2], func(e string) string {
			c, _ := hex.DecodeString(e[1:])
			return string(c)
		})
		if strings.ContainsAny(regexp.MustCompile(`(?i)%(0A|0D|25)`).ReplaceAllString(m[2], ""), "%\r") {
			r.say("2.1.3", "%s does not encode %q", name, m[2])
		}
		if _, twice := r.entries[file]; twice {
			r.say("2.1.3", "%s lists %q twice", name, file)
		}
		if strings.HasPrefix(file, "/") || strings.HasPrefix(file, "~") || slices.Contains(strings.Split(file, "/"), "..") {
			r.say("5.1.1", "%s lists %q", name, file)
		}
		r.entries[file] = strings.ToLower(m[1])
	}
}

// checksums: every file that is listed is there and has its checksum.
func (r *bagReader) checksums(name string) {
	for file, want := range r.entries {
		b, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(file)))
		if errors.Is(err, fs.ErrNotExist) {
			r.say("3", "%s lists %q, which is not there", name, file)
		} else if sum := sha256.Sum256(b); err != nil || r.algo == "sha256" && hex.EncodeToString(sum[:]) != want {
			r.say("3", "%q has not the checksum of %s: %v", file, name, err)
		}
	}
}

func (r *bagReader) payloadManifest(name string) {
	r.manifest(name)
	for file := range r.entries {
		if !strings.HasPrefix(file, "data/") {
			r.say("2.1.3", "%s lists %q, which is no payload", name, file)
		}
	}
	for _, file := range r.files {
		if _, ok := r.entries[file]; !ok {
			r.say("3", "%s does not list %q", name, file)
		}
	}
	r.checksums(name)
}

// tagManifest: every payload manifest, no payload, no tag manifest.
func (r *bagReader) tagManifest(name string) {
	r.manifest(name)
	for _, m := range r.glob("manifest-*.txt") {
		if _, ok := r.entries[m]; !ok {
			r.say("2.2.1", "%s does not list %q", name, m)
		}
	}
	for file := range r.entries {
		if strings.HasPrefix(file, "data/") || strings.HasPrefix(file, "tagmanifest-") {
			r.say("2.2.1", "%s lists %q", name, file)
		}
	}
	r.checksums(name)
}

// info: labels and values, and the octets and streams of the payload.
func (r *bagReader) info() {
	b, err := os.ReadFile(filepath.Join(r.dir, "bag-info.txt"))
	if err != nil {
		return // optional
	}
	for line := range strings.Lines(string(b)) {
		label, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if !utf8.ValidString(line) || !ok || label == "" || strings.TrimSpace(label) != label {
			r.say("2.2.2", "bag-info.txt has the line %q", line)
		}
		if strings.EqualFold(label, "Payload-Oxum") && strings.TrimSpace(value) != fmt.Sprintf("%d.%d", r.bytes, len(r.files)) {
			r.say("2.2.2", "Payload-Oxum is %q, the payload has %d octets in %d streams", value, r.bytes, len(r.files))
		}
	}
	if len(r.glob("fetch.txt")) > 0 {
		r.say("2.2.3", "there is a fetch.txt")
	}
}

// TestRFC8493 reads our bag by the rules of the standard, names with CR, LF and %
// included, and then a bag that breaks each of them, so that the reader is one.
func TestRFC8493(t *testing.T) {
	archive, _ := write(t, tree(t, curious()), bag.Field{Label: "Source-Organization", Value: "Parquet de Zürich"})
	open := func(t *testing.T) string {
		dir, _, err := extract(t, bytes.NewReader(archive), bag.Limits{})
		fatalIfErr(t, err)
		return filepath.Join(dir, id)
	}
	if broken := rfc8493(open(t)); len(broken) > 0 {
		t.Fatalf("our bag breaks the standard:\n%s", strings.Join(broken, "\n"))
	}
	edit := func(name string, f func(string) string) func(string) error {
		return func(dir string) error {
			p := filepath.Join(dir, name)
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			return os.WriteFile(p, []byte(f(string(b))), 0o600)
		}
	}
	first := func(s string) string { return s[:strings.IndexByte(s, '\n')+1] }
	const man, tags = "manifest-sha256.txt", "tagmanifest-sha256.txt"
	for _, tt := range []struct {
		name, section string
		spoil         func(dir string) error
	}{
		{"no declaration", "2.1.1", func(d string) error { return os.Remove(filepath.Join(d, "bagit.txt")) }},
		{"a third line", "2.1.1", edit("bagit.txt", func(s string) string { return s + "x\n" })},
		{"byte order mark", "2.1.1", edit("bagit.txt", func(s string) string { return "\xef\xbb\xbf" + s })},
		{"no payload", "2.1.2", func(d string) error { return os.RemoveAll(filepath.Join(d, "data")) }},
		{"no manifest", "2.1.3", func(d string) error { return os.Remove(filepath.Join(d, man)) }},
		{"a line without checksum", "2.1.3", edit(man, func(s string) string { return "x\n" + s })},
		{"a file twice", "2.1.3", edit(man, func(s string) string { return first(s) + s })},
		{"a bare percent", "2.1.3", edit(man, func(s string) string { return strings.Replace(s, "100%25", "100%", 1) })},
		{"a tag file as payload", "2.1.3", edit(man, func(s string) string { return s + strings.Repeat("0", 64) + "  bagit.txt\n" })},
		{"a path that climbs", "5.1.1", edit(man, func(s string) string { return s + strings.Repeat("0", 64) + "  data/../x\n" })},
		{"a file that is not listed", "3", func(d string) error { return os.WriteFile(filepath.Join(d, "data", "more"), nil, 0o600) }},
		{"a file that is missing", "3", func(d string) error { return os.Remove(filepath.Join(d, "data", "plain.txt")) }},
		{"a file that differs", "3", edit("data/plain.txt", strings.ToUpper)},
		{"a tag file that differs", "3", edit("bagit.txt", func(s string) string { return strings.Replace(s, "1.0", "0.97", 1) })},
		{"a tag manifest of itself", "2.2.1", edit(tags, func(s string) string { return s + strings.Repeat("0", 64) + "  " + tags + "\n" })},
		{"a tag manifest without the manifest", "2.2.1", edit(tags, first)},
		{"a wrong count", "2.2.2", func(d string) error {
			return os.WriteFile(filepath.Join(d, "data", "more"), []byte("x"), 0o600)
		}},
		{"no label", "2.2.2", edit("bag-info.txt", func(s string) string { return "nothing\n" + s })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := open(t)
			fatalIfErr(t, tt.spoil(dir))
			broken := rfc8493(dir)
			if !slices.ContainsFunc(broken, func(s string) bool { return strings.HasPrefix(s, tt.section+": ") }) {
				t.Errorf("nothing of section %s is said: %q", tt.section, broken)
			}
		})
	}
}
