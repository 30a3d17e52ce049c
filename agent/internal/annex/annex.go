// Package annex packs what tells of a case, and only the parties may read, into
// one age file: a tar with annex.json and the attached documents, byte for byte.
// `age -d -i KEY FILE | tar -x` opens it without this program.
//
// It refuses attachments with paths, more than 64 of them, sparse ones, and anything
// above the size that a statement may bind.
package annex

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"

	"filippo.io/age"
)

const (
	jsonName       = "annex.json"
	maxAttachments = 64
)

// Annex is the contents of an annex.
type Annex struct {
	Text        Text
	Attachments []Attachment
}

// Text is annex.json: words for people.
type Text struct {
	Type        string    `json:"_type"`                 // comity/annex/v1
	Reference   string    `json:"reference,omitempty"`   // the requesting authority's own, like NL-2026-0412
	Facts       string    `json:"facts,omitempty"`       // of a request
	Contents    *Contents `json:"contents,omitempty"`    // of a request: what treaties ask for
	Reasons     string    `json:"reasons,omitempty"`     // of a refusal, or a review's findings
	Examined    []Ground  `json:"examined,omitempty"`    // of a review: each ground of refusal that was examined
	Conditions  string    `json:"conditions,omitempty"`  // of a grant, in free text
	Attachments []string  `json:"attachments,omitempty"` // file names, in order
}

// Ground is a ground of refusal that a reviewing body examined, and what it found; empty
// if nothing stands against a grant.
type Ground struct {
	Ground string `json:"ground"` // a code of a refusal
	Found  string `json:"found,omitempty"`
}

// Attachment is one document.
type Attachment struct {
	Name string
	Data []byte
}

// Seal packs an annex and encrypts it to recipients. It returns the age file and
// the reference that a statement binds.
func Seal(a Annex, to []age.Recipient) ([]byte, custody.AnnexRef, error) {
	var none custody.AnnexRef
	a.Text.Type, a.Text.Attachments = "comity/annex/v1", nil
	for _, f := range a.Attachments {
		if err := checkName(f.Name); err != nil || f.Name == jsonName || slices.Contains(a.Text.Attachments, f.Name) {
			return nil, none, fmt.Errorf("packing annex: attachment %q has no plain name of its own", f.Name)
		}
		a.Text.Attachments = append(a.Text.Attachments, f.Name)
	}
	if len(a.Attachments) > maxAttachments {
		return nil, none, fmt.Errorf("packing annex: %d attachments, more than %d", len(a.Attachments), maxAttachments)
	}
	plain, err := pack(append([]Attachment{{jsonName, statement.Encode(a.Text)}}, a.Attachments...))
	if err != nil {
		return nil, none, fmt.Errorf("packing annex: %v", err)
	}
	file, err := seal.SealSmall(plain, custody.MaxAnnex, to...)
	if err != nil {
		return nil, none, fmt.Errorf("packing annex: %w", err)
	}
	return file, custody.AnnexRef{SHA256: custody.HashOf(file), Size: int64(len(file))}, nil
}

func pack(files []Attachment) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: 0o644, Size: int64(len(f.Data)), Format: tar.FormatPAX}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// Open decrypts an annex and unpacks it.
func Open(file []byte, ids ...age.Identity) (*Annex, error) {
	plain, err := seal.OpenSmall(file, custody.MaxAnnex, ids...)
	if err != nil {
		return nil, fmt.Errorf("opening annex: %w", err)
	}
	files, err := unpack(plain)
	if err != nil {
		return nil, fmt.Errorf("opening annex: %v", err)
	}
	a := &Annex{Attachments: files[1:]}
	if err := statement.Decode(files[0].Data, &a.Text); err != nil {
		return nil, fmt.Errorf("opening annex: %s: %v", jsonName, err)
	}
	var names []string
	for _, f := range a.Attachments {
		names = append(names, f.Name)
	}
	if a.Text.Type != "comity/annex/v1" || !slices.Equal(names, a.Text.Attachments) {
		return nil, fmt.Errorf("opening annex: %s does not describe what is in it", jsonName)
	}
	return a, nil
}

// unpack reads the members of a tar. Together they are never larger than it: a
// sparse member, which archive/tar fills with zeros to any size, is refused.
func unpack(plain []byte) ([]Attachment, error) {
	var files []Attachment
	left := int64(len(plain))
	for r := tar.NewReader(bytes.NewReader(plain)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg || sparse(h) || checkName(h.Name) != nil || len(files) > maxAttachments {
			return nil, fmt.Errorf("unexpected member %q", h.Name)
		}
		if h.Size > left {
			return nil, fmt.Errorf("member %q claims %d bytes, more than the archive holds", h.Name, h.Size)
		}
		data, err := io.ReadAll(io.LimitReader(r, left))
		if err != nil {
			return nil, err
		}
		left -= int64(len(data))
		files = append(files, Attachment{h.Name, data})
	}
	if len(files) == 0 || files[0].Name != jsonName {
		return nil, fmt.Errorf("%s is not the first member", jsonName)
	}
	return files, nil
}

// sparse reports whether a member has holes; with PAX headers it looks like any
// regular file otherwise.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// checkName refuses names that are paths, hidden, or hostile on some system.
func checkName(name string) error {
	if name == "" || len(name) > 200 || strings.HasPrefix(name, ".") || strings.ContainsFunc(name, func(r rune) bool {
		return r < 0x20 || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r)
	}) {
		return fmt.Errorf("malformed attachment name %q", name)
	}
	return nil
}
