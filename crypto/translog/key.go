package translog

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// MaxOrigin is the greatest length of an origin in bytes: its ML-DSA
// cosigner is named ORIGIN/mldsa and that name has a one-byte length.
const MaxOrigin = 255 - len("/mldsa")

// checkOrigin accepts what checkName does, with room for the suffix.
func checkOrigin(origin string) error {
	if err := checkName(origin, MaxOrigin); err != nil {
		return fmt.Errorf("origin: %v", err)
	}
	return nil
}

// GenerateKey makes an Ed25519 key for the log named origin. It returns the
// two strings of the note format: signer ("PRIVATE+KEY+…") is secret,
// verifier ("ORIGIN+hash+key") is public.
func GenerateKey(origin string) (signer, verifier string, err error) {
	if err := checkOrigin(origin); err != nil {
		return "", "", fmt.Errorf("generating log key: %v", err)
	}
	signer, verifier, err = note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return "", "", fmt.Errorf("generating log key for %q: %v", origin, err)
	}
	return signer, verifier, nil
}

// ParseSigner reads the secret key of the log named origin. The error never
// contains the key.
func ParseSigner(skey, origin string) (note.Signer, error) {
	if err := checkOrigin(origin); err != nil {
		return nil, fmt.Errorf("reading log key: %v", err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		return nil, fmt.Errorf("reading log key of %q: malformed secret key", origin)
	}
	if s.Name() != origin {
		return nil, fmt.Errorf("reading log key of %q: key is named %q", origin, s.Name())
	}
	return s, nil
}

// ParseVerifier reads the public Ed25519 key of the log named origin. It
// refuses a key of another name and any spelling but the one GenerateKey
// gives, because key strings stand in signed documents and are compared.
func ParseVerifier(vkey, origin string) (note.Verifier, error) {
	if err := checkOrigin(origin); err != nil {
		return nil, fmt.Errorf("reading log key: %v", err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		// Not quoted: someone may have given the secret key by mistake.
		return nil, fmt.Errorf("reading log key of %q: %v", origin, err)
	}
	if v.Name() != origin {
		return nil, fmt.Errorf("reading log key of %q: key is named %q", origin, v.Name())
	}
	if canonicalKey(vkey) != vkey {
		return nil, fmt.Errorf("reading log key of %q: not in canonical form", origin)
	}
	return v, nil
}

// canonicalKey spells a key anew that note.NewVerifier has accepted: NAME, an
// eight-digit hash and the base64 of an algorithm byte and the key.
func canonicalKey(vkey string) string {
	f := strings.SplitN(vkey, "+", 3)
	key, err := base64.StdEncoding.DecodeString(f[2])
	if err != nil || len(key) == 0 {
		return ""
	}
	again, err := note.NewEd25519VerifierKey(f[0], key[1:])
	if err != nil {
		return ""
	}
	return again
}

// KeyName returns the name in a key string, unchecked: whose key it says it is.
func KeyName(vkey string) string { name, _, _ := strings.Cut(vkey, "+"); return name }
