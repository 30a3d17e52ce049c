package agent

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"comity.example/comity/agent/internal/journal"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/keyfile"

	"filippo.io/age"
)

// KindJournal is the key that the file keys of packages on their way are sealed to. It
// opens nothing that has left this machine.
const KindJournal = "journal"

// The names of the files that a package has while it is on its way, beside head. Those
// that can continue it go when its seal is kept, or when it is given up. The others go
// when the relay has the head, or has to wait for it: until then another send of the
// same folder finishes this package, and makes no second one.
const (
	fileBegun       = "begun.json"
	fileKey         = "key.age"     // the file key, to the journal key
	fileSources     = "sources.txt" // see bag.Inventory.Compare
	fileJournal     = "journal"
	fileJournalLock = fileJournal + ".lock"
	fileRecord      = "acquisition.jsonld"
)

// begun is what a later process must find again to continue a package.
type begun struct {
	Folder     string                 `json:"folder"`            // absolute; empty if what was captured is sent
	Capture    string                 `json:"capture,omitempty"` // else empty
	Options    custody.Digest         `json:"options"`           // see SendOptions.digest
	Examiner   string                 `json:"examiner,omitempty"`
	Grant      custody.Digest         `json:"grant"`
	Recipients []custody.RecipientRef `json:"recipients"`
	Archive    int64                  `json:"archive_size"`
}

// digest is equal for equal options.
func (o SendOptions) digest() (custody.Digest, error) {
	b, err := json.Marshal(o)
	return sha256.Sum256(b), err
}

// keepBegun keeps all that continuing takes. The last file says that the others are
// there: if we crash before it, the next send gives the package up.
func (x *sending) keepBegun() (err error) {
	dir := x.a.home.packageDir(x.request, x.res.Package)
	to, err := x.a.home.journalKey()
	if err != nil {
		return err
	}
	key, err := x.sealer.Protect(to.Recipient())
	if err != nil {
		return err
	}
	if err := durable.WriteStream(filepath.Join(dir, fileSources), x.inv.WriteSources, 0o600); err != nil {
		return err
	}
	if x.journal, err = journal.Create(filepath.Join(dir, fileJournal), x.res.Package, x.sealer.Parts()); err != nil {
		return err
	}
	b := begun{Folder: x.folder, Capture: x.captureID, Options: x.options, Examiner: x.opt.Examiner, Grant: x.grant.SHA256, Recipients: x.recipients, Archive: x.archive}
	files := []struct {
		name string
		data []byte
	}{{fileHead, x.sealer.Head()}, {fileKey, key}, {fileRecord, x.inv.Acquisition}, {fileBegun, statement.Encode(b)}}
	for _, f := range files {
		if err := durable.WriteFile(filepath.Join(dir, f.name), f.data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// letGo closes the journal and overwrites the key: what is open cannot be removed on
// every system.
func (x *sending) letGo() {
	if x.sealer != nil {
		x.sealer.Destroy()
	}
	if x.journal != nil {
		x.journal.Close() // every record in it is durable
		x.journal = nil
	}
}

// loadBegun reads what keepBegun has kept; nil if it is not complete.
func (h *Home) loadBegun(p packageFile) (*begun, error) {
	data, err := h.packageData(p.Request, p.Package, fileBegun)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var b begun
	if err := statement.Decode(data, &b); err != nil {
		return nil, nil // of another version: a package that cannot be continued
	}
	return &b, nil
}

// dropKey destroys what could continue a package, the key first. What it was made of
// stays known, see dropBegun.
func (h *Home) dropKey(request, pkg string) error {
	return h.dropFiles(request, pkg, fileKey, fileJournal, fileJournalLock, fileRecord)
}

// dropBegun destroys all that is kept of a package on its way. It may be called again.
func (h *Home) dropBegun(request, pkg string) error {
	if err := h.dropKey(request, pkg); err != nil {
		return err
	}
	return h.dropFiles(request, pkg, fileBegun, fileSources)
}

func (h *Home) dropFiles(request, pkg string, names ...string) error {
	for _, name := range names {
		err := durable.Remove(filepath.Join(h.packageDir(request, pkg), name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// compareSources returns a *bag.ChangedError if the inventory is not the one with
// which a package was begun.
func (h *Home) compareSources(p packageFile, inv *bag.Inventory) error {
	f, err := os.Open(filepath.Join(h.packageDir(p.Request, p.Package), fileSources))
	if err != nil {
		return err
	}
	defer f.Close()
	return inv.Compare(f)
}

// journalKey returns the key for file keys, and makes it the first time.
func (h *Home) journalKey() (*age.HybridIdentity, error) {
	path := h.path("keys", h.Authority(), "journal.key")
	s, err := keyfile.Load(path, KindJournal, nil)
	if errors.Is(err, fs.ErrNotExist) {
		identity, _, err := seal.GenerateIdentity()
		if err != nil {
			return nil, err
		}
		// Another process may be as far: then its key is the one.
		if err := h.save(path, KindJournal, []byte(identity), nil); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if s, err = keyfile.Load(path, KindJournal, nil); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	id, err := seal.ParseIdentity(strings.TrimSpace(string(s)))
	if err != nil {
		return nil, fmt.Errorf("loading journal key: %v", err)
	}
	return id, nil
}
