// Package notice is a statement that stops something, in one file: a revocation, a
// withdrawal, a recall or a suspension that the relay has given no proof of. It is handed
// to the other State by any other way, and there it stops the same, because it can be
// verified without the relay: the file has the roots and directories of who signed, from
// the one that is pinned.
//
// It refuses statements that do more than stop, every spelling but the one that Marshal
// writes, and an annex other than the one that the statement binds. It opens no file and
// asks no clock.
package notice

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

const typeName = "comity/notice/v1"

// MaxBytes is the largest notice: the directories of years, and an annex.
const MaxBytes = 128 << 20

// Notice is the file.
type Notice struct {
	Type        string       `json:"_type"`    // comity/notice/v1
	Made        custody.Time `json:"made"`     // by the clock of who made it
	Envelope    []byte       `json:"envelope"` // of the statement
	Annex       []byte       `json:"annex,omitempty"`
	Roots       [][]byte     `json:"roots"`       // envelopes, oldest first, of the authority that speaks
	Directories [][]byte     `json:"directories"` // likewise
}

// Marshal returns the one form of a notice.
func (n *Notice) Marshal() []byte {
	n.Type = typeName
	return statement.Encode(n)
}

// Parse reads what Marshal wrote, and the statement in it. It verifies no signature.
func Parse(data []byte) (*Notice, *custody.Statement, error) {
	if len(data) > MaxBytes {
		return nil, nil, fmt.Errorf("reading notice: more than %d bytes", MaxBytes)
	}
	n := new(Notice)
	if err := statement.Decode(data, n); err != nil {
		return nil, nil, fmt.Errorf("reading notice: %v", err)
	}
	st, err := n.check()
	if err != nil {
		return nil, nil, fmt.Errorf("reading notice: %w", err)
	}
	if !bytes.Equal(data, n.Marshal()) {
		return nil, nil, errors.New("reading notice: not in the form that this program writes")
	}
	return n, st, nil
}

func (n *Notice) check() (*custody.Statement, error) {
	if n.Type != typeName || n.Made.IsZero() {
		return nil, fmt.Errorf("_type %q, made %s: want %q and a time", n.Type, n.Made, typeName)
	}
	st, err := custody.ParseStatement(n.Envelope)
	if err != nil {
		return nil, err
	}
	if !custody.Stopping(st) {
		return nil, fmt.Errorf("a %s stops nothing", st.Kind)
	}
	ref, bound := st.Annex()
	if bound != (len(n.Annex) > 0) || bound && (int64(len(n.Annex)) != ref.Size || custody.Digest(sha256.Sum256(n.Annex)) != ref.SHA256) {
		return nil, errors.New("its annex is not the one that the statement binds")
	}
	return st, nil
}

// Verify checks that those who may have signed the statement, down from the pinned root of
// their authority.
func (n *Notice) Verify(pin custody.Digest, now custody.Time) error {
	st, err := n.check()
	if err != nil {
		return fmt.Errorf("verifying notice: %w", err)
	}
	roots, err := parse(n.Roots)
	if err != nil {
		return fmt.Errorf("verifying notice: %w", err)
	}
	directories, err := parse(n.Directories)
	if err != nil {
		return fmt.Errorf("verifying notice: %w", err)
	}
	if err := custody.VerifyStop(st, pin, roots, directories, now); err != nil {
		return fmt.Errorf("verifying notice: %w", err)
	}
	return nil
}

func parse(envelopes [][]byte) (list []*custody.Statement, err error) {
	for _, e := range envelopes {
		st, err := custody.ParseStatement(e)
		if err != nil {
			return nil, err
		}
		list = append(list, st)
	}
	return list, nil
}
