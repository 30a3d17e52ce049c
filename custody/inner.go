package custody

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
)

const (
	innerType        = "comity/inner/v1"
	innerPayloadType = "application/vnd.comity.inner.v1+json"

	// MaxInner is the largest inner statement, signed and in its envelope, in
	// bytes. The age file around it adds its header and 16 bytes a chunk.
	MaxInner = 256 << 10

	maxDescription = 4000
	maxExaminer    = 200
	maxHandling    = 32
)

// Inner is what the sender says of a package to its recipients alone: it travels
// in inner.age, sealed to them, and never becomes an entry. It repeats what the
// seal says in public, so that neither can be put beside another package: a
// recipient who seals the same plaintext anew to somebody else can show no inner
// statement for it. A receipt names the hash of its payload; the nonce makes that
// hash unguessable.
type Inner struct {
	Type        string         `json:"_type"` // comity/inner/v1
	Nonce       Digest         `json:"nonce"`
	Package     string         `json:"package"`
	Request     Digest         `json:"request_sha256"`
	Sender      PartyID        `json:"sender"`
	Recipients  []RecipientRef `json:"recipients"` // in the order of the seal
	HeadSHA256  Digest         `json:"head_sha256"`
	PayloadRoot Digest         `json:"payload_root"`
	PayloadSize int64          `json:"payload_size"` // ciphertext bytes
	ArchiveSize int64          `json:"archive_size"` // bytes of the tar archive before its padding
	TagManifest Digest         `json:"tag_manifest_sha256"`
	IndexOffset int64          `json:"index_offset"` // of index.txt in the archive, which lists where its files stand
	IndexSize   int64          `json:"index_size"`   // bytes of index.txt
	Index       Digest         `json:"index_sha256"` // of index.txt
	Files       int64          `json:"files"`        // below data/
	Bytes       int64          `json:"bytes"`        // of these files
	Description string         `json:"description"`
	Handling    []string       `json:"handling"` // codes the two States agreed on; Comity knows none
	Examiner    string         `json:"examiner"`
	Issued      Time           `json:"issued"` // the sender's clock
}

// SignInner fills in the type and a fresh nonce, checks the fields and returns
// the inner statement signed by the sender's key, in its envelope.
func SignInner(in Inner, k *keys.Private) ([]byte, error) {
	in.Type, in.Nonce = innerType, statement.NewNonce()
	if err := in.check(); err != nil {
		return nil, fmt.Errorf("writing inner statement: %w", err)
	}
	env := statement.New(innerPayloadType, statement.Encode(in), k).Marshal()
	if len(env) > MaxInner {
		return nil, fmt.Errorf("writing inner statement: %d bytes, more than %d", len(env), MaxInner)
	}
	return env, nil
}

// ParseInner reads an inner statement: form and fields. It returns the hash of
// the payload, which the receipt names, and the envelope. It verifies no
// signature: VerifyInner does.
func ParseInner(envelope []byte) (*Inner, Digest, *statement.Envelope, error) {
	if len(envelope) > MaxInner {
		return nil, Digest{}, nil, fmt.Errorf("reading inner statement: %d bytes, more than %d", len(envelope), MaxInner)
	}
	env, err := statement.Parse(envelope)
	if err != nil {
		return nil, Digest{}, nil, fmt.Errorf("reading inner statement: %v", err)
	}
	if env.PayloadType != innerPayloadType {
		return nil, Digest{}, nil, fmt.Errorf("reading inner statement: payload type %.80q is not that of one", env.PayloadType)
	}
	var in Inner
	if err := statement.Decode(env.Payload, &in); err != nil {
		return nil, Digest{}, nil, fmt.Errorf("reading inner statement: %v", err)
	}
	if err := in.check(); err != nil {
		return nil, Digest{}, nil, fmt.Errorf("reading inner statement: %w", err)
	}
	return &in, env.SHA256(), env, nil
}

// VerifyInner checks that an inner statement is signed by the sender's key, by
// both halves and by nobody else, and that every field which the seal states too
// is the same there. The caller takes the key from the directory in force at the
// seal's place in the log, and has verified the seal.
func VerifyInner(envelope []byte, sender *keys.Public, seal *Seal) error {
	in, _, env, err := ParseInner(envelope)
	if err != nil {
		return err
	}
	if _, err := env.Verify(func(id keys.ID) (*keys.Public, bool) { return sender, id == sender.ID() }); err != nil {
		return fmt.Errorf("verifying inner statement: %w", err)
	}
	if name := in.differs(seal); name != "" {
		return fmt.Errorf("verifying inner statement: its %s is not that of the seal", name)
	}
	return nil
}

// differs names the first field that the inner statement and the seal do not
// share, or "".
func (in *Inner) differs(s *Seal) string {
	switch {
	case in.Package != s.Package:
		return "package"
	case in.Request != s.Request:
		return "request_sha256"
	case string(in.Sender) != s.By:
		return "sender"
	case !slices.Equal(in.Recipients, s.Recipients):
		return "recipients"
	case in.HeadSHA256 != s.HeadSHA256:
		return "head_sha256"
	case in.PayloadRoot != s.PayloadRoot:
		return "payload_root"
	case in.PayloadSize != s.PayloadSize:
		return "payload_size"
	}
	return ""
}

func (in *Inner) check() error {
	if in.Type != innerType {
		return bad("_type %q, want %q", in.Type, innerType)
	}
	if err := packageRefs(in.Package, in.Nonce, in.Request, in.HeadSHA256, in.PayloadRoot, in.TagManifest, in.Index); err != nil {
		return err
	}
	if p, err := ParsePartyID(string(in.Sender)); err != nil || p.Role() != RoleAgent {
		return bad("sender %q: want an agent's id", in.Sender)
	}
	if err := checkRecipientRefs(in.Recipients); err != nil {
		return err
	}
	// A sealed byte is never shorter than a plain one.
	if in.ArchiveSize < 1 || in.PayloadSize <= in.ArchiveSize || in.Files < 0 || in.Bytes < 0 || in.Bytes >= in.ArchiveSize {
		return bad("payload_size %d, archive_size %d, files %d, bytes %d: out of range", in.PayloadSize, in.ArchiveSize, in.Files, in.Bytes)
	}
	if in.IndexOffset < 1 || in.IndexSize < 1 || in.IndexSize >= in.ArchiveSize || in.IndexOffset >= in.ArchiveSize-in.IndexSize {
		return bad("index_offset %d, index_size %d: outside of an archive of %d bytes", in.IndexOffset, in.IndexSize, in.ArchiveSize)
	}
	if in.Issued.IsZero() {
		return bad("issued is missing")
	}
	return in.checkText()
}

// CheckInnerText checks what a sender may say of a package, before anything is
// sent: the texts are signed only when all of it has been.
func CheckInnerText(description, examiner string, handling []string) error {
	in := Inner{Description: description, Examiner: examiner, Handling: handling}
	return in.checkText()
}

func (in *Inner) checkText() error {
	if err := checkLine(in.Examiner, maxExaminer); err != nil {
		return bad("examiner: %v", err)
	}
	// A description may have lines; nothing else that moves a terminal's cursor.
	if err := checkLine(strings.ReplaceAll(in.Description, "\n", " "), maxDescription); err != nil {
		return bad("description: %v", err)
	}
	if len(in.Handling) > maxHandling {
		return bad("handling: %d codes, more than %d", len(in.Handling), maxHandling)
	}
	seen := codeSet{}
	for _, c := range in.Handling {
		if !codePattern.MatchString(c) || seen[c] {
			return bad("handling: %q is malformed or repeated", c)
		}
		seen[c] = true
	}
	return nil
}

func checkLine(s string, most int) error {
	if len(s) > most {
		return fmt.Errorf("%d bytes, more than %d", len(s), most)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("holds a control character")
	}
	return nil
}

func checkRecipientRefs(list []RecipientRef) error {
	var ids []PartyID
	for _, r := range list {
		if r.Directory.IsZero() || r.Key.IsZero() {
			return bad("recipients: %q lacks its directory or key", r.ID)
		}
		ids = append(ids, r.ID)
	}
	if len(ids) == 0 {
		return bad("recipients: none")
	}
	return checkParties("recipients", ids, RoleRecipient, ids[0].Authority(), maxRecipients)
}
