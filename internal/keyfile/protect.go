package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// maxWorkFactor bounds the scrypt work of a file we are given: 2^20 is four
// times what age, and so Save, takes, and 1 GiB of memory. age's own limit
// would let a planted file take 4 GiB.
const maxWorkFactor = 20

func isProtected(data []byte) bool { return bytes.HasPrefix(data, []byte(armor.Header)) }

// protect encrypts data to a passphrase with age's own work factor, but in programs
// that were built for tests.
func protect(data, passphrase []byte) ([]byte, error) {
	r, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, err
	}
	if workFactor != 0 {
		r.SetWorkFactor(workFactor)
	}
	var out bytes.Buffer
	a := armor.NewWriter(&out)
	w, err := age.Encrypt(a, r)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := a.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unprotect is the inverse of protect, for a scrypt work factor of at most
// 2^maxWork. Only a passphrase opens the file: a key encrypted to an age
// recipient could come from anybody.
func unprotect(data, passphrase []byte, maxWork int) ([]byte, error) {
	id, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, err
	}
	id.SetMaxWorkFactor(maxWork)
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(data)), id)
	if other := new(age.NoIdentityMatchError); errors.As(err, &other) {
		if slices.Contains(other.StanzaTypes, "scrypt") {
			return nil, errors.New("wrong passphrase")
		}
		return nil, errors.New("it is not encrypted to a passphrase")
	}
	if err != nil {
		return nil, fmt.Errorf("decrypting: %v", err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decrypting: %v", err)
	}
	return plain, nil
}
