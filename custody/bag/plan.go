package bag

import (
	"fmt"
	"math"
)

// maxSize bounds sizes and sums of sizes, so that no addition overflows.
const maxSize = math.MaxInt64 / 4

// Plan is an archive decided on but not written: everything is known except
// the content of the files. A Plan does not change; it may be written
// several times, also concurrently.
type Plan struct {
	id    string
	inv   *Inventory
	info  []byte
	tally tally
	first int64    // where the header of the first item begins
	index IndexRef // without its hash
	size  int64
}

// NewPlan decides on the bag id (1 to 100 letters, digits, "-" and "_",
// starting with a letter or digit) with the files of inv and the given
// fields in bag-info.txt; Payload-Oxum is added to them. inv must not change
// afterwards. An inventory that is out of order, names a path this format does not
// carry, or is larger than a receiver takes by the zero value of [Limits], is an
// error.
func NewPlan(id string, inv *Inventory, info []Field) (*Plan, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	p := &Plan{id: id, inv: inv}
	if r := checkAcquisition(inv.Acquisition); r != "" {
		return nil, fmt.Errorf("planning bag %q: %s %s", id, acquisitionName, r)
	}
	if err := p.count(); err != nil {
		return nil, err
	}
	var err error
	if p.info, err = formatInfo(info, p.tally.bytes, p.tally.files); err != nil {
		return nil, err
	}
	p.first = lengths(p.head())
	l := layout{id: id, off: p.first, tags: tagManifestSize(acquisitionLine(inv.Acquisition))}
	for it := range inv.Items() {
		l.item(it)
	}
	p.index = IndexRef{Offset: l.indexOffset(p.tally.manifest), Size: l.indexSize()}
	p.size = archiveSize(p.index.Offset, p.index.Size)
	return p, nil
}

// Size is the length of the archive in bytes, with the two zero blocks at
// its end and without the padding a caller may append.
func (p *Plan) Size() int64 { return p.size }

// count checks the items and adds up what is limited.
func (p *Plan) count() error {
	var seq sequence
	limits := Limits{}.orDefaults()
	for it := range p.inv.Items() {
		if r := seq.next(it.Path, it.Dir); r != "" {
			return fmt.Errorf("planning bag %q: path %q %s", p.id, it.Path, r)
		}
		if r := it.check(); r != "" {
			return fmt.Errorf("planning bag %q: path %q %s", p.id, it.Path, r)
		}
		if r := p.tally.add(it.Path, it.Dir, it.Size, limits); r != "" {
			return fmt.Errorf("planning bag %q: at path %q %s, which no receiver takes: send it in several packages", p.id, it.Path, r)
		}
	}
	return nil
}

// check says what is wrong with an item besides its path, or "".
func (it Item) check() string {
	switch {
	case it.Size < 0 || it.Size > maxSize || it.Dir && it.Size != 0:
		return fmt.Sprintf("has impossible size %d", it.Size)
	case !timeInRange(it.ModTime):
		return "has a modification time out of range"
	}
	return ""
}

// head is what stands before the items; the files' content is bagit.txt,
// bag-info.txt and, if there is one, acquisition.jsonld.
func (p *Plan) head() []entry {
	head := []entry{
		tagEntry(p.id, "", 0),
		tagEntry(p.id, bagitName, int64(len(bagitText))),
		tagEntry(p.id, infoName, int64(len(p.info))),
	}
	head = append(head, p.acquisition()...)
	return append(head, tagEntry(p.id, dataName, 0))
}

// tagEntry is a file or folder that is not below data/.
func tagEntry(id, name string, size int64) entry {
	return entry{name: id + "/" + name, size: size, mtime: stamp()}
}

// entry is the item as it stands in the archive of the bag id.
func (it Item) entry(id string) entry {
	name := id + "/" + dataName + it.Path
	if it.Dir {
		name += "/"
	}
	return entry{name: name, size: it.Size, mtime: it.ModTime}
}
