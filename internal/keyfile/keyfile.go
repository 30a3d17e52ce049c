// Package keyfile keeps secret keys in files: seeds and note keys as text, TLS
// keys as PEM, age identities. A file holds one secret and says of what kind:
//
//	# comity officer secret key
//	…
//
// A secret with a passphrase is the same text inside an armored age file with
// one scrypt recipient, so `age -d FILE` opens it without this program, and
// the kind is authenticated with the rest.
//
// It refuses to overwrite a key, whatever the file holds; to read a file that
// others on the machine may read (on unix; on Windows the access list of the
// folder decides), one of another kind, one above 64 KiB, or one whose
// passphrase would cost more than 1 GiB of memory to try; and to keep a secret
// that is not text, because an editor or a copy would damage it. There is no
// default path and no way to give a passphrase on a command line or in an
// environment variable, which other programs can see.
//
// It does not wipe memory: Go moves and copies what it likes.
package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"comity.example/comity/internal/durable"
)

const (
	// MaxSecret is the size of the largest secret in bytes.
	MaxSecret = 32 << 10

	// maxFile leaves room for MaxSecret and what age and its armor add.
	maxFile = 64 << 10

	headPrefix = "# comity "
	headSuffix = " secret key\n"
)

// Save writes secret to the new file path, mode 0600, durably. kind is a word
// of lower-case letters, digits and hyphens that Load must name again. secret
// is text of 1 to MaxSecret bytes; line ends after its last line are not kept.
// If passphrase is nil the file is not protected; an empty one is an error.
//
// If the file exists the error is fs.ErrExist and the file is as it was.
func Save(path, kind string, secret, passphrase []byte) error {
	data, err := encode(kind, secret)
	if err != nil {
		return fmt.Errorf("saving secret key %q: %v", path, err)
	}
	if passphrase != nil {
		if data, err = protect(data, passphrase); err != nil {
			return fmt.Errorf("saving secret key %q: %v", path, err)
		}
	}
	err = durable.WriteNew(path, data, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("saving secret key: %w (a key is never overwritten: move the file away or choose another name)", err)
	}
	if err != nil {
		return fmt.Errorf("saving secret key: %w", err)
	}
	return nil
}

// Load reads the secret that Save wrote with the same kind. passphrase is
// called only if the file is protected; nil stands for having none. If the
// file is missing the error is fs.ErrNotExist.
func Load(path, kind string, passphrase func() ([]byte, error)) (Secret, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("loading secret key %q: %w", path, err)
	}
	if isProtected(data) {
		if passphrase == nil {
			return nil, fmt.Errorf("loading secret key %q: it needs a passphrase", path)
		}
		p, err := passphrase()
		if err != nil {
			return nil, fmt.Errorf("loading secret key %q: %w", path, err)
		}
		if data, err = unprotect(data, p, maxWorkFactor); err != nil {
			return nil, fmt.Errorf("loading secret key %q: %v", path, err)
		}
	}
	secret, err := decode(data, kind)
	if err != nil {
		return nil, fmt.Errorf("loading secret key %q: %v", path, err)
	}
	return secret, nil
}

// readPrivate reads a regular file of at most maxFile bytes that only its
// owner can read. Links are followed: secrets are often mounted through one.
func readPrivate(path string) ([]byte, error) {
	// Before opening, which would wait for ever on a pipe.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// Of what was opened, since path may lead elsewhere by now.
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkMode(path, info.Mode()); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("more than %d bytes", maxFile)
	}
	return data, nil
}

// encode returns the text of an unprotected file.
func encode(kind string, secret []byte) ([]byte, error) {
	if !validKind(kind) {
		return nil, fmt.Errorf("malformed kind %q", kind)
	}
	secret = bytes.TrimRight(secret, "\n")
	if err := checkSecret(secret); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s%s%s%s\n", headPrefix, kind, headSuffix, secret), nil
}

// decode is the inverse of encode. No error contains a part of the secret.
func decode(data []byte, kind string) (Secret, error) {
	head, secret, ok := bytes.Cut(data, []byte("\n"))
	if !ok {
		return nil, errors.New("not a secret key of comity")
	}
	got, ok := strings.CutPrefix(string(head)+"\n", headPrefix)
	if !ok {
		return nil, errors.New("not a secret key of comity")
	}
	got, ok = strings.CutSuffix(got, headSuffix)
	if !ok || !validKind(got) {
		return nil, errors.New("malformed first line")
	}
	if got != kind {
		return nil, fmt.Errorf("it is a secret key of kind %q, want %q", got, kind)
	}
	secret = bytes.TrimRight(secret, "\n")
	if err := checkSecret(secret); err != nil {
		return nil, err
	}
	return Secret(secret), nil
}

// validKind keeps the first line unambiguous.
func validKind(kind string) bool {
	for _, r := range kind {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return kind != "" && len(kind) <= 32
}

// checkSecret accepts lines of printable UTF-8.
func checkSecret(secret []byte) error {
	switch {
	case len(secret) == 0:
		return errors.New("the secret is empty")
	case len(secret) > MaxSecret:
		return fmt.Errorf("the secret has more than %d bytes", MaxSecret)
	case !utf8.Valid(secret):
		return errors.New("the secret is not text")
	}
	for _, b := range secret {
		if b < ' ' && b != '\n' && b != '\t' || b == 0x7f {
			return errors.New("the secret contains control characters")
		}
	}
	return nil
}
