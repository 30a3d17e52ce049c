package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/internal/durable"
)

// packageFile is what a home keeps of a package, in cases/REQUEST/packages/ID/,
// beside head and inner.age (the sender's, until they are handed over) and the
// inner statement and manifests (both sides', for dossiers). While parts are on their
// way it also keeps what continuing takes, see begun.
type packageFile struct {
	Package string          `json:"package"`
	Request string          `json:"request"`
	Side    string          `json:"side"`  // sender or recipient
	State   string          `json:"state"` // see the constants
	Agent   custody.PartyID `json:"agent"`
	Epoch   int64           `json:"epoch,omitempty"`
	Inner   custody.Digest  `json:"inner_statement_sha256,omitzero"` // of inner.json
	Path    string          `json:"path,omitempty"`                  // where a recipient puts it, absolute

	// Answered are the releases for which the relay has the head: a sender's, with
	// release: origin.
	Answered []custody.Digest `json:"answered,omitempty"`
}

const (
	sideSender    = "sender"
	sideRecipient = "recipient"

	stateOpen     = "open"     // parts are on their way
	stateSealed   = "sealed"   // deposited; the head is here
	stateUnlocked = "unlocked" // the head is with the relay
	stateEnded    = "ended"    // recalled, or the grant revoked, before; the head is destroyed
	stateFetching = "fetching" // parts land beside Path
	stateVerified = "verified" // every byte was checked; the folder may not have its name yet
	stateReceipt  = "receipt"  // the receipt is in the log
)

// The names of the files of a package.
const (
	fileHead        = "head"
	fileInnerAge    = "inner.age"
	fileInner       = "inner.json"
	fileManifest    = "manifest-sha256.txt"
	fileTagManifest = "tagmanifest-sha256.txt"
	fileIndex       = "index.txt"
	fileListing     = "listing.txt" // index.txt of the bag, if a dossier can carry it
	fileState       = "package.json"
	fileSeal        = "seal.json"
)

func (h *Home) packageDir(request, pkg string) string {
	return h.path("cases", request, "packages", pkg)
}

// saveOrder is the order in which the files of a package are written: the seal, which
// binds head and inner.age, after them.
var saveOrder = []string{fileTagManifest, fileHead, fileInner, fileInnerAge, fileSeal}

// savePackage stores the state after the files, so that a state is never ahead
// of what it needs. If we crash while files are replaced, new and old ones stand
// side by side, which whole finds.
func (h *Home) savePackage(p packageFile, files map[string][]byte) error {
	dir := h.packageDir(p.Request, p.Package)
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range saveOrder {
		data, ok := files[name]
		if !ok {
			continue
		}
		if err := durable.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return durable.WriteFile(filepath.Join(dir, fileState), statement.Encode(p), 0o600)
}

// saveLists stores the manifest of a package, which may have a million lines, and its
// index of so many bytes, if a dossier can carry it, before savePackage stores the rest.
func (h *Home) saveLists(request, pkg string, manifest, index func(io.Writer) error, size int64) error {
	dir := h.packageDir(request, pkg)
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if size <= dossier.MaxIndex {
		if err := durable.WriteStream(filepath.Join(dir, fileListing), index, 0o600); err != nil {
			return err
		}
	}
	return durable.WriteStream(filepath.Join(dir, fileManifest), manifest, 0o600)
}

// dropPackage forgets a package. Its folder gets out of the way first: half of it,
// without a state or without a seal, would be in the way of every later run.
func (h *Home) dropPackage(request, pkg string) error {
	dead := h.path("cases", request, "dropped")
	// An earlier process may have crashed between the next lines.
	if err := os.RemoveAll(dead); err != nil {
		return err
	}
	if err := durable.MkdirAll(dead, 0o700); err != nil {
		return err
	}
	err := durable.Rename(h.packageDir(request, pkg), filepath.Join(dead, pkg))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dead)
}

func (h *Home) packageData(request, pkg, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(h.packageDir(request, pkg), name))
}

// loadPackage reads the state of one package; nil if there is none.
func (h *Home) loadPackage(request, pkg string) (*packageFile, error) {
	data, err := h.packageData(request, pkg, fileState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading package state: %w", err)
	}
	var p packageFile
	if err := statement.Decode(data, &p); err != nil {
		return nil, fmt.Errorf("reading state of package %q: %v", pkg, err)
	}
	return &p, nil
}

// packages lists the packages of a request that this home knows.
func (h *Home) packages(request string) ([]packageFile, error) {
	dirs, err := os.ReadDir(h.path("cases", request, "packages"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing packages: %w", err)
	}
	var list []packageFile
	for _, d := range dirs {
		p, err := h.loadPackage(request, d.Name())
		if err != nil {
			return nil, err
		}
		if p != nil {
			list = append(list, *p)
		}
	}
	return list, nil
}
