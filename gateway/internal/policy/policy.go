// Package policy is the relay operator's own policy, written in Cedar
// (docs.cedarpolicy.com): what this relay does not carry although the parties agreed
// on it and the rule book allows it. A house that is closed at night, a size that its
// store was not bought for, an authority it has no contract with.
//
// A policy can only narrow. It is asked after custody.Decide has allowed an act, and
// about five acts alone: a request, the room for a package, a part, a seal, a release.
// Comity itself permits these; an operator writes forbids. Whatever stops, decides,
// examines or reports (revocation, suspension, recall, refusal, receipt and all others)
// is never asked about, so that no operator stands in its way.
//
// It refuses, when a set is loaded: a set without a policy; a permit, which would widen
// nothing and look as if it did; a policy without an @id, or with one that another has;
// annotations, entity types, actions and attributes that it does not know, values of
// the wrong type, and ids that no party can have. When it is asked: any act of which a
// policy cannot be evaluated. Cedar itself skips a forbid that fails; here the act is
// forbidden.
package policy

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"comity.example/comity/custody"
	"github.com/cedar-policy/cedar-go"
)

const (
	extension = ".cedar"

	// maxBytes bounds the files of a set together.
	maxBytes = 256 << 10

	// maxDepth bounds how deep brackets are nested: the parser calls itself for each.
	maxDepth = 200

	// maxPolicies bounds the time of one decision, which every part waits for.
	maxPolicies = 1000
)

// Set is the policies of an operator: loaded, checked, ready. It is immutable, and safe
// for concurrent use.
type Set struct {
	sha  custody.Digest
	list policies
}

// one is a policy of a set.
type one struct {
	id     string
	reason string // its @reason, or ""
	place  string // FILE:LINE
	policy *cedar.Policy
}

// File is one file of a set: its base name and its bytes.
type File struct {
	Name string
	Data []byte
}

// SHA256 names the set: the SHA-256 of what sha256sum prints of its files in the order
// of their names, which are taken without folders. So anybody who has the files can
// recompute it: sha256sum *.cedar | sha256sum.
func (s *Set) SHA256() custody.Digest { return s.sha }

// Len returns the number of policies.
func (s *Set) Len() int { return len(s.list) }

// Load reads a set from a file, or from the files of a folder whose names end in .cedar;
// folders in it are not looked into. Errors about what the files say are, or wrap, an
// *Error.
func Load(path string) (*Set, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading policy: %w", err)
	}
	names := []string{path}
	if info.IsDir() {
		if names, err = filepath.Glob(filepath.Join(escape(path), "*"+extension)); err != nil {
			return nil, fmt.Errorf("reading policy: %w", err)
		}
		if len(names) == 0 {
			return nil, &Error{Place: path, Why: "the folder has no file whose name ends in " + extension, Hint: hintNone}
		}
	}
	var files []File
	left := int64(maxBytes)
	for _, name := range names {
		f, err := read(name, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(f.Data))
		files = append(files, f)
	}
	return Parse(files)
}

// escape makes a path a pattern that matches itself alone.
func escape(path string) string {
	if filepath.Separator == '\\' { // where a pattern has no escapes
		return path
	}
	return regexp.MustCompile(`[\\*?\[]`).ReplaceAllString(path, `\$0`)
}

func read(name string, left int64) (File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return File{}, fmt.Errorf("reading policy: %w", err)
	}
	if info.Size() > left {
		return File{}, &Error{Place: name, Why: fmt.Sprintf("the policies have more than %d bytes together", maxBytes)}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return File{}, fmt.Errorf("reading policy: %w", err)
	}
	return File{filepath.Base(name), b}, nil
}

// fileName is a name that sha256sum prints as it is.
var fileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Parse makes a set of files. Errors are *Error, joined.
func Parse(files []File) (*Set, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	s := &Set{}
	sums, total := sha256.New(), 0
	var failed []error
	for _, f := range files {
		if !fileName.MatchString(f.Name) {
			return nil, &Error{Place: f.Name, Why: "the name of the file has other characters than letters, digits, dots, dashes and underscores"}
		}
		if total += len(f.Data); total > maxBytes {
			return nil, &Error{Place: f.Name, Why: fmt.Sprintf("the policies have more than %d bytes together", maxBytes)}
		}
		fmt.Fprintf(sums, "%x  %s\n", sha256.Sum256(f.Data), f.Name)
		failed = append(failed, s.add(f))
	}
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	if len(s.list) == 0 || len(s.list) > maxPolicies {
		place := "policy"
		if len(files) > 0 {
			place = files[0].Name
		}
		return nil, &Error{Place: place, Why: fmt.Sprintf("%d policies, want 1 to %d", len(s.list), maxPolicies), Hint: hintNone}
	}
	sums.Sum(s.sha[:0])
	slices.SortFunc(s.list, func(a, b one) int { return cmp.Compare(a.id, b.id) })
	return s, nil
}
