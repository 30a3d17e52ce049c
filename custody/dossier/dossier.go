// Package dossier is one file that proves, offline and years later, the whole
// path of one request: who asked whom, who granted what, what was sent, taken and
// receipted. It holds the records of the request, of both authorities and of the
// relay, each entry with its inclusion proof against one signed checkpoint, and,
// if a party made it who opened a package, that package's inner statement and
// manifests.
//
//	VERIFY.txt                                 rendered: how to check it with common tools
//	case.jsonld                                rendered: as CASE/UCO
//	checkpoint                                 signed note of the relay's log, one signature
//	checkpoints/SIZE                           an earlier one, or of the same size, that others vouch for
//	checkpoints/SIZE.proof                     that the main one continues it: a hash a line, base64
//	dossier.json                               {"_type", "relay", "request", "documents"}
//	packages/ID/index.txt                      of the bag, if it is not too long: it tells the sizes of files
//	packages/ID/inner.json                     DSSE envelope of the inner statement
//	packages/ID/manifest-sha256.txt            of the bag
//	packages/ID/tagmanifest-sha256.txt
//	records/authority-NAME/SEQ/entry.json      exact bytes
//	records/authority-NAME/SEQ/envelope.json   exact bytes
//	records/authority-NAME/SEQ/proof           "index N", then one hash a line, base64
//	records/authority-NAME/SEQ/salt            64 hexadecimal digits
//	records/authority-NAME/SEQ/statement.json  the payload of the envelope, to be read
//	records/relay/SEQ/…                        likewise
//	records/request/SEQ/…                      likewise, or in place of an entry that is not shown:
//	records/request/SEQ/gap.json               {"_type", "salted", "reason", "by"}: what the log holds there, and why it is not shown
//	records/request/SEQ/proof                  as of an entry
//	renewals/SEQ/token.tsr                     time stamp over all bytes of the dossier as it was without it
//	timeline.html, timeline.pdf                rendered: for a judge
//	transfer.json, transfer.pdf                rendered: for the official system
//	tokens/SIZE-N.tsr                          time stamp over checkpoints/SIZE, RFC 3161, N from 0
//
// The six rendered files are there all or not at all, and dossier.json names their form;
// they are derived from the others (package documents), and Verify derives them again.
// SEQ is six digits, from 000000 without a gap. Each file but the manifests and
// the payloads ends in one line feed. The files stand in bytewise order of their
// names in a zip archive (APPNOTE 6.3) of stored members without extra fields,
// comments or data descriptors, dated 1980-01-01: given the contents, the bytes
// of a dossier are unique.
//
// It refuses everything else: Read encodes again what it has read and compares,
// so that a moved byte, a member more or less, another order, time or compression
// all fail. Nothing in a dossier is compressed, so none can expand. Verify takes
// no key on trust but the pinned ones, and answers "origin not checked" without
// pins; of a dossier with gaps it never says "verified". The package opens no file and no connection and asks no clock.
package dossier

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"comity.example/comity/custody"
)

const (
	// MaxSize is the largest dossier in bytes.
	MaxSize = 1 << 30
	// MaxFiles is the largest number of members of the archive: some 13,000
	// entries. The zip format without its 64-bit extension holds no more.
	MaxFiles = 65535
	// MaxIndex is the longest index of a bag that a dossier carries, in bytes: some
	// 60,000 files. It tells their sizes; names and hashes stand in the manifest anyway.
	MaxIndex = 8 << 20
)

// Dossier is the content of the file. Reading one verifies nothing: Verify does.
type Dossier struct {
	Relay      string // origin
	Request    string // the request's id
	Checkpoint []byte // signed note
	Records    map[custody.RecordID][]Line
	Packages   map[string]Contents // by package id; empty if the maker opened none
	Documents  *Documents          // rendered; nil: none
	Earlier    map[int64]Earlier   // checkpoints that time stamps vouch for, by size
	Renewals   [][]byte            // time stamps, each over all that was there before it
}

// Line is one entry of a record with its place in the log, and the RFC 6962 audit
// path from there to the checkpoint's root.
type Line struct {
	custody.Line
	Proof []tlog.Hash
}

// Contents is what a recipient or the sender can add on a package it opened.
type Contents struct {
	Inner       []byte // DSSE envelope of the inner statement
	Manifest    []byte // manifest-sha256.txt
	TagManifest []byte // tagmanifest-sha256.txt
	Index       []byte // index.txt of the bag, at most MaxIndex bytes; nil: the sizes of single files are not told
}

// Write writes the one form of d. It checks that d has such a form, and nothing
// of what Verify checks. After an error what w got is no dossier.
func Write(w io.Writer, d *Dossier) error {
	files, err := d.files()
	if err != nil {
		return fmt.Errorf("writing dossier: %w", err)
	}
	if err := writeZip(w, files); err != nil {
		return fmt.Errorf("writing dossier: %w", err)
	}
	return nil
}

// ErrFormat is what errors of Read wrap when the bytes are no dossier, as against
// bytes that could not be read.
var ErrFormat = errors.New("not in the form of a dossier")

// Read reads a dossier of size bytes, and only the form that Write gives it. It
// holds all of it in memory, at most MaxSize bytes, and never more than r has.
func Read(r io.ReaderAt, size int64) (*Dossier, error) {
	if size > MaxSize {
		return nil, fmt.Errorf("reading dossier: %d bytes, more than %d: %w", size, MaxSize, ErrFormat)
	}
	// What r fails with is kept aside: whatever else goes wrong, goes wrong by form.
	in := &source{r: r}
	d, err := readForm(in, size)
	switch {
	case in.err != nil:
		return nil, fmt.Errorf("reading dossier: %w", in.err)
	case err != nil:
		return nil, fmt.Errorf("reading dossier: %v: %w", err, ErrFormat)
	}
	return d, nil
}

func readForm(r io.ReaderAt, size int64) (*Dossier, error) {
	files, err := readZip(r, size)
	if err != nil {
		return nil, err
	}
	d, err := parse(files)
	if err != nil {
		return nil, err
	}
	c := &comparer{r: r, size: size}
	err = Write(c, d)
	if errors.Is(err, errDiffers) || err == nil && c.off != size {
		return nil, fmt.Errorf("byte %d is not what belongs there", c.off)
	}
	return d, err
}

// source notes the first error that is not the end of the file.
type source struct {
	r   io.ReaderAt
	err error
}

// ReadAt implements io.ReaderAt.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.r.ReadAt(p, off)
	if err != nil && err != io.EOF && s.err == nil {
		s.err = err
	}
	return n, err
}

var errDiffers = errors.New("bytes differ")

// comparer is a writer that only accepts what r has.
type comparer struct {
	r    io.ReaderAt
	size int64
	off  int64 // up to here it is the same
	buf  [32 << 10]byte
}

// Write implements io.Writer.
func (c *comparer) Write(p []byte) (n int, err error) {
	for n < len(p) {
		have := c.buf[:min(int64(len(c.buf)), int64(len(p)-n), c.size-c.off)]
		if len(have) == 0 {
			return n, errDiffers
		}
		if _, err := io.ReadFull(io.NewSectionReader(c.r, c.off, int64(len(have))), have); err != nil {
			return n, fmt.Errorf("reading again: %w", err)
		}
		for i := range have {
			if have[i] != p[n+i] {
				c.off += int64(i)
				return n + i, errDiffers
			}
		}
		n += len(have)
		c.off += int64(len(have))
	}
	return n, nil
}
