package bag

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"
)

// Problem is a name the target system cannot hold as it is.
type Problem struct {
	Path   string // below data/
	Reason string
}

// maxProblems is how many names an error lists: a hostile sender has a million.
const maxProblems = 1000

// NamesError lists the names in a bag that this system cannot hold. The
// bag itself may be perfectly good and open on another system.
type NamesError struct {
	Problems []Problem // the first of them, at most 1000
	Count    int       // all of them
}

func (e *NamesError) add(path, reason string) {
	e.Count++
	if len(e.Problems) < maxProblems {
		e.Problems = append(e.Problems, Problem{Path: path, Reason: reason})
	}
}

// Error names every path, quoted, one to a line.
func (e *NamesError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "extracting bag: %d names are not possible here:", e.Count)
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "\n\t%q: %s", p.Path, p.Reason)
	}
	if n := e.Count - len(e.Problems); n > 0 {
		fmt.Fprintf(&b, "\n\tand %d more", n)
	}
	return b.String()
}

// checkNames returns what the system goos (as in runtime.GOOS) cannot hold
// of these paths, in the order given.
func checkNames(goos string, paths []string) []Problem {
	var ps []Problem
	n := newNames(goos)
	for _, p := range paths {
		if r := n.next(p); r != "" {
			ps = append(ps, Problem{Path: p, Reason: r})
		}
	}
	return ps
}

// names checks paths one after the other. Where the file system takes
// different spellings for one name it remembers a digest of each path,
// which keeps a million of them small.
type names struct {
	goos string
	seen map[[16]byte]struct{} // nil where every spelling is its own name
}

func newNames(goos string) *names {
	n := &names{goos: goos}
	if goos == "windows" || goos == "darwin" {
		n.seen = make(map[[16]byte]struct{})
	}
	return n
}

// next says why the system cannot hold path besides those before, or "".
func (n *names) next(path string) string {
	_, base := split(path) // the folders above were checked before
	if r := n.illegal(base); r != "" {
		return r
	}
	if n.seen == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(fold(path)))
	key := [16]byte(sum[:])
	if _, ok := n.seen[key]; ok {
		return "differs from another name only in case or Unicode form"
	}
	n.seen[key] = struct{}{}
	return ""
}

// illegal says why the system refuses a name by itself, or "".
func (n *names) illegal(name string) string {
	switch n.goos {
	case "windows":
		return illegalWindows(name)
	case "darwin":
		if utf16Len(name) > 255 {
			return "is longer than 255 UTF-16 units"
		}
	default:
		if len(name) > 255 {
			return "is longer than 255 bytes"
		}
	}
	return ""
}

// illegalWindows follows Microsoft's "Naming Files, Paths, and Namespaces".
// Some of these names can be made with special paths but then not be opened
// by ordinary programs; others name a device or an alternate data stream.
func illegalWindows(name string) string {
	if i := strings.IndexFunc(name, func(r rune) bool {
		return r < 0x20 || strings.ContainsRune(`\/:*?"<>|`, r)
	}); i >= 0 {
		return fmt.Sprintf("holds the character %q", name[i])
	}
	switch {
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return "ends with a dot or a space"
	case reserved(name):
		return "is the name of a device"
	case utf16Len(name) > 255:
		return "is longer than 255 UTF-16 units"
	}
	return ""
}

// reserved tells whether Windows takes name, with or without an extension,
// for a device.
func reserved(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	port, ok := strings.CutPrefix(stem, "COM")
	if !ok {
		port, ok = strings.CutPrefix(stem, "LPT")
	}
	return ok && len([]rune(port)) == 1 && strings.Contains("0123456789¹²³", port)
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// fold maps all spellings a case-insensitive or normalising file system may
// take for one name to one string. It may map more together than a
// particular system does: refusing a pair is safe, merging one is not. A
// pair it misses still meets the exclusive creation of files.
func fold(path string) string {
	s := strings.Map(func(r rune) rune {
		low := r
		for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
			low = min(low, o)
		}
		return low
	}, norm.NFD.String(path))
	return norm.NFC.String(s)
}
