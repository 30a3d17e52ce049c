package display_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"comity.example/comity/custody/display"
)

func TestText(t *testing.T) {
	for _, tt := range []struct{ in, text, line string }{
		{"plain äöü 証拠 \"quoted\"", "plain äöü 証拠 \"quoted\"", "plain äöü 証拠 \"quoted\""},
		{"a\nb", "a\nb", `a\nb`},
		{"a\tb", "a b", "a b"},
		{"data/\u009b2J", `data/\u009b2J`, `data/\u009b2J`},
		{"\x1b[2J", `\x1b[2J`, `\x1b[2J`},
		{"\x7f", `\x7f`, `\x7f`},
		{"a\rb", `a\rb`, `a\rb`},
		{"\u202egpj.exe", `\u202egpj.exe`, `\u202egpj.exe`},
		{"\u2066x\u2069\u200b\ufeff", `\u2066x\u2069\u200b\ufeff`, `\u2066x\u2069\u200b\ufeff`},
		{"\u2028", `\u2028`, `\u2028`},
		{"\U000e0041", `\U000e0041`, `\U000e0041`},
		{"\xff", `\xff`, `\xff`},
	} {
		if got := display.Text(tt.in); got != tt.text {
			t.Errorf("Text(%+q) = %+q, want %+q", tt.in, got, tt.text)
		}
		if got := display.Line(tt.in); got != tt.line {
			t.Errorf("Line(%+q) = %+q, want %+q", tt.in, got, tt.line)
		}
	}
}

// FuzzDisplay: nothing hostile is left, twice is as good as once, and a JSON text
// means the same.
func FuzzDisplay(f *testing.F) {
	for _, s := range []string{"", "data/a", "\u202e\u009b\x7f", "\U000e0041 \U0001f600", "\xff\n\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := display.Text(s)
		harmless(t, text)
		if display.Text(text) != text {
			t.Errorf("Text twice of %+q is another", s)
		}
		b, err := json.MarshalIndent(map[string]string{"k": s}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		safe := display.JSON(string(b))
		harmless(t, safe)
		var got, want map[string]string
		if json.Unmarshal([]byte(safe), &got) != nil || json.Unmarshal(b, &want) != nil || got["k"] != want["k"] {
			t.Errorf("JSON(%+q) reads as %+q", b, got["k"])
		}
	})
}

func harmless(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }) {
		t.Errorf("%+q is not harmless", s)
	}
}
