package bag

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Line is one line of a manifest.
type Line struct {
	Sum  [32]byte // SHA-256 of the content
	Path string   // relative to the bag's folder, decoded
}

// sumLen is the length of a line without its path.
const sumLen = 2*sha256.Size + len("  ") + len("\n")

// append adds the line as RFC 8493, section 2.1.3, and sha256sum(1) write
// it. RFC 8493 encodes three characters in the path and no others.
func (l Line) append(b []byte) []byte {
	b = hex.AppendEncode(b, l.Sum[:])
	b = append(b, "  "...)
	return append(appendPath(b, l.Path), '\n')
}

// appendPath adds a path with the escapes of a manifest.
func appendPath(b []byte, path string) []byte {
	for _, c := range []byte(path) {
		switch c {
		case '%', '\r', '\n':
			b = fmt.Appendf(b, "%%%02X", c)
		default:
			b = append(b, c)
		}
	}
	return b
}

// lineSize is the length of the line of path.
func lineSize(path string) int64 {
	n := sumLen + len(path)
	for _, c := range []byte(path) {
		if c == '%' || c == '\r' || c == '\n' {
			n += 2
		}
	}
	return int64(n)
}

// ParseManifest reads manifest-sha256.txt or tagmanifest-sha256.txt as this
// package writes them: lower-case hexadecimal SHA-256, two spaces, the path,
// LF; %25, %0D and %0A the only escapes and always used; paths relative,
// UTF-8, without empty, "." or ".." components, each once and in the order
// of the package comment. Anything else is an error naming the line. An
// empty manifest has no lines.
func ParseManifest(b []byte) ([]Line, error) {
	var lines []Line
	for l, err := range Lines(b) {
		if err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// Lines iterates over a manifest as ParseManifest reads it, for one of which not all
// lines are to be held. An error is the last it yields.
func Lines(b []byte) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		last := ""
		for n := 1; len(b) > 0; n++ {
			text, rest, ok := bytes.Cut(b, []byte("\n"))
			if !ok {
				yield(Line{}, fmt.Errorf("parsing manifest line %d: has no line end", n))
				return
			}
			b = rest
			l, err := parseLine(text)
			switch {
			case err != nil:
				yield(Line{}, fmt.Errorf("parsing manifest line %d: %v", n, err))
				return
			case n > 1 && compare(l.Path, last) <= 0:
				yield(Line{}, fmt.Errorf("parsing manifest line %d: path %q stands twice or out of order", n, l.Path))
				return
			}
			if last = l.Path; !yield(l, nil) {
				return
			}
		}
	}
}

// parseLine reads a line without its LF.
func parseLine(text []byte) (Line, error) {
	if len(text) < sumLen {
		return Line{}, fmt.Errorf("%q is too short", text)
	}
	var l Line
	if _, err := hex.Decode(l.Sum[:], text[:2*sha256.Size]); err != nil {
		return Line{}, fmt.Errorf("%q has no SHA-256 in hexadecimal", text)
	}
	l.Path = unescape(string(text[sumLen-1:]))
	if r := checkPath(l.Path); r != "" {
		return Line{}, fmt.Errorf("path %q %s", l.Path, r)
	}
	// One rule for case, separator and escapes: only our own form counts.
	if again := l.append(nil); !bytes.Equal(again[:len(again)-1], text) {
		return Line{}, fmt.Errorf("%q is not in the form of this format", text)
	}
	return l, nil
}

// unescape undoes the escapes of a manifest; what it leaves alone does not
// survive the comparison in parseLine.
func unescape(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	return strings.NewReplacer("%25", "%", "%0D", "\r", "%0A", "\n").Replace(path)
}

// tagManifestSize is the length in bytes of a tag manifest whose first line is that
// of acquisition.jsonld, or empty.
func tagManifestSize(acquisition []byte) int64 {
	return int64(len(acquisition) + 3*sumLen + len(bagitName) + len(infoName) + len(manifestName))
}

// tagManifest is tagmanifest-sha256.txt of a bag with these tag files.
func tagManifest(acquisition []byte, info, manifest [32]byte) []byte {
	b := Line{Sum: info, Path: infoName}.append(bytes.Clone(acquisition))
	b = Line{Sum: sha256.Sum256([]byte(bagitText)), Path: bagitName}.append(b)
	return Line{Sum: manifest, Path: manifestName}.append(b)
}

// VerifyTagManifest checks that manifest is the tag manifest of exactly
// these files, keyed by their name in the bag's folder: bag-info.txt,
// bagit.txt and manifest-sha256.txt for a bag of this package. The error
// names the first file that is missing, unlisted or different.
func VerifyTagManifest(manifest []byte, files map[string][]byte) error {
	lines, err := ParseManifest(manifest)
	if err != nil {
		return err
	}
	listed := make(map[string]bool, len(lines))
	for _, l := range lines {
		b, ok := files[l.Path]
		if !ok {
			return fmt.Errorf("verifying tag manifest: %q is listed but not there", l.Path)
		}
		if sha256.Sum256(b) != l.Sum {
			return fmt.Errorf("verifying tag manifest: %q has another SHA-256", l.Path)
		}
		listed[l.Path] = true
	}
	for _, name := range sortedNames(files) {
		if !listed[name] {
			return fmt.Errorf("verifying tag manifest: %q is not listed", name)
		}
	}
	return nil
}

func sortedNames(files map[string][]byte) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.SortFunc(names, compare)
	return names
}
