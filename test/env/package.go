package env

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/custody/dossier"
)

const maxInnerFile = 1 << 20

// Package is a sealed and deposited package, in memory.
type Package struct {
	Seal          *custody.Seal
	SealSHA256    custody.Digest
	Head, Payload []byte
	InnerFile     []byte // inner.age
	Contents      dossier.Contents
}

// Send packs the files below dir as one bag, seals it to the recipients of the
// live grant and posts the seal. Everything is held in memory.
func (s *Story) Send(dir string) (*Package, error) { return s.send(dir, "") }

// Replace is Send in place of an earlier package.
func (s *Story) Replace(old *Package, dir string) (*Package, error) {
	return s.send(dir, old.Seal.Package)
}

func (s *Story) send(dir, supersedes string) (*Package, error) {
	var id [16]byte
	rand.Read(id[:]) // never fails, see crypto/rand
	name := custody.PackageID(id)
	archive, sum, err := pack(name, dir)
	if err != nil {
		return nil, err
	}
	var to []age.Recipient
	for _, id := range s.From.Recipients() {
		to = append(to, s.From.Identities[id].Recipient())
	}
	plain := make([]byte, seal.Padme(int64(len(archive))))
	copy(plain, archive)
	p, err := sealed(plain, to)
	if err != nil {
		return nil, err
	}
	var list bytes.Buffer
	if err := sum.WriteManifest(&list); err != nil {
		return nil, err
	}
	var index bytes.Buffer
	if err := sum.WriteIndex(&index); err != nil {
		return nil, err
	}
	p.Contents.Manifest, p.Contents.TagManifest, p.Contents.Index = list.Bytes(), sum.TagManifest, index.Bytes()
	b := p.Seal
	b.Header, b.Package, b.Delivery = s.header(string(s.To.ID("agent/lab-1"))), name, int64(len(s.Packages)+1)
	b.Supersedes = supersedes
	b.Request, b.Grant, b.Recipients = s.Case().RequestSHA256, s.Case().Live().SHA256, s.recipients()
	if err := s.inner(p, int64(len(archive)), sum, to); err != nil {
		return nil, err
	}
	st, err := s.Post(s.To.ID("agent/lab-1"), b, s.To.Lab)
	if err != nil {
		return nil, err
	}
	p.SealSHA256 = st.SHA256
	s.Packages = append(s.Packages, p)
	return p, nil
}

// pack writes the bag of the files below dir.
func pack(name, dir string) ([]byte, *bag.Summary, error) {
	inv, err := bag.Scan(dir)
	if err != nil {
		return nil, nil, err
	}
	plan, err := bag.NewPlan(name, inv, nil)
	if err != nil {
		return nil, nil, err
	}
	src, err := bag.OpenFolder(dir)
	if err != nil {
		return nil, nil, err
	}
	defer src.Close()
	var b bytes.Buffer
	sum, err := plan.Write(&b, src)
	return b.Bytes(), sum, err
}

// sealed seals a padded archive part by part.
func sealed(plain []byte, to []age.Recipient) (*Package, error) {
	s, err := seal.NewSealer(int64(len(plain)), to...)
	if err != nil {
		return nil, err
	}
	defer s.Destroy()
	p := &Package{Head: s.Head()}
	for n := range s.Parts() {
		from := n * seal.PartPlain
		part, _, err := s.SealPart(nil, n, plain[from:min(from+seal.PartPlain, len(plain))])
		if err != nil {
			return nil, err
		}
		p.Payload = append(p.Payload, part...)
	}
	root, err := s.PayloadRoot()
	if err != nil {
		return nil, err
	}
	p.Seal = &custody.Seal{
		HeadSHA256: sha256.Sum256(p.Head), PayloadSize: s.PayloadSize(), Parts: int64(s.Parts()), PayloadRoot: root,
	}
	return p, nil
}

// recipients names the recipients of From as the directory in force lists them.
func (s *Story) recipients() []custody.RecipientRef { return s.RecipientsOf(s.From) }

// inner signs and seals the inner statement and puts its hash into the seal.
func (s *Story) inner(p *Package, archive int64, sum *bag.Summary, to []age.Recipient) (err error) {
	b := p.Seal
	p.Contents.Inner, err = custody.SignInner(custody.Inner{
		Package: b.Package, Request: b.Request, Sender: custody.PartyID(b.By), Recipients: b.Recipients,
		HeadSHA256: b.HeadSHA256, PayloadRoot: b.PayloadRoot, PayloadSize: b.PayloadSize, ArchiveSize: archive,
		TagManifest: sum.TagManifestSHA256, Files: int64(sum.Files), Bytes: sum.Bytes,
		IndexOffset: sum.Index.Offset, IndexSize: sum.Index.Size, Index: sum.Index.SHA256,
		Description: "image of a seized disk", Handling: []string{"law-enforcement-only"}, Examiner: "examiner 7", Issued: b.Issued,
	}, s.To.Lab)
	if err != nil {
		return err
	}
	p.InnerFile, err = seal.SealSmall(p.Contents.Inner, maxInnerFile, to...)
	b.InnerSHA256 = sha256.Sum256(p.InnerFile)
	return err
}

// Save writes head, payload and inner.age, as the relay would hand them out,
// into the folder dir.
func (p *Package) Save(dir string) error {
	for name, data := range map[string][]byte{"head": p.Head, "payload": p.Payload, "inner.age": p.InnerFile} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return fmt.Errorf("writing %q: %w", name, err)
		}
	}
	return nil
}
