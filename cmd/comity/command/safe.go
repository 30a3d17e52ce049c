package command

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// safe makes text that may have come from elsewhere harmless to a terminal:
// control characters, invalid UTF-8, and the invisible characters that turn the
// direction of writing are written as %q writes them. Line ends stay; a tab
// becomes a blank.
func safe(s string) string {
	if !strings.ContainsFunc(s, hostile) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError && n == 1, hostile(r):
			q := strconv.QuoteToASCII(s[:n])
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// hostile reports whether a character is not one that people read. Categories Cf
// (U+202E and its kin, zero-width joiners) and Co are not printable for unicode.
func hostile(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }

// line is safe for one line: its line ends are escaped too.
func line(s string) string { return strings.ReplaceAll(safe(s), "\n", `\n`) }

// jsonSafe writes every character of a JSON text that is hostile to a terminal as
// an escape of JSON, which means the same. Outside strings there are none.
func jsonSafe(s string) string {
	if !strings.ContainsFunc(s, hostile) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !hostile(r) {
			b.WriteRune(r)
			continue
		}
		for _, u := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, u)
		}
	}
	return b.String()
}
