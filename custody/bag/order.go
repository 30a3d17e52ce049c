package bag

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// compare orders two paths by their components, bytewise. A folder precedes
// its content and nothing comes between them: extracted with a stock tar, a
// folder's modification time is set once, after its last file. In plain
// byte order "photos.zip" would stand between "photos" and "photos/1.jpg".
func compare(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		case a[i] < b[i]:
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}

// sequence checks paths one after the other. Because they must ascend, a
// duplicate is seen without remembering more than the path before.
type sequence struct {
	path string // the one before; "" at first, which precedes all
	dir  bool
}

// next reports why path may not follow the paths seen so far, or "".
func (s *sequence) next(path string, dir bool) string {
	if r := checkPath(path); r != "" {
		return r
	}
	if compare(path, s.path) <= 0 {
		return "stands twice or out of order"
	}
	if parent, _ := split(path); parent != "" && !s.inside(parent) {
		return "is not inside a folder of this bag"
	}
	s.path, s.dir = path, dir
	return ""
}

// inside tells whether the folder parent was listed. In component order it
// is then the path before, or a folder above that path.
func (s *sequence) inside(parent string) bool {
	if s.path == parent {
		return s.dir
	}
	return strings.HasPrefix(s.path, parent+"/")
}

// CheckPath says why path, below data/, cannot be a path inside a bag on any system.
func CheckPath(path string) error {
	if r := checkPath(path); r != "" {
		return fmt.Errorf("path %q %s", path, r)
	}
	return nil
}

// checkPath reports why path cannot be a path inside a bag on any system,
// or "".
func checkPath(path string) string {
	switch {
	case len(path) > MaxPath:
		return "is too long"
	case !utf8.ValidString(path):
		return "is not valid UTF-8"
	case strings.IndexByte(path, 0) >= 0:
		return "contains a NUL"
	case strings.Count(path, "/") >= MaxDepth:
		return "is too deep"
	}
	for c := range strings.SplitSeq(path, "/") {
		switch c {
		case "":
			return "has an empty component"
		case ".", "..":
			return "has a component . or .."
		}
	}
	return ""
}
