package journal

import (
	"crypto/sha256"
	"fmt"
	"os"
)

// home says which file on which machine this is, as a hash: journals leave the
// machine in backups, its id should not. A copy of the file has another inode number,
// also beside the original.
func home(f *os.File) ([32]byte, error) {
	m, err := machine()
	if err != nil || m == "" {
		return [32]byte{}, fmt.Errorf("%w: this machine has no id: %v", ErrForeign, err)
	}
	i, err := inode(f)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: its file has no number: %v", ErrForeign, err)
	}
	return sha256.Sum256(fmt.Appendf(nil, "comity/journal-home/v1\x00%d\x00%s", i, m)), nil
}
