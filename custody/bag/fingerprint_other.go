//go:build !linux && !darwin

package bag

import "io/fs"

// fingerprint is zero: without opening a file this system tells no more than its
// size and times, and those a user can set.
func fingerprint(fs.FileInfo) Fingerprint { return Fingerprint{} }
