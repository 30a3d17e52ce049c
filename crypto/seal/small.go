package seal

import (
	"bytes"
	"fmt"

	"filippo.io/age"
)

// SealSmall returns plain as a whole age file, head and payload together, for
// what is kept in memory: inner statements and annexes. The finished file may
// have at most limit bytes. Recipients are as for NewSealer. The file is not
// padded: its size tells the size of plain.
func SealSmall(plain []byte, limit int, recipients ...age.Recipient) ([]byte, error) {
	if err := FIPSRefusal(); err != nil {
		return nil, err
	}
	if err := checkRecipients(recipients); err != nil {
		return nil, fmt.Errorf("sealing small file: %v", err)
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, recipients...) // writes the head
	if err != nil {
		return nil, fmt.Errorf("sealing small file: %v", err)
	}
	if size := int64(b.Len()) + PayloadSize(int64(len(plain))); size > int64(limit) {
		return nil, fmt.Errorf("sealing small file: %d bytes are more than %d", size, limit)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("sealing small file: %v", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("sealing small file: %v", err)
	}
	return b.Bytes(), nil
}

// OpenSmall returns the plaintext of a whole age file of at most limit bytes:
// all of it, or nothing and an error. The head must pass CheckHead, so files
// with any recipient that is not post-quantum are refused, as is anything after
// the payload's end. The error wraps *age.NoIdentityMatchError if the file is
// for none of the identities. It fails where FIPSRefusal does.
func OpenSmall(file []byte, limit int, ids ...age.Identity) ([]byte, error) {
	if len(file) > limit {
		return nil, fmt.Errorf("opening small file: %d bytes are more than %d", len(file), limit)
	}
	header, err := splitHeader(file[:min(len(file), MaxHead)])
	if err != nil {
		return nil, fmt.Errorf("opening small file: %v", err)
	}
	cut := min(len(header)+NonceSize, len(file))
	o, err := NewOpener(file[:cut], int64(len(file)-cut), ids...)
	if err != nil {
		return nil, fmt.Errorf("opening small file: %w", err)
	}
	plain, err := o.OpenChunks(nil, 0, file[cut:])
	if err != nil {
		return nil, fmt.Errorf("opening small file: %v", err)
	}
	return plain, nil
}
