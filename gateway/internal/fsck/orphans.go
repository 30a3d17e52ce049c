package fsck

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/deliver"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
)

// ageHeader begins every age file (c2sp.org/age).
var ageHeader = []byte("age-encryption.org/v1\n")

// checkObjects walks the keys of the store and names what nothing explains.
func (c *checker) checkObjects(ctx context.Context) error {
	bound := map[custody.Digest]bool{}
	erased := map[custody.Digest]bool{}
	for id, a := range c.annexes {
		if a.erasedWhole() {
			erased[id.sha] = true
		} else {
			bound[id.sha] = true
		}
	}
	for key, err := range c.cfg.Store.List(ctx, "") {
		if err != nil {
			return fmt.Errorf("listing the store: %v", err)
		}
		c.report.Counts.Objects++
		area, path, _ := strings.Cut(key, "/")
		switch area {
		case "log":
			err = c.checkLogObject(ctx, key, path)
		case "records":
			err = c.checkCopies(ctx, key, path)
		case "payloads":
			c.explainPayload(key)
		case "heads":
			c.explainHead(key)
		case "annexes":
			err = c.explainAnnex(ctx, key, bound, erased)
		default:
			c.found(CodeOrphan, objectAt(key), "the store has no such area")
		}
		if err != nil {
			return err
		}
	}
	c.copiesMissing(math.MaxInt64)
	return nil
}

// explainPayload names a payload that is not of a deposit. That of an open package
// may be whole: the rules refused its seal in the end, and another may come.
func (c *checker) explainPayload(key string) {
	o, known := c.owners[key]
	switch {
	case o.seal:
	case !known:
		c.found(CodeOrphan, objectAt(key), "no row knows it")
	case o.state == records.Open || o.state == records.Sealing:
		c.note(NoteCompleted, objectAt(key), "it is whole, and package %q is %s", o.id, o.state)
	case o.state == records.Abandoned:
		c.found(CodeOrphan, objectAt(key), "package %q was given up: the next start frees it", o.id)
	case !c.unknown: // sealed, and its entry is not there: named already
		c.found(CodeOrphan, objectAt(key), "package %q is %s, and its entry does not name it", o.id, o.state)
	}
}

// explainHead names a head or inner file that should not be here: before its
// sender has let it go in the log, no relay may have it.
func (c *checker) explainHead(key string) {
	o, known := c.owners[key]
	switch {
	case o.seal:
	case !known:
		c.found(CodeOrphan, objectAt(key), "no row knows it")
	case !c.unknown:
		c.found(CodeHeadEarly, objectAt(key), "package %q is not unlocked", o.id)
	}
}

// explainAnnex looks at an annex that no statement binds. One that is what its name
// says is what a refused statement, an expired proposal or a crash before the entry
// left: nobody can read it.
func (c *checker) explainAnnex(ctx context.Context, key string, bound, erased map[custody.Digest]bool) error {
	sha, err := statement.ParseDigest(key[strings.LastIndexByte(key, '/')+1:])
	if err != nil || deliver.AnnexKey(sha) != key {
		c.found(CodeOrphan, objectAt(key), "no annex has that name")
		return nil
	}
	if bound[sha] || c.waiting[sha] {
		return nil // see checkAnnexes
	}
	if erased[sha] {
		c.found(CodeErased, objectAt(key), "an entry says that it was erased, and it is here")
		return nil
	}
	data, _, err := c.get(ctx, key, objects.MaxPut)
	if err != nil || data == nil {
		return err
	}
	if digestOf(data) != sha || !bytes.HasPrefix(data, ageHeader) {
		c.found(CodeOrphan, objectAt(key), "no statement binds it, and it is not what its name says")
		return nil
	}
	c.note(NoteUnbound, objectAt(key), "of a statement that did not enter the log")
	return nil
}

// checkUploads compares the uploads that the store holds with the rows, if the
// store can list them.
func (c *checker) checkUploads(ctx context.Context) error {
	l, ok := c.cfg.Store.(Uploader)
	if !ok {
		return nil
	}
	for u, err := range l.Uploads(ctx) {
		if err != nil {
			return fmt.Errorf("listing uploads: %v", err)
		}
		o, known := c.owners[u.Key]
		switch {
		case !known:
			c.unknownUpload(u)
		case o.state == records.Abandoned:
			c.note(NoteLeftover, uploadAt(u), "package %q was given up: the next start frees it", o.id)
		case o.state == records.Sealed:
			c.found(CodeOrphan, uploadAt(u), "package %q is sealed", o.id)
		}
	}
	return nil
}

// unknownUpload looks at an upload that no row names: it may be of a reservation
// that a crash left between its row and its uploads. Head and payload of a package
// lie in folders of one name.
func (c *checker) unknownUpload(u objects.Upload) {
	folder, _, _ := strings.Cut(strings.TrimPrefix(u.Key, "payloads/"), "/payload.")
	o, known := c.owners["heads/"+folder+"/head"]
	if known && (o.state == records.Open || o.state == records.Abandoned) {
		c.note(NoteLeftover, uploadAt(u), "nobody was told of package %q: the next start frees it", o.id)
		return
	}
	c.found(CodeOrphan, uploadAt(u), "no row knows it")
}
