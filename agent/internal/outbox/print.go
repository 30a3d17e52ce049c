package outbox

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Print is the fingerprint of a folder: a hash over the names, kinds, sizes, inodes
// and times of all that is below it, and of no content. Two that are equal mean that
// nothing was written, added, removed or renamed in between, unless somebody who may
// set the clock wanted it to look so. The folder's own times are not in it, and so it
// stays the same when the folder moves.
type Print [sha256.Size]byte

// Fingerprint takes the fingerprint of a folder, in the memory of its largest
// folder. An error means that it changed on the way, or cannot be read. The number
// of files and folders below it tells an empty one.
func Fingerprint(dir string) (p Print, names int, err error) {
	h := sha256.New()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == dir {
			if !d.IsDir() { // a link to a folder is none
				return fmt.Errorf("%q is not a folder", path)
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		names++
		inode, changed := stamp(info)
		name := path[len(dir):]
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(name)))) // or a name could pass for another and its figures
		h.Write([]byte(name))
		for _, v := range []uint64{uint64(info.Mode()), uint64(info.Size()), uint64(info.ModTime().UnixNano()), inode, uint64(changed)} {
			h.Write(binary.BigEndian.AppendUint64(nil, v))
		}
		return nil
	})
	if err != nil {
		return p, names, fmt.Errorf("looking at a package's folder: %w", err)
	}
	return Print(h.Sum(nil)), names, nil
}
