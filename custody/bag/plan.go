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
	if err := p.measure(); err != nil {
		return nil, err
	}
	var err error
	if p.info, err = formatInfo(info, p.tally.bytes, p.tally.files); err != nil {
		return nil, err
	}
	var buf []byte
	for _, e := range append(p.head(), p.tail()...) {
		buf = e.append(buf[:0])
		p.size += int64(len(buf)) + e.size + padding(e.size)
	}
	p.size += 2 * blockSize
	return p, nil
}

// Size is the length of the archive in bytes, with the two zero blocks at
// its end and without the padding a caller may append.
func (p *Plan) Size() int64 { return p.size }

// measure checks the items and adds up what depends on them.
func (p *Plan) measure() error {
	var seq sequence
	limits := Limits{}.orDefaults()
	var buf []byte
	for i := range p.inv.Items {
		it := &p.inv.Items[i]
		if r := seq.next(it.Path, it.Dir); r != "" {
			return fmt.Errorf("planning bag %q: path %q %s", p.id, it.Path, r)
		}
		if it.Size < 0 || it.Size > maxSize || it.Dir && it.Size != 0 {
			return fmt.Errorf("planning bag %q: path %q has impossible size %d", p.id, it.Path, it.Size)
		}
		if !timeInRange(it.ModTime) {
			return fmt.Errorf("planning bag %q: modification time of path %q is out of range", p.id, it.Path)
		}
		if r := p.tally.add(it.Path, it.Dir, it.Size, limits); r != "" {
			return fmt.Errorf("planning bag %q: at path %q %s, which no receiver takes: send it in several packages", p.id, it.Path, r)
		}
		buf = p.entry(it).append(buf[:0])
		p.size += int64(len(buf)) + it.Size + padding(it.Size)
	}
	return nil
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

// tail is what stands after the items: the manifests.
func (p *Plan) tail() []entry {
	tags := sumLen*3 + len(bagitName) + len(infoName) + len(manifestName) + len(acquisitionLine(p.inv.Acquisition))
	return []entry{
		tagEntry(p.id, manifestName, p.tally.manifest),
		tagEntry(p.id, tagManifestName, int64(tags)),
	}
}

// tagEntry is a file or folder that is not below data/.
func tagEntry(id, name string, size int64) entry {
	return entry{name: id + "/" + name, size: size, mtime: stamp()}
}

// entry is the item as it stands in the archive.
func (p *Plan) entry(it *Item) entry {
	name := p.id + "/" + dataName + it.Path
	if it.Dir {
		name += "/"
	}
	return entry{name: name, size: it.Size, mtime: it.ModTime}
}
