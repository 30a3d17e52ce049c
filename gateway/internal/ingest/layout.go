package ingest

import (
	"crypto/sha256"
	"fmt"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
)

// ObjectParts is how many parts one object of a payload holds: an S3-compatible
// server takes 10,000. A longer payload continues in a next object.
const ObjectParts = 9000

// ObjectSize is the size in bytes of every object of a payload but the last.
const ObjectSize = ObjectParts * seal.PartSize

// objectSizes cuts a payload into objects.
func objectSizes(payload int64) (sizes []int64) {
	for ; payload > 0; payload -= ObjectSize {
		sizes = append(sizes, min(payload, ObjectSize))
	}
	return sizes
}

// folder returns the opaque folder of a package's objects. It derives from the
// package's id, which is 16 random bytes, so that a start can clean up after a
// reservation that was never finished; it tells nothing to who has only the store.
func folder(area, id string) string {
	h := sha256.Sum256([]byte("comity/objects/v1\x00" + id))
	return fmt.Sprintf("%s/%02x/%s", area, h[0], custody.PackageID([16]byte(h[1:17])))
}

func payloadKey(id string, n int) string {
	return fmt.Sprintf("%s/payload.%03d", folder("payloads", id), n)
}

// HeadKey returns the key of a package's head in the store.
func HeadKey(id string) string { return folder("heads", id) + "/head" }

// InnerKey returns the key of a package's inner file in the store.
func InnerKey(id string) string { return folder("heads", id) + "/inner.age" }

// place returns the upload that part n belongs to and its number there.
func place(p records.Package, n int) (records.Upload, int) {
	return p.Uploads[n/ObjectParts], n % ObjectParts
}

// partsOf returns the rows of upload u, numbered within it.
func partsOf(rows []objects.Part, u int) []objects.Part {
	rows = rows[u*ObjectParts : min(len(rows), (u+1)*ObjectParts)]
	list := make([]objects.Part, len(rows))
	for n, r := range rows {
		r.Number = n
		list[n] = r
	}
	return list
}
