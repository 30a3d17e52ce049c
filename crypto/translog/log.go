package translog

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// mldsaSuffix makes the name of a log's ML-DSA key of its origin.
const mldsaSuffix = "/mldsa"

// LogKey is the public key of a log: an Ed25519 key named like the log's
// origin and an ML-DSA-44 key named ORIGIN/mldsa. Every checkpoint carries a
// valid signature of each, so a forger must break both.
type LogKey struct {
	ed   note.Verifier
	vkey string // of ed
	ml   *CosignerKey
}

// ParseLogKey reads the two keys of the log named origin, each in its one
// spelling and under its name.
func ParseLogKey(edKey, mlKey, origin string) (*LogKey, error) {
	ed, err := ParseVerifier(edKey, origin)
	if err != nil {
		return nil, err
	}
	ml, err := ParseCosignerKey(mlKey)
	if err != nil {
		return nil, fmt.Errorf("reading ML-DSA log key of %q: %v", origin, err)
	}
	if ml.name != origin+mldsaSuffix || ml.alg != MLDSA44 {
		return nil, fmt.Errorf("reading ML-DSA log key of %q: key is of %v and named %q", origin, ml.alg, ml.name)
	}
	return &LogKey{ed, edKey, ml}, nil
}

// Origin returns the name of the log.
func (k *LogKey) Origin() string { return k.ed.Name() }

// Strings returns the two keys as ParseLogKey reads them.
func (k *LogKey) Strings() (edKey, mlKey string) { return k.vkey, k.ml.String() }

// Equal reports whether two keys are the same in both halves.
func (k *LogKey) Equal(other *LogKey) bool { return k.vkey == other.vkey && k.ml.Equal(other.ml) }

// LogSigner is the secret key of a log, both halves. It is immutable, safe for
// concurrent use, and never printed.
type LogSigner struct {
	ed  note.Signer
	ml  *Cosigner
	key *LogKey
}

// Origin returns the name of the log.
func (s *LogSigner) Origin() string { return s.key.Origin() }

// Key returns the public key.
func (s *LogSigner) Key() *LogKey { return s.key }

// GenerateLog makes the key of the log named origin, from the system's random
// source. secret is two lines, the signer strings of both halves.
func GenerateLog(origin string) (secret string, key *LogKey, err error) {
	ed, edPublic, err := GenerateKey(origin)
	if err != nil {
		return "", nil, err
	}
	ml, mlPublic, err := GenerateCosigner(origin+mldsaSuffix, MLDSA44)
	if err != nil {
		return "", nil, err
	}
	key, err = ParseLogKey(edPublic, mlPublic, origin)
	return ed + "\n" + ml, key, err
}

// ParseLog reads the secret key that GenerateLog made for the log named
// origin. The error never contains the key.
func ParseLog(secret, origin string) (*LogSigner, error) {
	edText, mlText, ok := strings.Cut(secret, "\n")
	if !ok {
		return nil, fmt.Errorf("reading log key of %q: want two secret keys, Ed25519 and ML-DSA-44, in two lines", origin)
	}
	ed, err := ParseSigner(edText, origin)
	if err != nil {
		return nil, err
	}
	ml, err := ParseCosigner(mlText)
	if err != nil {
		return nil, fmt.Errorf("reading log key of %q: %v", origin, err)
	}
	public, err := edPublic(edText)
	if err != nil {
		return nil, fmt.Errorf("reading log key of %q: %v", origin, err)
	}
	key, err := ParseLogKey(public, ml.key.String(), origin)
	if err != nil {
		return nil, err
	}
	return &LogSigner{ed, ml, key}, nil
}

// edPublic returns the verifier string of a signer string that ParseSigner accepts.
func edPublic(skey string) (string, error) {
	f := strings.SplitN(skey, "+", 5)
	seed, err := base64.StdEncoding.DecodeString(f[len(f)-1])
	if err != nil || len(f) != 5 || len(seed) != 1+ed25519.SeedSize {
		return "", errors.New("malformed secret key")
	}
	return note.NewEd25519VerifierKey(f[2], ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey))
}
