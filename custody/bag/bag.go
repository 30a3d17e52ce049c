// Package bag writes and reads the plaintext of a package: a BagIt 1.0 bag
// (RFC 8493) as one PAX tar archive (POSIX.1-2017 pax), made in one pass from
// an inventory taken first.
//
// The archive holds, in this order and nothing else:
//
//	ID/
//	ID/bagit.txt
//	ID/bag-info.txt
//	ID/acquisition.jsonld         if the inventory has one
//	ID/data/                      folders and files below it, in order
//	ID/manifest-sha256.txt        one line per file below data/, same order
//	ID/tagmanifest-sha256.txt     acquisition.jsonld, bag-info.txt, bagit.txt, the manifest
//	ID/index.txt                  where in the archive each item stands
//
// and ends with two zero blocks. Whoever seals the archive may append zeros
// as padding. Stock tools open it: "tar -xif - && cd ID && sha256sum -c
// manifest-sha256.txt". Only names with "%", CR or LF fail there, because RFC
// 8493 writes these three as %25, %0D and %0A in a manifest.
//
// The index lets a reader who may fetch any range of the archive list it and take
// single files out, without the rest: [ReadIndex], [ExtractExhibits]. It is a tag
// file like any other to a reader of bags, and no tag manifest lists it, because it
// comes last: whoever sends the bag signs its place and hash ([IndexRef]).
//
// The order is that of the path components, bytewise: a folder comes first,
// its content follows at once, and "a/c" precedes "a-b" (as if "/" sorted
// before every other byte). Every header is a function of path, kind, size
// and modification time; the same inventory and content give the same bytes,
// so the length is known before the first byte of content is read.
//
// The package refuses more than it accepts. A sender carries regular files
// and folders with UTF-8 names, never a link, device, pipe or socket, and
// stops when a file is not what the inventory says. A receiver re-encodes
// each header and compares the bytes, so it accepts no archive that [Plan]
// would not have written: no links, no sparse files, no GNU long names, no
// global headers, no duplicates, no surprising order, no fetch.txt, nothing
// but zeros after the end. It takes no mode and no owner from the archive,
// writes only through an [os.Root], and reports names the target system
// cannot hold instead of changing them. It does not sync files and does not
// clean up: what a failed extraction leaves belongs to the caller's
// quarantine and must be removed unseen.
package bag

import (
	"fmt"
	"strings"
	"time"
)

// What this format carries of a path below data/.
const (
	// MaxPath is the length of the longest path, in bytes. It bounds the
	// memory a single header can take.
	MaxPath = 32 << 10
	// MaxDepth is the largest number of components. Tools that remove a
	// tree hold a descriptor per level; without a bound a sender could
	// make a quarantine that cannot be removed.
	MaxDepth = 512
)

// The names inside a bag, relative to its folder.
const (
	bagitName       = "bagit.txt"
	infoName        = "bag-info.txt"
	dataName        = "data/"
	manifestName    = "manifest-sha256.txt"
	tagManifestName = "tagmanifest-sha256.txt"
	indexName       = "index.txt"
)

// bagitText is the whole of bagit.txt (RFC 8493, section 2.1.1).
const bagitText = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

// stamp is the modification time of everything that is not below data/. It
// is fixed, so that an archive depends on nothing but its inventory.
func stamp() time.Time { return time.Unix(315532800, 0).UTC() } // 1980-01-01

// checkID tells whether id can name the bag's folder on every system.
func checkID(id string) error {
	if id == "" || len(id) > 100 {
		return fmt.Errorf("checking package id %q: must have 1 to 100 characters", id)
	}
	for i, c := range []byte(id) {
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || c != '-' && c != '_') {
			return fmt.Errorf("checking package id %q: must consist of letters, digits, - and _ and start with a letter or digit", id)
		}
	}
	return nil
}

// split cuts a slash-separated path into its folder ("" at the top) and its
// last component.
func split(path string) (dir, base string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}
