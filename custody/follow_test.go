package custody_test

import (
	"testing"

	"comity.example/comity/custody"
)

// TestFollow: roots and directories without a record are judged as in one. A chain that
// is whole leads to what is in force; one with a piece left out, moved, of another
// history, or below its threshold leads nowhere.
func TestFollow(t *testing.T) {
	s := newStory(t)
	root1, dir1 := s.nl.root, s.nl.dir
	publish := func(f func(*story) custody.Decision) *custody.Statement {
		t.Helper()
		if d := f(s); !d.Allowed() {
			t.Fatal(d)
		}
		return s.nl.dir
	}
	dir2 := publish(publishing(revoke("nl/agent/lab-2"), 0))
	fresh := generate(3)
	s.now = s.now.Add(day)
	alone := s.sign(s.nextRoot(s.nl, fresh), fresh...)
	root2 := s.sign(s.nextRoot(s.nl, fresh), bothRoots(s.nl, fresh)...)
	s.files("", root2)
	s.nl.root, s.nl.roots = root2, fresh
	dir3 := publish(publishing(func(b *custody.Directory) { b.Root = root2.SHA256 }, 0, 1))

	list := func(l ...*custody.Statement) []*custody.Statement { return l }
	for name, tt := range map[string]struct {
		want        custody.Code
		roots, dirs []*custody.Statement
	}{
		"all":                       {custody.CodeAllowed, list(root1, root2), list(dir1, dir2, dir3)},
		"a root not published yet":  {custody.CodeAllowed, list(root1, root2), list(dir1, dir2)},
		"roots alone":               {custody.CodeAllowed, list(root1, root2), nil},
		"nothing":                   {custody.CodeRootNotPinned, nil, nil},
		"a directory left out":      {custody.CodeRollback, list(root1, root2), list(dir1, dir3)},
		"directories swapped":       {custody.CodeRollback, list(root1), list(dir2, dir1)},
		"a directory twice":         {custody.CodeFork, list(root1), list(dir1, dir1)},
		"the first root left out":   {custody.CodeRollback, list(root2), list(dir3)},
		"the second root left out":  {custody.CodeRootNotPinned, list(root1), list(dir1, dir2, dir3)},
		"roots swapped":             {custody.CodeRollback, list(root2, root1), nil},
		"a root by its keys alone":  {custody.CodeBelowThreshold, list(root1, alone), nil},
		"another authority's root":  {custody.CodeBadStatement, list(s.fr.root), nil},
		"a directory among roots":   {custody.CodeBadStatement, list(root1, dir1), nil},
		"a root among directories":  {custody.CodeBadStatement, list(root1), list(root1)},
		"another's directory":       {custody.CodeBadStatement, list(root1), list(s.fr.dir)},
		"directories without roots": {custody.CodeRootNotPinned, nil, list(dir1)},
	} {
		a, d := custody.Follow("nl", s.pins["nl"], tt.roots, tt.dirs, s.time())
		if d.Code != tt.want || (a != nil) != d.Allowed() {
			t.Errorf("%s: %s, want %s", name, d, tt.want)
		}
	}
	a, d := custody.Follow("nl", s.pins["nl"], list(root1, root2), list(dir1, dir2, dir3), s.time())
	if !d.Allowed() || a.DirectorySHA256 != dir3.SHA256 || a.RootSHA256 != root2.SHA256 {
		t.Errorf("Follow leads to another directory or root: %s", d)
	}
	if _, d := custody.Follow("nl", s.pins["fr"], list(root1), nil, s.time()); d.Code != custody.CodeRootNotPinned {
		t.Errorf("under another pin: %s", d)
	}
}
