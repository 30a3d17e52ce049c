package bag

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// ChangedError says that a file is no longer what the inventory says. What
// was written so far must not be sent: the source needs a new inventory.
type ChangedError struct {
	Path string // below data/
	What string // "is gone", "has grown" …
}

// Error names the file.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("reading %q: %s since the inventory was made", e.Path, e.What)
}

// Summary is what is known of a bag once it is written.
type Summary struct {
	Files             int    // files below data/
	Bytes             int64  // sum of their sizes
	TagManifest       []byte // tagmanifest-sha256.txt
	TagManifestSHA256 [32]byte
	Index             IndexRef

	plan *Plan
	sums [][32]byte // of the files, in their order
}

// WriteManifest writes manifest-sha256.txt. It is made anew each time: of a million
// files only the hashes are held.
func (s *Summary) WriteManifest(w io.Writer) error {
	var line []byte
	next := 0
	for it := range s.plan.inv.Items() {
		if it.Dir {
			continue
		}
		line = Line{Sum: s.sums[next], Path: dataName + it.Path}.append(line[:0])
		next++
		if _, err := w.Write(line); err != nil {
			return fmt.Errorf("writing the manifest: %w", err)
		}
	}
	return nil
}

// WriteIndex writes index.txt.
func (s *Summary) WriteIndex(w io.Writer) error {
	l := layout{id: s.plan.id, off: s.plan.first}
	line := []byte(IndexHead)
	next := 0
	for it := range s.plan.inv.Items() {
		x := Exhibit{Item: it, Offset: l.item(it)}
		if !it.Dir {
			x.Sum = s.sums[next]
			next++
		}
		line = x.append(line)
		if _, err := w.Write(line); err != nil {
			return err
		}
		line = line[:0]
	}
	_, err := w.Write(line) // of an empty bag, which has the first line only
	return err
}

const (
	writeBuffer = 1 << 20
	readMin     = 64 << 10  // smaller free space is flushed, not filled
	readMost    = 256 << 10 // what is hashed while it is in the processor's cache
)

// Write writes the archive to w, reading every file of src once, and
// returns what the manifests say. src is what the inventory was made
// of. All writes but the last have more than 900 KiB.
//
// A file is compared with the inventory before and after it is copied; one that
// is gone, or of a folder one that has another size, time or fingerprint or is no
// regular file any more, gives a [*ChangedError]. After any error the bytes written are
// no bag. Errors of w are returned as they are, wrapped.
func (p *Plan) Write(w io.Writer, src Source) (*Summary, error) {
	return p.WriteFrom(w, src, Mark{}, 0, nil)
}

// output is the archive while it is written. Errors of the writer stay in
// buf and come out at the next flush.
type output struct {
	w      io.Writer
	buf    *bufio.Writer
	src    Source
	header []byte // reused
	n      int64  // bytes so far, with those that an earlier run has written
	marks
}

func (o *output) write(b []byte) { o.Write(b) }

// Write implements io.Writer, for what is made while it is written. What an earlier
// run has written is left out.
func (o *output) Write(b []byte) (int, error) {
	o.pass(o.n, int64(len(b)))
	skip := min(max(o.from.At-o.n, 0), int64(len(b)))
	o.n += int64(len(b))
	_, err := o.buf.Write(b[skip:])
	return len(b), err
}

func (o *output) flush() error {
	if err := o.buf.Flush(); err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	return nil
}

func (o *output) entry(e entry) {
	o.header = e.append(o.header[:0])
	o.write(o.header)
}

func (o *output) zeros(n int64) { o.write(make([]byte, n)) }

// bytes writes a file whose content is in memory.
func (o *output) bytes(e entry, content []byte) {
	o.entry(e)
	o.write(content)
	o.zeros(padding(e.size))
}

func (o *output) head(p *Plan) {
	head := p.head()
	o.entry(head[0])
	o.bytes(head[1], []byte(bagitText))
	o.bytes(head[2], p.info)
	for _, e := range p.acquisition() {
		o.bytes(e, p.inv.Acquisition)
	}
	o.entry(head[len(head)-1])
}

// tail writes what stands after the items, each list while it is made.
func (o *output) tail(s *Summary) error {
	p := s.plan
	manifest, err := o.made(tagEntry(p.id, manifestName, p.tally.manifest), s.WriteManifest)
	if err != nil {
		return err
	}
	s.TagManifest = tagManifest(acquisitionLine(p.inv.Acquisition), sha256.Sum256(p.info), manifest)
	s.TagManifestSHA256 = sha256.Sum256(s.TagManifest)
	o.bytes(tagEntry(p.id, tagManifestName, int64(len(s.TagManifest))), s.TagManifest)
	s.Index = p.index
	s.Index.SHA256, err = o.made(tagEntry(p.id, indexName, p.index.Size), s.WriteIndex)
	o.zeros(2 * blockSize)
	return err
}

// made writes a tag file whose content a function makes, and returns its SHA-256.
func (o *output) made(e entry, content func(io.Writer) error) (sum [32]byte, err error) {
	h := sha256.New()
	o.entry(e)
	if err := content(io.MultiWriter(o, h)); err != nil {
		return sum, err
	}
	o.zeros(padding(e.size))
	h.Sum(sum[:0])
	return sum, nil
}

// put writes one item.
func (o *output) put(e entry, it *Item) error {
	if it.Dir {
		if err := o.src.Folder(*it); err != nil {
			return err
		}
		o.entry(e)
		o.item++
		return nil
	}
	f, err := o.src.Open(*it)
	if err != nil {
		return err
	}
	defer f.Close()
	return o.file(e, it, f)
}

// file copies one file.
func (o *output) file(e entry, it *Item, f Content) error {
	if err := f.Unchanged(); err != nil {
		return err
	}
	o.entry(e)
	sum, err := o.copy(it, f)
	if err != nil {
		return err
	}
	// One more read: on some network file systems the size that Stat
	// reports lags behind what can be read.
	if n, err := f.Read(make([]byte, 1)); n > 0 {
		return &ChangedError{Path: it.Path, What: "has grown"}
	} else if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %q: %w", it.Path, err)
	}
	if err := f.Unchanged(); err != nil {
		return err
	}
	o.summed(sum)
	o.zeros(padding(it.Size)) // after the checks: a mark in here says that the file is complete
	return nil
}

// copy writes exactly it.Size bytes of f, or what an earlier run has left of them,
// and holds nothing per file: it reads straight into the buffers of a writer that
// reads itself, and else into the free space of its own.
func (o *output) copy(it *Item, f Content) (sum [32]byte, err error) {
	left, err := o.begin(it, f)
	if err != nil {
		return sum, err
	}
	c := &content{o: o, it: it, f: f, left: left}
	if w, ok := o.w.(io.ReaderFrom); ok && left >= readMin {
		if err := o.flush(); err != nil {
			return sum, err
		}
		if _, err := w.ReadFrom(c); err != nil && c.err == nil {
			return sum, fmt.Errorf("writing the archive: %w", err)
		}
	}
	for c.left > 0 && c.err == nil {
		if o.buf.Available() < readMin {
			if err := o.flush(); err != nil {
				return sum, err
			}
		}
		free := o.buf.AvailableBuffer()
		n, _ := c.Read(free[:cap(free)])
		o.buf.Write(free[:n])
	}
	o.hash.Sum(sum[:0])
	return sum, c.err
}

// content is what is left of a file. What is read from it is hashed and counted, and
// marks in it are noted.
type content struct {
	o    *output
	it   *Item
	f    Content
	left int64
	err  error // of the file, not io.EOF
}

// Read implements io.Reader.
func (c *content) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	if c.err != nil {
		return 0, c.err
	}
	room := c.o.room(c.o.n)
	n, err := c.f.Read(p[:min(int64(len(p)), c.left, room, readMost)])
	c.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && c.left > 0:
		c.err = &ChangedError{Path: c.it.Path, What: "has become shorter"}
	case err != nil && !errors.Is(err, io.EOF):
		c.err = fmt.Errorf("reading %q: %w", c.it.Path, err)
	case int64(n) == room:
		// Nothing of what lies before the mark has left if the file has changed since
		// the mark before.
		c.err = c.f.Unchanged()
	}
	if c.err != nil {
		return 0, c.err
	}
	c.o.hash.Write(p[:n])
	c.o.pass(c.o.n, int64(n))
	c.o.n += int64(n)
	return n, nil
}

// begin moves to where an earlier run stopped in a file, and returns how many bytes
// are left.
func (o *output) begin(it *Item, f Content) (left int64, err error) {
	done := min(max(o.from.At-o.n, 0), it.Size)
	if o.hash, err = o.from.sha256(done > 0); err != nil {
		return 0, err
	}
	if done > 0 {
		if _, err := f.Seek(done, io.SeekStart); err != nil {
			return 0, fmt.Errorf("reading %q: %w", it.Path, err)
		}
		o.n += done
	}
	return it.Size - done, nil
}
