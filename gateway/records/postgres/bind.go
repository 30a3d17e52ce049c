package postgres

import (
	"strconv"
	"strings"
)

// bind numbers the placeholders of a query: ? becomes $1, $2 and so on. The queries of
// package records have no question mark anywhere else.
func bind(query string) string {
	var b strings.Builder
	b.Grow(len(query) + 8*strings.Count(query, "?"))
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		query = after
	}
}
