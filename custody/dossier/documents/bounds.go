package documents

import (
	"fmt"
	"slices"
)

// bounded returns the facts with texts and lists cut to what documents hold. Each cut
// says that it is one.
func bounded(f *Facts) *Facts {
	g := *f
	if n := len(g.Acts); n > MaxActs {
		g.Acts, g.more = g.Acts[:MaxActs], n-MaxActs
	}
	if n := len(g.Stamps); n > maxItems {
		g.Stamps, g.moreStamps = g.Stamps[:maxItems], n-maxItems
	}
	g.Acts = slices.Clone(g.Acts)
	for i := range g.Acts {
		a := &g.Acts[i]
		a.Says, a.Signed = cut(a.Says), cut(a.Signed)
		if len(a.RestsOn) > 8 {
			a.RestsOn = append(slices.Clone(a.RestsOn[:8]), "more")
		}
	}
	g.Notes, g.NotProved, g.Suspensions = capped(g.Notes), capped(g.NotProved), capped(g.Suspensions)
	g.Packages = slices.Clone(g.Packages)
	files, size, paper := int64(maxFiles), int64(maxFileBytes), int64(maxPrinted)
	for i := range g.Packages {
		p := &g.Packages[i]
		p.Why, p.Doubts = cut(p.Why), capped(p.Doubts)
		if p.Opened == nil {
			continue
		}
		if p.listed = p.Opened.Files <= files && p.Listing <= size; p.listed {
			files, size = files-p.Opened.Files, size-p.Listing
		}
		if p.printed = p.listed && p.Opened.Files <= paper; p.printed {
			paper -= p.Opened.Files
		}
	}
	return &g
}

// maxItems is how many items of a list of sentences are shown.
const maxItems = 500

func capped(list []string) []string {
	out := make([]string, 0, min(len(list), maxItems))
	for i, s := range list {
		if i == maxItems {
			return append(out, fmt.Sprintf("and %d more, which comity-verify tells", len(list)-i))
		}
		out = append(out, cut(s))
	}
	return out
}

// cut shortens a text, and says so.
func cut(s string) string {
	n := 0
	for at := range s {
		if n++; n > maxText {
			return fmt.Sprintf("%s… (cut here: %d bytes more, which comity-verify tells)", s[:at], len(s)-at)
		}
	}
	return s
}
