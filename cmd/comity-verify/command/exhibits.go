package command

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
)

// exhibit is what --exhibits says of one file.
type exhibit struct {
	File   string            `json:"file"` // below DIR, slash-separated
	SHA256 custody.Digest    `json:"sha256,omitzero"`
	Status string            `json:"status"`
	Held   []dossier.Exhibit `json:"held"` // where packages hold the same bytes
}

const (
	statusHeld     = "is in the evidence"
	statusNotHeld  = "is in no package of this dossier"
	statusNoFile   = "is not a regular file: not compared"
	hintNoContents = "only a party that opened a package can make a dossier with its contents"
)

// hintError is an error with advice.
type hintError struct{ text, hint string }

// Error returns the error.
func (e hintError) Error() string { return e.text }

// Hint returns the advice, which fail prints.
func (e hintError) Hint() string { return e.hint }

// exhibits hashes every file below dir and looks for it in the manifests. Links
// are not followed: what they lead to is no exhibit of this folder.
func exhibits(dir string, held map[custody.Digest][]dossier.Exhibit) ([]exhibit, error) {
	if len(held) == 0 {
		return nil, hintError{"comparing exhibits: the dossier holds no manifest", hintNoContents}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("comparing exhibits: %w", err)
	}
	defer root.Close()
	var list []exhibit
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return nil
		}
		x := exhibit{File: name, Status: statusNoFile, Held: []dossier.Exhibit{}}
		if e.Type().IsRegular() {
			if x.SHA256, err = hashFile(root, name); err != nil {
				return err
			}
			x.Status = statusNotHeld
			if at := held[x.SHA256]; len(at) > 0 {
				x.Status, x.Held = statusHeld, at
			}
		}
		list = append(list, x)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("comparing exhibits: %w", err)
	}
	if len(list) == 0 {
		return nil, errors.New("comparing exhibits: there is no file below the folder")
	}
	return list, nil
}

func hashFile(root *os.Root, name string) (sum custody.Digest, err error) {
	f, err := root.Open(name)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return custody.Digest(h.Sum(nil)), nil
}

func (x *exhibit) text(b *strings.Builder) {
	fmt.Fprintf(b, "  %q %s\n", x.File, x.Status)
	for _, h := range x.Held {
		fmt.Fprintf(b, "      %q in package %s\n", h.Path, h.Package)
	}
}
