package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"filippo.io/age"
	"golang.org/x/crypto/chacha20poly1305"
)

const (
	stanzaType = "mlkem768x25519"
	encSize    = 1088 + 32 // ML-KEM-768 ciphertext and X25519 share
	bodySize   = 16 + chacha20poly1305.Overhead
)

// CheckHead returns nil if head is an age header in its one canonical form
// followed by exactly NonceSize bytes, with 1 to MaxRecipients stanzas that are
// all mlkem768x25519, in at most MaxHead bytes. It needs no key, so a relay can
// check what it stores; whether the stanzas open, and the header's MAC, only a
// recipient can tell.
//
// Other stanzas are refused even where age would skip them: a classic one would
// be a way in later, and an unknown one a place to hide data.
func CheckHead(head []byte) error {
	_, err := CountRecipients(head)
	return err
}

// CountRecipients checks a head as CheckHead does and returns its number of
// recipients.
func CountRecipients(head []byte) (int, error) {
	if len(head) > MaxHead {
		return 0, fmt.Errorf("checking head: %d bytes are more than %d", len(head), MaxHead)
	}
	header, err := splitHeader(head)
	if err != nil {
		return 0, fmt.Errorf("checking head: %v", err)
	}
	if n := len(head) - len(header); n != NonceSize {
		return 0, fmt.Errorf("checking head: %d bytes after the header, want the nonce of %d", n, NonceSize)
	}
	stanzas, err := readStanzas(header)
	if err != nil {
		return 0, fmt.Errorf("checking head: %v", err)
	}
	if err := checkStanzas(stanzas); err != nil {
		return 0, fmt.Errorf("checking head: %v", err)
	}
	return len(stanzas), nil
}

// splitHeader returns the age header at the start of b, read by age's parser.
func splitHeader(b []byte) ([]byte, error) {
	header, err := age.ExtractHeader(bytes.NewReader(b))
	if err != nil {
		// age's error can repeat a line of the header, up to all of it.
		return nil, fmt.Errorf("not an age header: %q", clipError(err))
	}
	// age writes again what it has parsed. Were that different, two readers
	// could see two headers in the same bytes. age's parser takes only the
	// canonical form today; the nonce is cut off by length, so we do not rely
	// on it.
	if !bytes.HasPrefix(b, header) {
		return nil, errors.New("age header is not in canonical form")
	}
	return header, nil
}

// clipError returns the start of an error text that may quote hostile input.
func clipError(err error) string {
	const limit = 160
	s := err.Error()
	return s[:min(limit, len(s))]
}

// readStanzas returns the stanzas of a header as age's parser sees them: age
// shows them to an identity that takes none.
func readStanzas(header []byte) ([]*age.Stanza, error) {
	var l lister
	_, err := age.DecryptHeader(header, &l)
	var none *age.NoIdentityMatchError
	if !errors.As(err, &none) {
		return nil, fmt.Errorf("listing recipients: %v", err)
	}
	return l.stanzas, nil
}

// lister is an identity that notes the stanzas and opens none.
type lister struct{ stanzas []*age.Stanza }

// Unwrap implements age.Identity.
func (l *lister) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	l.stanzas = stanzas
	return nil, age.ErrIncorrectIdentity
}

// checkStanzas refuses every list that NewSealer could not have made.
func checkStanzas(stanzas []*age.Stanza) error {
	if n := len(stanzas); n < 1 || n > MaxRecipients {
		return fmt.Errorf("%d recipients; 1 to %d are allowed", n, MaxRecipients)
	}
	for i, s := range stanzas {
		if s.Type != stanzaType {
			return fmt.Errorf("recipient %d is %q; only %s is allowed", i, clip(s.Type), stanzaType)
		}
		if err := checkStanza(s); err != nil {
			return fmt.Errorf("recipient %d: %v", i, err)
		}
	}
	return nil
}

// checkStanza checks the form of one mlkem768x25519 stanza (age.md, "The
// mlkem768x25519 recipient type").
func checkStanza(s *age.Stanza) error {
	if len(s.Args) != 1 {
		return fmt.Errorf("%d arguments, want 1", len(s.Args))
	}
	enc, err := base64.RawStdEncoding.Strict().DecodeString(s.Args[0])
	if err != nil {
		return errors.New("argument is not canonical base64")
	}
	if len(enc) != encSize {
		return fmt.Errorf("encapsulation of %d bytes, want %d", len(enc), encSize)
	}
	if len(s.Body) != bodySize {
		return fmt.Errorf("body of %d bytes, want %d", len(s.Body), bodySize)
	}
	return nil
}
