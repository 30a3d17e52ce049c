package command

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
)

// exhibit is what --exhibits says of one file.
type exhibit struct {
	File   string            `json:"file"` // below DIR, slash-separated
	SHA256 custody.Digest    `json:"sha256,omitzero"`
	Status string            `json:"status"`
	Held   []dossier.Exhibit `json:"held"` // where packages list the same bytes, and whether that stands
}

const (
	statusHeld        = "is in the evidence"
	statusDisputed    = "is listed by the sender, but disputed: a recipient's receipt names another inner statement"
	statusRejected    = "is listed by the sender, but in a package that a recipient rejected"
	statusUnconfirmed = "is listed by the sender's word alone: no recipient confirmed it"
	statusNotHeld     = "is in no package whose contents this dossier has"
	statusNoFile      = "is not a regular file: not compared"
	hintNoContents    = "only a party that opened a package can make a dossier with its contents"
)

// statusOf says what it means that packages list a file. Only what the sender
// listed and recipients confirmed is held to be in the evidence: a sender alone
// can list files that it never sent.
func statusOf(at []dossier.Exhibit) string {
	for _, x := range []struct {
		standing dossier.Standing
		status   string
	}{
		{dossier.StandingConfirmed, statusHeld}, {dossier.StandingDisputed, statusDisputed},
		{dossier.StandingRejected, statusRejected}, {dossier.StandingUnconfirmed, statusUnconfirmed},
	} {
		if slices.ContainsFunc(at, func(e dossier.Exhibit) bool { return e.Standing == x.standing }) {
			return x.status
		}
	}
	return statusNotHeld
}

// hintError is an error with advice.
type hintError struct{ text, hint string }

// Error returns the error.
func (e hintError) Error() string { return e.text }

// Hint returns the advice, which fail prints.
func (e hintError) Hint() string { return e.hint }

// exhibits hashes every file below dir and looks for it in the manifests. Links
// are not followed: what they lead to is no exhibit of this folder.
func exhibits(dir string, v *dossier.Verdict) ([]exhibit, error) {
	if !slices.ContainsFunc(v.Packages, func(p dossier.Package) bool { return p.Opened != nil && p.Opened.Files > 0 }) {
		return nil, hintError{"comparing exhibits: the dossier holds no manifest", hintNoContents}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("comparing exhibits: %w", err)
	}
	defer root.Close()
	var list []exhibit
	sums := map[custody.Digest]bool{} // of a manifest with a million lines only these are of interest
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
			sums[x.SHA256] = true
		}
		list = append(list, x)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("comparing exhibits: %w", err)
	}
	held := v.Exhibits(sums)
	for i := range list {
		if x := &list[i]; !x.SHA256.IsZero() {
			x.Held = append(x.Held, held[x.SHA256]...)
			x.Status = statusOf(x.Held)
		}
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
		fmt.Fprintf(b, "      %q in package %s: %s\n", h.Path, h.Package, h.Why)
	}
}
