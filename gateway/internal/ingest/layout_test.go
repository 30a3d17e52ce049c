package ingest

import (
	"encoding/json"
	"strings"
	"testing"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// TestLayout: parts of a long payload fall into the right objects, in sizes that
// the store's own rules accept.
func TestLayout(t *testing.T) {
	for _, payload := range []int64{16, seal.PartSize, seal.PartSize + 16, ObjectSize, ObjectSize + 16, 3*ObjectSize + 5*seal.PartSize + 99} {
		sizes := objectSizes(payload)
		var p records.Package
		var rows []objects.Part
		for n, size := range sizes {
			p.Uploads = append(p.Uploads, records.Upload{Key: payloadKey("a", n), Size: size})
		}
		for n := range seal.Parts(payload) {
			rows = append(rows, objects.Part{Number: n, Size: seal.PartLen(payload, n)})
			u, at := place(p, n)
			if want, err := objects.PartSize(u.Size, seal.PartSize, at); err != nil || want != rows[n].Size {
				t.Fatalf("part %d of %d bytes: %d bytes in the payload, %d in object %q (%v)", n, payload, rows[n].Size, want, u.Key, err)
			}
		}
		for n, size := range sizes {
			if err := objects.CheckParts(size, seal.PartSize, partsOf(rows, n)); err != nil {
				t.Errorf("object %d of %d bytes: %v", n, payload, err)
			}
		}
	}
}

// TestKeys: the keys of a package are legal, its own, and tell nothing of its id.
func TestKeys(t *testing.T) {
	a, b := custody.PackageID([16]byte{1}), custody.PackageID([16]byte{2})
	seen := map[string]bool{}
	for _, id := range []string{a, b} {
		for _, k := range []string{payloadKey(id, 0), payloadKey(id, 1), HeadKey(id), InnerKey(id)} {
			if err := objects.CheckKey(k); err != nil || seen[k] || strings.Contains(k, id) {
				t.Errorf("key %q of package %q: %v", k, id, err)
			}
			seen[k] = true
		}
	}
}

func FuzzParseDigest(f *testing.F) {
	f.Add(wire.ContentDigest([32]byte{1, 2, 3}))
	f.Add("sha-256=::")
	f.Add("sha-256=:AAAA:, sha-512=:AAAA:")
	f.Fuzz(func(t *testing.T, header string) {
		if sum, err := ParseDigest(header); err == nil && wire.ContentDigest(sum) != header {
			t.Errorf("%q was accepted and is not canonical", header)
		}
	})
}

// TestLargestState: the state of a package of the most parts fits into its answer.
func TestLargestState(t *testing.T) {
	answer, err := json.Marshal(packageState(records.Package{
		ID: strings.Repeat("a", 26), Request: strings.Repeat("a", 26), State: records.Abandoned, PayloadSize: 1 << 62, Parts: wire.MaxParts,
	}, nil))
	if err != nil || len(answer) > wire.MaxRecord {
		t.Errorf("%d bytes, want at most %d; %v", len(answer), wire.MaxRecord, err)
	}
	if size := seal.PayloadSize(wire.MaxParts * seal.PartPlain); seal.Parts(size) != wire.MaxParts || wire.MaxParts*seal.PartPlain != 8<<40 {
		t.Errorf("%d parts are %d bytes", wire.MaxParts, size)
	}
}
