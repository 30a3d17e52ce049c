package law

import (
	"slices"
	"strings"
	"testing"
)

// TestTable: every row has a source, codes are distinct, and a form asks for something.
func TestTable(t *testing.T) {
	tab := Get()
	var codes []string
	for _, i := range tab.Instruments {
		codes = append(codes, i.Code)
		if i.Title == "" || i.Cite == "" {
			t.Errorf("instrument %q lacks title or source", i.Code)
		}
	}
	for _, f := range tab.Forms {
		codes = append(codes, "form "+f.Code)
		if f.Title == "" || f.Cite == "" || len(f.Sections) == 0 {
			t.Errorf("form %q lacks title, source or sections", f.Code)
		}
		for _, s := range f.Sections {
			if s.Mark == "" || s.Asks == "" || len(s.From) == 0 {
				t.Errorf("form %q: section %+v", f.Code, s)
			}
		}
	}
	slices.Sort(codes)
	if n := len(codes); len(slices.Compact(codes)) != n {
		t.Errorf("codes repeat: %q", codes)
	}
}

func TestParseRefuses(t *testing.T) {
	if _, err := parse([]byte("instruments:\n  - {code: x, tilte: y}\n")); err == nil || !strings.Contains(err.Error(), "tilte") {
		t.Errorf("an unknown key: %v", err)
	}
}
