package dossier

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
)

// contents checks what the maker of the dossier added on packages it opened.
func (c *verifier) contents() error {
	kase := c.book.Record(custody.RecordID(c.d.Request)).Case()
	for _, id := range slices.Sorted(maps.Keys(c.d.Packages)) {
		p := kase.Package(id)
		var err error
		if p == nil {
			err = errors.New("the record holds no seal of it, or only one that rests on what is not shown")
		}
		if err := c.check(err, "contents of package %q", id); err != nil {
			return err
		}
		if err := c.opened(p, c.d.Packages[id]); err != nil {
			return err
		}
	}
	return nil
}

// opened follows the chain from the seal to the hash of each file: seal, inner
// statement, tag manifest, manifest. How far others confirm that statement, its
// standing tells.
func (c *verifier) opened(p *custody.PackageState, x Contents) error {
	err := custody.VerifyInner(x.Inner, c.senders[p.Package], p.Seal)
	if err := c.check(err, "inner statement of package %q", p.Package); err != nil {
		return err
	}
	in, sum, _, err := custody.ParseInner(x.Inner)
	if err != nil {
		return c.check(err, "inner statement of package %q", p.Package)
	}
	if err := c.check(checkTagManifest(x, in), "tag manifest of package %q", p.Package); err != nil {
		return err
	}
	if err := c.check(checkManifest(x, in), "manifest of package %q", p.Package); err != nil {
		return err
	}
	if len(x.Index) > 0 {
		if err := c.check(checkIndex(x, in), "index of package %q", p.Package); err != nil {
			return err
		}
	}
	// A receipt that names another statement fails nothing. Whoever signed it
	// answers for it, and must not be able to void what others signed.
	var received []int64
	for _, r := range p.Releases {
		if r.Receipt != nil && r.Receipt.InnerStatement == sum {
			c.passed("receipt of package %q by %q", p.Package, r.By)
		}
		if single := r.Exhibits(sum); len(single) > 0 {
			c.passed("receipt of single files of package %q by %q", p.Package, r.By)
			received = append(received, single...)
		}
	}
	slices.Sort(received)
	stands, why := standing(p, sum)
	rest, restWhy := unreceipted(p)
	c.verdict.opened[p.Package] = &Opened{
		Inner: sum, Standing: stands, Why: why, Files: in.Files, Bytes: in.Bytes, TagManifest: in.TagManifest,
		Description: in.Description, Handling: in.Handling, Examiner: in.Examiner, Issued: in.Issued, Received: slices.Compact(received), manifest: x.Manifest, index: x.Index, rest: rest, restWhy: restWhy,
	}
	return nil
}

// checkTagManifest: it is the one that the sender signed, lists the three tag
// files of a bag, and acquisition.jsonld if there is one, and has the hash of this
// manifest. The other tag files are not in a dossier: what they say of the exhibits is
// the sender's word, and the line here binds it to that.
func checkTagManifest(x Contents, in *custody.Inner) error {
	if sha256.Sum256(x.TagManifest) != in.TagManifest {
		return errors.New("the inner statement has another hash for it")
	}
	lines, err := bag.ParseManifest(x.TagManifest)
	if err != nil {
		return err
	}
	names := []string{"bag-info.txt", "bagit.txt", manifestName}
	if len(lines) > 0 && lines[0].Path == acquisitionName {
		lines = lines[1:]
	}
	if len(lines) != len(names) {
		return fmt.Errorf("it lists %d files instead of %d", len(lines), len(names))
	}
	for i, l := range lines {
		if l.Path != names[i] {
			return fmt.Errorf("it lists %q where %q was due", l.Path, names[i])
		}
		if l.Path == manifestName && l.Sum != sha256.Sum256(x.Manifest) {
			return fmt.Errorf("it has another hash for %q", manifestName)
		}
	}
	return nil
}

func checkManifest(x Contents, in *custody.Inner) error {
	n := int64(0)
	for l, err := range bag.Lines(x.Manifest) {
		if err != nil {
			return err
		}
		if !strings.HasPrefix(l.Path, "data/") {
			return fmt.Errorf("it lists %q, which is not below data/", l.Path)
		}
		n++
	}
	if n != in.Files {
		return fmt.Errorf("it lists %d files, the inner statement says %d", n, in.Files)
	}
	return nil
}

// checkIndex: it is the one that the sender signed, and lists the files of the manifest.
func checkIndex(x Contents, in *custody.Inner) error {
	if int64(len(x.Index)) != in.IndexSize || sha256.Sum256(x.Index) != in.Index {
		return errors.New("the inner statement has another hash for it")
	}
	next, stop := iter.Pull2(bag.Lines(x.Manifest))
	defer stop()
	for e, err := range bag.Listing(x.Index) {
		if err != nil {
			return err
		}
		if e.Dir {
			continue
		}
		if l, err, ok := next(); err != nil || !ok || l.Sum != e.Sum || l.Path != "data/"+e.Path {
			return fmt.Errorf("it lists %q, which is not what the manifest has there", e.Path)
		}
	}
	if l, _, ok := next(); ok {
		return fmt.Errorf("it lacks %q", l.Path)
	}
	return nil
}
