package command

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
)

// sealedFile is what --sealed says of one file.
type sealedFile struct {
	Package string `json:"package"`
	File    string `json:"file"` // below DIR
	Status  string `json:"status"`
}

const (
	statusSealed   = "is as sealed"
	statusOther    = "has another SHA-256 than was sealed"
	statusOtherLen = "has another length than was sealed"
	statusOtherSum = "has another root over its parts than was sealed"
	statusMissing  = "is missing"
	statusNoFolder = "is missing: this package's sealed files were not checked"
)

// sealed checks the files of packages against their seals: those in a folder named
// like the package or, if the dossier has but one, those in dir itself. Each package
// of the dossier is in the list: what nobody checked must not look as if it had been.
func sealed(dir string, packages []dossier.Package) ([]sealedFile, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("comparing sealed files: %w", err)
	}
	defer root.Close()
	var list []sealedFile
	found := 0
	for _, p := range packages {
		at := p.ID
		info, err := root.Stat(at)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("comparing sealed files: %w", err)
		}
		if err != nil || !info.IsDir() {
			if len(packages) != 1 {
				list = append(list, sealedFile{Package: p.ID, File: at, Status: statusNoFolder})
				continue
			}
			at = "."
		}
		found++
		files, err := sealedPackage(root, at, p)
		if err != nil {
			return nil, fmt.Errorf("comparing sealed files: %w", err)
		}
		list = append(list, files...)
	}
	if found == 0 {
		return nil, hintError{
			fmt.Sprintf("comparing sealed files: %q holds none of the dossier's %d packages", dir, len(packages)),
			"put head, payload and inner.age of each into a folder named like the package",
		}
	}
	return list, nil
}

// sealedPackage checks the three files of one package.
func sealedPackage(root *os.Root, at string, p dossier.Package) ([]sealedFile, error) {
	var list []sealedFile
	for _, f := range []struct {
		name  string
		check func(io.Reader) (string, error)
	}{
		{"head", func(r io.Reader) (string, error) { return checkSum(r, p.HeadSHA256) }},
		{"payload", func(r io.Reader) (string, error) { return checkPayload(r, p) }},
		{"inner.age", func(r io.Reader) (string, error) { return checkSum(r, p.InnerSHA256) }},
	} {
		x := sealedFile{Package: p.ID, File: path.Join(at, f.name), Status: statusMissing}
		if err := x.compare(root, f.check); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

// compare opens the file, if it is one: a pipe of that name would never end.
func (x *sealedFile) compare(root *os.Root, check func(io.Reader) (string, error)) error {
	info, err := root.Stat(x.File)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		x.Status = statusNoFile
		return nil
	}
	r, err := root.Open(x.File)
	if err != nil {
		return err
	}
	defer r.Close() // read only
	x.Status, err = check(r)
	return err
}

func checkSum(r io.Reader, want custody.Digest) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	if custody.Digest(h.Sum(nil)) != want {
		return statusOther, nil
	}
	return statusSealed, nil
}

// checkPayload hashes the payload part by part, in constant memory, and compares
// length, number of parts and root.
func checkPayload(r io.Reader, p dossier.Package) (string, error) {
	var root seal.Root
	var size, parts int64
	for {
		h := sha256.New()
		n, err := io.CopyN(h, r, seal.PartSize)
		if err != nil && err != io.EOF {
			return "", err
		}
		if n > 0 {
			root.Add([sha256.Size]byte(h.Sum(nil)))
			size, parts = size+n, parts+1
		}
		if err == io.EOF {
			break
		}
		if size > p.PayloadSize {
			break // longer than sealed: no need to read on
		}
	}
	switch {
	case size != p.PayloadSize || parts != p.Parts:
		return statusOtherLen, nil
	case root.Sum() != p.PayloadRoot:
		return statusOtherSum, nil
	}
	return statusSealed, nil
}

func (x *sealedFile) text(b *strings.Builder) {
	fmt.Fprintf(b, "  %q %s\n", x.File, x.Status)
}
