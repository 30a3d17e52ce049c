package bag_test

import (
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody/bag"
)

func TestCheckNames(t *testing.T) {
	long := strings.Repeat("й", 200) // 400 bytes, 200 UTF-16 units
	for _, tt := range []struct {
		paths                  []string
		linux, darwin, windows []string // refused
	}{
		{paths: []string{"a", "a/b", "é", "con1", "com", "COM10", ".hidden", "a b", "console.txt"}},
		{paths: []string{`a\b`, "c:d", "e*", "f?", `g"`, "h<", "i>", "j|", "k\n", "\x1f"},
			windows: []string{`a\b`, "c:d", "e*", "f?", `g"`, "h<", "i>", "j|", "k\n", "\x1f"}},
		{paths: []string{"CON", "nul.txt", "aux.tar.gz", "PRN ", "com1", "LPT9.x", "COM¹", "con .txt", "CONIN$", "d/nul"},
			windows: []string{"CON", "nul.txt", "aux.tar.gz", "PRN ", "com1", "LPT9.x", "COM¹", "con .txt", "CONIN$", "d/nul"}},
		{paths: []string{"dot.", "space ", "d./f"}, windows: []string{"dot.", "space "}},
		{paths: []string{"File", "file", "FILE", "d/x", "D/x", "d2", "d2/X"},
			darwin: []string{"file", "FILE", "D/x"}, windows: []string{"file", "FILE", "D/x"}},
		{paths: []string{"\u00e9", "e\u0301", "E\u0301"},
			darwin: []string{"e\u0301", "E\u0301"}, windows: []string{"e\u0301", "E\u0301"}},
		{paths: []string{"\u212a", "k"}, darwin: []string{"k"}, windows: []string{"k"}}, // Kelvin sign
		{paths: []string{long}, linux: []string{long}},
		{paths: []string{strings.Repeat("a", 255)}},
		{paths: []string{strings.Repeat("a", 256)}, linux: []string{strings.Repeat("a", 256)},
			darwin: []string{strings.Repeat("a", 256)}, windows: []string{strings.Repeat("a", 256)}},
	} {
		for goos, want := range map[string][]string{"linux": tt.linux, "darwin": tt.darwin, "windows": tt.windows} {
			var got []string
			for _, p := range bag.CheckNames(goos, tt.paths) {
				got = append(got, p.Path)
				if p.Reason == "" {
					t.Errorf("%s: no reason for %q", goos, p.Path)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("checkNames(%s, %q) refuses %q, want %q", goos, tt.paths, got, want)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	order := []string{"", "a", "a/a", "a/b", "a/b/c", "a-", "a.b", "aa", "b", "é"}
	for i, a := range order {
		for j, b := range order {
			got := bag.Compare(a, b)
			if (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("compare(%q, %q) = %d", a, b, got)
			}
		}
	}
}
