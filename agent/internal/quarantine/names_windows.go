package quarantine

import "io/fs"

// names returns how many names a file has. Here the system does not say so with the
// rest, and makes a hard link only for who may write to the file anyway.
func names(fs.FileInfo) uint64 { return 1 }
