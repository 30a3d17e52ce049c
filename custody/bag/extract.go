package bag

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"
)

// Contents is what an extracted bag holds.
type Contents struct {
	Files             int    // files below data/
	Bytes             int64  // sum of their sizes
	Folders           int    // below data/
	ArchiveSize       int64  // length of the archive without padding
	TagManifest       []byte // tagmanifest-sha256.txt
	TagManifestSHA256 [32]byte
	Index             IndexRef
	Info              []Field // bag-info.txt without Payload-Oxum
	Acquisition       []byte  // acquisition.jsonld; nil if there is none
}

const readBuffer = 1 << 20

// Extract reads the archive of the bag id from r to its end and writes it
// as the folder id in into, which must be an empty folder nobody else uses.
// Files get mode 0600 and folders 0700, before the umask, and the times of
// the archive; Extract syncs nothing.
//
// All of it is verified when Extract returns without an error: the form of
// every header, bagit.txt, Payload-Oxum, every file against the manifest
// with the hash taken while writing, the tag manifest, every line of the index,
// and that zeros only follow the end of the archive until r ends. Whether this is the bag the
// sender signed is for the caller to compare, by TagManifestSHA256.
//
// After an error into holds an unverified part; the caller must remove it
// and show none of it. The error is a [*NamesError] if the bag is readable
// but holds names this system cannot, with all of them (nothing is written
// after the first), a [*RefusedError] if it is not a bag of this format or
// above a limit, and otherwise an error of r or of the file system, wrapped.
func Extract(r io.Reader, into *os.Root, id string, lim Limits) (*Contents, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	if err := checkEmpty(into); err != nil {
		return nil, err
	}
	x := &extraction{
		archive: archive{r: bufio.NewReaderSize(r, readBuffer)},
		folders: folders{top: into},
		names:   newNames(runtime.GOOS),
		id:      id,
		limits:  lim.orDefaults(),
	}
	defer x.folders.close()
	x.index.Write([]byte(IndexHead))
	for _, step := range []func() error{x.head, x.data, x.tail} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &x.found, nil
}

// checkEmpty refuses a folder that holds something: what stands there could
// be mistaken for part of the bag.
func checkEmpty(root *os.Root) error {
	f, err := root.Open(".")
	if err != nil {
		return fmt.Errorf("opening the quarantine: %w", err)
	}
	defer f.Close()
	names, err := f.Readdirnames(1)
	if len(names) > 0 {
		return fmt.Errorf("opening the quarantine: is not empty, holds %q", names[0])
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("listing the quarantine: %w", err)
	}
	return nil
}

// extraction is the state of one Extract.
type extraction struct {
	archive  archive
	folders  folders
	names    *names
	id       string
	limits   Limits
	sequence sequence
	tally    tally
	inside   []opened // the folders that the last item stands in
	problems NamesError
	manifest summer
	index    summer
	oxum     string
	info     [32]byte
	last     entry // the entry that ended the data
	found    Contents
}

// opened is a folder of which more may come. Its time is set after the last of it:
// to fill a folder changes its time.
type opened struct {
	path  string
	mtime time.Time
}

// head reads what stands before the data.
func (x *extraction) head() error {
	if err := x.tagFolder(""); err != nil {
		return err
	}
	e, err := x.expect(bagitName)
	if err != nil {
		return err
	}
	if _, err := x.fixed(e, []byte(bagitText)); err != nil {
		return err
	}
	if err := x.readInfo(); err != nil {
		return err
	}
	return x.readAcquisition()
}

// expect reads the header of the entry called name in the bag's folder.
func (x *extraction) expect(name string) (entry, error) {
	e, end, err := x.archive.next()
	if err != nil {
		return e, err
	}
	if end {
		return e, x.archive.refuse("the archive ends before %q", name)
	}
	return e, x.checkTag(e, name)
}

// checkTag tells whether e is the tag file or folder called name.
func (x *extraction) checkTag(e entry, name string) error {
	switch {
	case e.name == x.id+"/fetch.txt":
		return x.archive.refuse("a bag that is to be fetched is not accepted")
	case e.name != x.id+"/"+name:
		return x.archive.refuse("stands where %q must stand", x.id+"/"+name)
	case !e.mtime.Equal(stamp()):
		return x.archive.refuse("has another modification time than this format's")
	}
	return nil
}

// tagFolder reads and makes the bag's folder or its data folder.
func (x *extraction) tagFolder(name string) error {
	e, err := x.expect(name)
	if err != nil {
		return err
	}
	return x.mkdir(strings.TrimSuffix(e.name, "/"))
}

// readInfo reads bag-info.txt.
func (x *extraction) readInfo() error {
	e, err := x.expect(infoName)
	if err != nil {
		return err
	}
	if e.size > infoMax {
		return x.archive.refuse("has %d bytes, at most %d are allowed", e.size, infoMax)
	}
	var text bytes.Buffer
	x.info, err = x.file(e, func(b []byte) error {
		text.Write(b)
		return nil
	})
	if err != nil {
		return err
	}
	if x.found.Info, x.oxum, err = parseInfo(text.Bytes()); err != nil {
		return x.archive.refuse("%v", err)
	}
	return nil
}

// data reads the items up to the manifest, whose header stays in x.last.
func (x *extraction) data() error {
	for {
		e, end, err := x.archive.next()
		if err != nil {
			return err
		}
		if end {
			return x.archive.refuse("the archive ends before %q", manifestName)
		}
		path, ok := strings.CutPrefix(e.name, x.id+"/"+dataName)
		if !ok {
			x.last = e
			return x.checkTag(e, manifestName)
		}
		if err := x.item(e, strings.TrimSuffix(path, "/")); err != nil {
			return err
		}
	}
}

// item takes one file or folder below data/.
func (x *extraction) item(e entry, path string) error {
	if r := x.sequence.next(path, e.dir()); r != "" {
		return x.archive.refuse("%s", r)
	}
	if r := x.tally.add(path, e.dir(), e.size, x.limits); r != "" {
		return x.archive.refuse("%s", r)
	}
	if r := x.names.next(path); r != "" {
		x.problems.add(path, r)
	}
	if x.problems.Count > 0 {
		return x.archive.skip(e.size) // the rest is read for its names only
	}
	if err := x.leave(path); err != nil {
		return err
	}
	err := x.store(e, path)
	if errors.Is(err, fs.ErrExist) {
		// The quarantine was empty, so the file system itself takes two
		// spellings for one name. The failed creation consumed nothing.
		x.problems.add(path, "is the name of another item to this file system")
		return x.archive.skip(e.size)
	}
	return err
}

// store writes one file or folder and notes what manifest and index must say.
func (x *extraction) store(e entry, path string) error {
	ex := Exhibit{Item: Item{Path: path, Dir: e.dir(), Size: e.size, ModTime: e.mtime}, Offset: x.archive.off}
	if ex.Dir {
		x.found.Folders++
		x.inside = append(x.inside, opened{path, e.mtime})
		if err := x.mkdir(strings.TrimSuffix(e.name, "/")); err != nil {
			return err
		}
	} else {
		sum, err := x.file(e, func([]byte) error { return nil })
		if err != nil {
			return err
		}
		ex.Sum = sum
		x.manifest.line = Line{Sum: sum, Path: dataName + path}.append(x.manifest.line[:0])
		x.manifest.Write(x.manifest.line)
	}
	x.index.line = ex.append(x.index.line[:0])
	x.index.Write(x.index.line)
	return nil
}

// tail reads the manifests, the index and the end. What they must be is known.
func (x *extraction) tail() error {
	if x.problems.Count > 0 {
		return &x.problems
	}
	if err := x.leave(""); err != nil {
		return err
	}
	x.found.Files, x.found.Bytes = x.tally.files, x.tally.bytes
	if want := oxum(x.found.Bytes, x.found.Files); x.oxum != want {
		return x.archive.refuse("%s is %q, the bag has %q", oxumLabel, x.oxum, want)
	}
	if err := x.listed(x.last, &x.manifest); err != nil {
		return err
	}
	e, err := x.expect(tagManifestName)
	if err != nil {
		return err
	}
	x.found.TagManifest = tagManifest(acquisitionLine(x.found.Acquisition), x.info, x.manifest.sum())
	if x.found.TagManifestSHA256, err = x.fixed(e, x.found.TagManifest); err != nil {
		return err
	}
	if e, err = x.expect(indexName); err != nil {
		return err
	}
	x.found.Index = IndexRef{Offset: x.archive.off, Size: x.index.size, SHA256: x.index.sum()}
	if err := x.listed(e, &x.index); err != nil {
		return err
	}
	return x.end()
}

// end reads the end of the archive.
func (x *extraction) end() error {
	_, end, err := x.archive.next()
	if err != nil {
		return err
	}
	if !end {
		return x.archive.refuse("stands after the last entry of a bag")
	}
	if x.found.ArchiveSize, err = x.archive.finish(); err != nil {
		return err
	}
	return x.setTagTimes()
}
