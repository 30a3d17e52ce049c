package bag

import (
	"encoding/binary"
	"iter"
	"time"
)

// Item is one file or folder of an inventory.
type Item struct {
	Path    string    // below data/, slash-separated, no slash at either end
	Dir     bool      // a folder; Size is then 0
	Size    int64     // bytes
	ModTime time.Time // modification time, UTC, to the nanosecond

	// Fingerprint is a source's, and zero for what was received. It is not part of
	// the bag.
	Fingerprint Fingerprint
}

// Inventory lists what a bag is going to hold, in the order of the path
// components, bytewise (see the package comment); every folder precedes its
// content. [NewPlan] checks that. The zero value is empty.
//
// A million items are kept for as long as a package is on its way, so they are
// packed: each path as what it does not share with the one before. Reading is
// sequential. An Inventory that does not change any more may be read
// concurrently.
type Inventory struct {
	// Acquisition is the content of acquisition.jsonld, UTF-8 of at most
	// MaxAcquisition bytes, which says how the exhibits were made. If empty, the
	// bag has none.
	Acquisition []byte

	blocks [][]byte // of whole items
	last   string   // path of the item added last
	files  int
	bytes  int64
	items  int
}

// inventoryBlock is the size of all blocks but those of one huge item. Blocks do
// not move when the inventory grows.
const inventoryBlock = 256 << 10

// Add appends an item.
func (inv *Inventory) Add(it Item) {
	n := 0
	for n < len(inv.last) && n < len(it.Path) && inv.last[n] == it.Path[n] {
		n++
	}
	head := uint64(n) << 1
	if it.Dir {
		head |= 1
	}
	need := 9*binary.MaxVarintLen64 + len(it.Path) - n
	i := len(inv.blocks) - 1
	if i < 0 || cap(inv.blocks[i])-len(inv.blocks[i]) < need {
		inv.blocks = append(inv.blocks, make([]byte, 0, max(inventoryBlock, need)))
		i++
	}
	b := binary.AppendUvarint(inv.blocks[i], head)
	b = binary.AppendUvarint(b, uint64(len(it.Path)-n))
	b = append(b, it.Path[n:]...)
	b = binary.AppendVarint(b, it.Size)
	b = binary.AppendVarint(b, it.ModTime.Unix())
	b = binary.AppendUvarint(b, uint64(it.ModTime.Nanosecond()))
	b = binary.AppendUvarint(b, it.Fingerprint.Device)
	b = binary.AppendUvarint(b, it.Fingerprint.Inode)
	inv.blocks[i] = binary.AppendVarint(b, it.Fingerprint.Changed)
	inv.last = it.Path
	inv.items++
	inv.bytes += it.Size
	if !it.Dir {
		inv.files++
	}
}

// Len counts the items.
func (inv *Inventory) Len() int { return inv.items }

// Files counts the items that are not folders.
func (inv *Inventory) Files() int { return inv.files }

// Bytes is the sum of all file sizes.
func (inv *Inventory) Bytes() int64 { return inv.bytes }

// Items iterates over the items in their order.
func (inv *Inventory) Items() iter.Seq[Item] {
	return func(yield func(Item) bool) {
		var path []byte
		for _, b := range inv.blocks {
			for len(b) > 0 {
				var it Item
				it, path, b = unpack(b, path)
				if !yield(it) {
					return
				}
			}
		}
	}
}

// unpack reads the first item of a block; path is that of the item before. What it
// reads was written by Add in this process.
func unpack(b, path []byte) (it Item, full, rest []byte) {
	head, n := binary.Uvarint(b)
	b = b[n:]
	size, n := binary.Uvarint(b)
	b = b[n:]
	path = append(path[:head>>1], b[:size]...)
	b = b[size:]
	it.Path, it.Dir = string(path), head&1 == 1
	it.Size, n = binary.Varint(b)
	b = b[n:]
	sec, n := binary.Varint(b)
	b = b[n:]
	ns, n := binary.Uvarint(b)
	b = b[n:]
	it.ModTime = time.Unix(sec, int64(ns)).UTC()
	it.Fingerprint.Device, n = binary.Uvarint(b)
	b = b[n:]
	it.Fingerprint.Inode, n = binary.Uvarint(b)
	b = b[n:]
	it.Fingerprint.Changed, n = binary.Varint(b)
	return it, path, b[n:]
}
