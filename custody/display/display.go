// Package display makes text that others chose, such as file names of exhibits,
// harmless to the terminal of whoever reads it: an officer, a judge.
//
// It refuses what people do not read: control characters of both sets (ESC, DEL,
// U+009B), the invisible characters that turn the direction of writing (U+202E makes
// "gpj.exe" of "exe.jpg"), zero-width and private ones, and bytes that are not UTF-8.
// They are written as escapes, so that they are seen and nothing is lost. It cannot
// tell apart letters of two scripts that look alike.
package display

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns text of several lines with everything hostile written as %q writes
// it. Line ends stay; a tab becomes a blank. Text of Text changes nothing more.
func Text(s string) string {
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

// Line is Text for one line: its line ends are escaped too.
func Line(s string) string { return strings.ReplaceAll(Text(s), "\n", `\n`) }

// JSON returns a JSON text, as encoding/json writes it, with every hostile character
// written as an escape of JSON, which means the same. Outside strings there are
// none.
func JSON(s string) string {
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

// hostile reports whether a character is not one that people read. Categories Cf
// (U+202E and its kin, zero-width joiners) and Co are not printable for unicode.
func hostile(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
