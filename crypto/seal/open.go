package seal

import (
	"bytes"
	"fmt"
	"io"

	"filippo.io/age"
)

// Open checks a head as CheckHead does, opens it with one of the identities and
// returns a reader of the plaintext of payload, padding included. The error
// wraps *age.NoIdentityMatchError if the file is for none of them. It fails
// where FIPSRefusal does.
//
// What the reader returns before io.EOF is unverified: a payload that is cut or
// altered further on gives correct plaintext up to there and only then an
// error. Callers write into quarantine, and show and use nothing before the
// end. The end says that the payload is whole, not who made it: that is the
// signature over head and payload root, checked before Open.
func Open(head []byte, payload io.Reader, ids ...age.Identity) (io.Reader, error) {
	if err := FIPSRefusal(); err != nil {
		return nil, err
	}
	if err := CheckHead(head); err != nil {
		return nil, err
	}
	r, err := age.Decrypt(io.MultiReader(bytes.NewReader(head), payload), ids...)
	if err != nil {
		return nil, fmt.Errorf("opening payload: %w", err)
	}
	return r, nil
}
