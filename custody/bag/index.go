package bag

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
)

// IndexHead is the first line of index.txt. It says what the columns of all other
// lines are, separated by one space each:
//
//	kind    f for a file, d for a folder
//	sha256  of the file's content, lower-case hexadecimal; - for a folder
//	offset  in the archive, in bytes, where the content begins
//	size    of the content, in bytes; 0 for a folder
//	mtime   seconds since 1970, UTC, with as many decimals as needed
//	path    as in manifest-sha256.txt: relative to the bag's folder, with the
//	        escapes of RFC 8493; it may hold spaces and ends the line
//
// Lines stand in the order of the archive. Those of files are as many as in the
// manifest, in the same order.
const IndexHead = "comity/index/v1 kind sha256 offset size mtime path\n"

// maxIndexLine is longer than any line: numbers and a path of escapes.
const maxIndexLine = 3*MaxPath + 256

// IndexRef names the index of a bag by its place in the archive.
type IndexRef struct {
	Offset int64 // of its content, in bytes
	Size   int64 // bytes
	SHA256 [32]byte
}

// Claims is what the sender of a bag signed of it, and so what a part of the
// archive is held against.
type Claims struct {
	Index             IndexRef
	TagManifestSHA256 [32]byte
	ArchiveSize       int64 // bytes without padding
	Files             int64 // below data/
	Bytes             int64 // sum of their sizes
}

// Exhibit is one item of a bag's index.
type Exhibit struct {
	Item
	Line   int      // of a file in the manifest, from 1; 0 of a folder
	Sum    [32]byte // SHA-256 of a file's content
	Offset int64    // of the content, in the archive
}

// Start is where the header of x begins in the archive of the bag id.
func (x Exhibit) Start(id string) int64 { return x.Offset - int64(len(x.entry(id).append(nil))) }

// ManifestLine is the line of a file in the manifest.
func (x Exhibit) ManifestLine() []byte {
	return Line{Sum: x.Sum, Path: dataName + x.Path}.append(nil)
}

// IndexLine is the line of x in the index.
func (x Exhibit) IndexLine() []byte { return x.append(nil) }

// Listing iterates over the lines of an index whose hash somebody has checked: it reads
// their form, and not whether they fit an archive. After an error there is nothing more.
func Listing(index []byte) iter.Seq2[Exhibit, error] {
	return func(yield func(Exhibit, error) bool) {
		rest, ok := bytes.CutPrefix(index, []byte(IndexHead))
		if !ok {
			yield(Exhibit{}, fmt.Errorf("index begins with %.80q, want %q", index, IndexHead))
			return
		}
		for len(rest) > 0 {
			line, after, ok := bytes.Cut(rest, []byte{'\n'})
			x, err := parseExhibit(line)
			if err == nil && !ok {
				err = fmt.Errorf("line %.80q has no end", line)
			}
			if !yield(x, err) || err != nil {
				return
			}
			rest = after
		}
	}
}

// append adds the line of x.
func (x Exhibit) append(b []byte) []byte {
	if x.Dir {
		b = append(b, "d - "...)
	} else {
		b = hex.AppendEncode(append(b, "f "...), x.Sum[:])
		b = append(b, ' ')
	}
	b = append(strconv.AppendInt(b, x.Offset, 10), ' ')
	b = append(strconv.AppendInt(b, x.Size, 10), ' ')
	b = append(append(b, decimal(x.ModTime)...), ' ')
	return append(appendPath(b, dataName+x.Path), '\n')
}

// parseExhibit reads a line without its LF. It is lenient and then compares: only
// our own form counts.
func parseExhibit(text []byte) (x Exhibit, err error) {
	f := strings.SplitN(string(text), " ", 6)
	if len(f) != 6 {
		return x, fmt.Errorf("%q has not six columns", text)
	}
	x.Dir = f[0] == "d"
	if !x.Dir {
		if len(f[1]) != hex.EncodedLen(len(x.Sum)) {
			return x, fmt.Errorf("%q has no SHA-256 in hexadecimal", text)
		}
		hex.Decode(x.Sum[:], []byte(f[1])) // compared below
	}
	x.Offset, _ = strconv.ParseInt(f[2], 10, 64) // likewise
	x.Size, _ = strconv.ParseInt(f[3], 10, 64)
	x.ModTime, _ = parseDecimal(f[4])
	x.ModTime = x.ModTime.UTC()
	path, ok := strings.CutPrefix(unescape(f[5]), dataName)
	if !ok {
		return x, fmt.Errorf("path %q is not below data/", f[5])
	}
	x.Path = path
	if again := x.append(nil); !bytes.Equal(again[:len(again)-1], text) {
		return x, fmt.Errorf("%q is not in the form of this format", text)
	}
	if r := x.Item.check(); r != "" {
		return x, fmt.Errorf("path %q %s", path, r)
	}
	return x, nil
}

// layout says where things stand in an archive, given its items in order. All of it
// follows from them and from where the first header begins, so no index can lie
// about an offset and be taken for one.
type layout struct {
	id     string
	off    int64 // where the next item's header begins
	lines  int64 // bytes of the index so far, without its first line
	tags   int64 // bytes of the tag manifest
	header []byte
	line   []byte
}

// item returns where the content of the next item begins.
func (l *layout) item(it Item) int64 {
	l.header = it.entry(l.id).append(l.header[:0])
	at := l.off + int64(len(l.header))
	l.off = at + it.Size + padding(it.Size)
	l.line = Exhibit{Item: it, Offset: at}.append(l.line[:0])
	l.lines += int64(len(l.line))
	return at
}

// indexSize is the length of index.txt behind the items so far.
func (l *layout) indexSize() int64 { return int64(len(IndexHead)) + l.lines }

// indexOffset is where the content of index.txt begins, behind a manifest of that
// many bytes.
func (l *layout) indexOffset(manifest int64) int64 {
	index := tagEntry(l.id, indexName, l.indexSize())
	return l.off + lengths([]entry{tagEntry(l.id, manifestName, manifest), tagEntry(l.id, tagManifestName, l.tags)}) +
		int64(len(index.append(nil)))
}

// archiveSize is the length of an archive with an index of that size there.
func archiveSize(offset, size int64) int64 { return offset + size + padding(size) + 2*blockSize }

// lengths is the length of entries in an archive, headers and padding included.
func lengths(list []entry) int64 {
	n := int64(0)
	for _, e := range list {
		n += int64(len(e.append(nil))) + e.size + padding(e.size)
	}
	return n
}

// IndexStart is where the part of the archive begins that ReadIndex reads: it goes
// to the end of the index. It is negative for an index that cannot be. A tag manifest
// takes one block with the line of acquisition.jsonld and without.
func IndexStart(id string, x IndexRef) int64 {
	return x.Offset - lengths([]entry{tagEntry(id, tagManifestName, tagManifestSize(nil))}) - int64(len(tagEntry(id, indexName, x.Size).append(nil)))
}

// ReadIndex reads the index of the bag id out of its archive, and little else: the
// tag manifest before it. It hands each item to each, in order, and returns the tag
// manifest. What each was given counts only if ReadIndex then returns no error;
// before, it is unverified.
//
// The sender signed three things that say the same, and all of them are compared:
// the index is the one of c; its offsets are those of the archive that the package
// comment describes; and the manifest that follows from it has the hash that the
// tag manifest of c lists. So an index that hides, adds or moves a file beside the
// manifest is a [*RefusedError]: the sender's word stands against itself, and
// [Extract] would refuse the whole of that archive too. Errors of ra come wrapped.
//
// Memory is constant in the number of items.
func ReadIndex(ra io.ReaderAt, id string, c Claims, each func(Exhibit) error) (tagManifest []byte, err error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	r := &indexReader{id: id, claims: c, layout: layout{id: id}}
	if r.tags, err = r.before(ra); err != nil {
		return nil, err
	}
	if err := r.lines(io.NewSectionReader(ra, c.Index.Offset, c.Index.Size), each); err != nil {
		return nil, err
	}
	return r.tags, r.end()
}

// indexReader is the state of one ReadIndex.
type indexReader struct {
	id       string
	claims   Claims
	tags     []byte // tagmanifest-sha256.txt
	layout   layout
	sequence sequence
	tally    tally
	position int
	manifest summer
	index    summer
}

func (r *indexReader) refuse(format string, args ...any) error {
	return &RefusedError{Offset: r.claims.Index.Offset, Path: r.id + "/" + indexName, Reason: fmt.Sprintf(format, args...)}
}

// before checks what the claims say of places, and reads what stands right before
// the index: the tag manifest, and the header of the index.
func (r *indexReader) before(ra io.ReaderAt) (tags []byte, err error) {
	x := r.claims.Index
	if x.Offset < 0 || x.Size < 0 || x.Offset > maxSize || x.Size > MaxIndex || archiveSize(x.Offset, x.Size) != r.claims.ArchiveSize {
		return nil, r.refuse("cannot stand at byte %d with %d bytes in an archive of %d", x.Offset, x.Size, r.claims.ArchiveSize)
	}
	for _, r.layout.tags = range []int64{tagManifestSize(nil), tagManifestSize(acquisitionLine([]byte{0}))} {
		if tags, err = r.tagManifest(ra, r.layout.tags); tags != nil || err != nil {
			break
		}
	}
	switch {
	case err != nil:
		return nil, err
	case tags == nil:
		return nil, r.refuse("does not follow a tag manifest at byte %d", x.Offset)
	case sha256.Sum256(tags) != r.claims.TagManifestSHA256:
		return nil, r.refuse("follows another tag manifest than the sender signed")
	}
	return tags, nil
}

// tagManifest reads the tag manifest of that size which stands right before the
// index; nil if none of that size does.
func (r *indexReader) tagManifest(ra io.ReaderAt, size int64) ([]byte, error) {
	x := r.claims.Index
	want := tagEntry(r.id, tagManifestName, size).append(nil)
	from := int64(len(want))
	want = append(want, make([]byte, size+padding(size))...)
	want = tagEntry(r.id, indexName, x.Size).append(want)
	start := IndexStart(r.id, x)
	if start < 0 {
		return nil, r.refuse("begins at byte %d, before a bag can", x.Offset)
	}
	got := make([]byte, len(want))
	if err := readAt(ra, got, start); err != nil {
		return nil, err
	}
	tags := bytes.Clone(got[from : from+size])
	copy(want[from:], tags)
	if !bytes.Equal(got, want) {
		return nil, nil
	}
	return tags, nil
}

// lines reads the index.
func (r *indexReader) lines(s io.Reader, each func(Exhibit) error) error {
	b := bufio.NewReaderSize(s, maxIndexLine)
	for {
		line, err := b.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err == io.EOF || err == bufio.ErrBufferFull {
			return r.refuse("line %d has no end, or is too long", r.position+1)
		}
		if err != nil {
			return fmt.Errorf("reading the index: %w", err)
		}
		r.index.Write(line)
		if r.index.size == int64(len(line)) {
			if string(line) != IndexHead {
				return r.refuse("begins with %.80q, want %q", line, IndexHead)
			}
			continue
		}
		r.position++
		x, err := parseExhibit(line[:len(line)-1])
		if err != nil {
			return r.refuse("line %d: %v", r.position, err)
		}
		if err := r.item(x); err != nil {
			return err
		}
		if !x.Dir {
			x.Line = r.tally.files
		}
		if err := each(x); err != nil {
			return err
		}
	}
}

// item checks one line against those before it.
func (r *indexReader) item(x Exhibit) error {
	if why := r.sequence.next(x.Path, x.Dir); why != "" {
		return r.refuse("line %d: path %q %s", r.position, x.Path, why)
	}
	if why := r.tally.add(x.Path, x.Dir, x.Size, Limits{}.orDefaults()); why != "" {
		return r.refuse("line %d: %s", r.position, why)
	}
	if r.position == 1 { // what stands before it has no fixed length; the end proves it
		r.layout.off = x.Offset - int64(len(x.entry(r.id).append(nil)))
	}
	if at := r.layout.item(x.Item); at != x.Offset {
		return r.refuse("line %d: path %q begins at byte %d, not at %d", r.position, x.Path, at, x.Offset)
	}
	if !x.Dir {
		r.manifest.line = Line{Sum: x.Sum, Path: dataName + x.Path}.append(r.manifest.line[:0])
		r.manifest.Write(r.manifest.line)
	}
	return nil
}

// end compares what all lines make with what the sender signed.
func (r *indexReader) end() error {
	c := r.claims
	acquisition, info, err := parseTags(r.tags)
	switch {
	case r.index.sum() != c.Index.SHA256:
		return r.refuse("is not the one that the sender signed")
	case int64(r.tally.files) != c.Files || r.tally.bytes != c.Bytes:
		return r.refuse("lists %d files of %d bytes, the sender signed %d of %d", r.tally.files, r.tally.bytes, c.Files, c.Bytes)
	case r.position > 0 && r.layout.indexOffset(r.tally.manifest) != c.Index.Offset:
		return r.refuse("does not stand where its items end")
	case err != nil:
		return r.refuse("follows a tag manifest that is none: %v", err)
	case !bytes.Equal(r.tags, tagManifest(acquisition, info, r.manifest.sum())):
		return r.refuse("lists other files than the manifest")
	}
	return nil
}

// readAt reads all of b. The end of the archive in there is a truncation.
func readAt(ra io.ReaderAt, b []byte, at int64) error {
	n, err := ra.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		return &RefusedError{Offset: at + int64(n), Reason: "the archive is truncated"}
	}
	return fmt.Errorf("reading the archive at byte %d: %w", at+int64(n), err)
}
