package bag

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// acquisitionName is the one optional tag file. It stands after bag-info.txt, so that
// who unpacks a package knows how its exhibits were made before the first of them.
const acquisitionName = "acquisition.jsonld"

// MaxAcquisition is the largest acquisition.jsonld, in bytes. Both sides hold it in
// memory.
const MaxAcquisition = 8 << 20

// checkAcquisition says why acquisition.jsonld cannot have this content, or "". What
// the text says is the business of whoever reads it.
func checkAcquisition(b []byte) string {
	switch {
	case len(b) > MaxAcquisition:
		return fmt.Sprintf("has %d bytes, at most %d are allowed", len(b), MaxAcquisition)
	case !utf8.Valid(b):
		return "is not valid UTF-8"
	}
	return ""
}

// acquisition is the entry of acquisition.jsonld, if the bag has one.
func (p *Plan) acquisition() []entry {
	if n := len(p.inv.Acquisition); n > 0 {
		return []entry{tagEntry(p.id, acquisitionName, int64(n))}
	}
	return nil
}

// acquisitionLine is the line of acquisition.jsonld in the tag manifest, whose first
// it is, or nothing.
func acquisitionLine(content []byte) []byte {
	if len(content) == 0 {
		return nil
	}
	return Line{Sum: sha256.Sum256(content), Path: acquisitionName}.append(nil)
}

// parseTags returns what no other part of an archive repeats of a tag manifest: the
// line of acquisition.jsonld, if it has one, and the hash of bag-info.txt.
func parseTags(b []byte) (acquisition []byte, info [32]byte, err error) {
	lines, err := ParseManifest(b)
	if err == nil && len(lines) > 0 && lines[0].Path == acquisitionName {
		acquisition, lines = lines[0].append(nil), lines[1:]
	}
	if err == nil && len(lines) == 0 {
		err = errors.New("parsing tag manifest: lists nothing")
	}
	if err != nil {
		return nil, info, err
	}
	return acquisition, lines[0].Sum, nil
}

// readAcquisition reads acquisition.jsonld, or else the data folder.
func (x *extraction) readAcquisition() error {
	e, end, err := x.archive.next()
	if err != nil {
		return err
	}
	if end {
		return x.archive.refuse("the archive ends before %q", dataName)
	}
	name := dataName
	if e.name == x.id+"/"+acquisitionName {
		name = acquisitionName
	}
	if err := x.checkTag(e, name); err != nil {
		return err
	}
	if name == dataName {
		return x.mkdir(strings.TrimSuffix(e.name, "/"))
	}
	if e.size == 0 || e.size > MaxAcquisition {
		return x.archive.refuse("has %d bytes, must have 1 to %d", e.size, MaxAcquisition)
	}
	_, err = x.file(e, func(b []byte) error {
		x.found.Acquisition = append(x.found.Acquisition, b...)
		return nil
	})
	if err != nil {
		return err
	}
	if r := checkAcquisition(x.found.Acquisition); r != "" {
		return x.archive.refuse("%s", r)
	}
	return x.tagFolder(dataName)
}
