package statement

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Digest is a SHA-256 hash. Its text form is 64 lower-case hexadecimal digits.
type Digest [sha256.Size]byte

// ParseDigest reads the text form of a Digest, and only that form.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	err := d.UnmarshalText([]byte(s))
	return d, err
}

// String returns the 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether the digest is absent.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(b []byte) error {
	s := string(b)
	if len(s) != 2*len(d) || strings.ToLower(s) != s {
		return fmt.Errorf("malformed SHA-256 %q: want 64 lower-case hexadecimal digits", s)
	}
	if _, err := hex.Decode(d[:], b); err != nil {
		return fmt.Errorf("malformed SHA-256 %q: %v", s, err)
	}
	return nil
}

// NewNonce returns 32 fresh random bytes. A statement carries one so that its
// hash cannot be guessed from its contents.
func NewNonce() (d Digest) {
	rand.Read(d[:]) // never fails, see crypto/rand
	return d
}

// Time is a moment in UTC with at most microseconds, in RFC 3339 text ending in
// Z. No other spelling of the same moment is accepted.
type Time struct{ t time.Time }

// At returns t as a Time, cut to microseconds.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Microsecond)} }

// Time returns the moment as a time.Time in UTC.
func (t Time) Time() time.Time { return t.t }

// IsZero reports whether the time is absent.
func (t Time) IsZero() bool { return t.t.IsZero() }

// String returns the RFC 3339 text.
func (t Time) String() string { return t.t.Format(time.RFC3339Nano) }

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Time) UnmarshalText(b []byte) error {
	v, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil || !strings.HasSuffix(string(b), "Z") {
		return fmt.Errorf("malformed time %q: want RFC 3339 in UTC, like 2026-03-01T10:00:00Z", b)
	}
	if *t = At(v); t.String() != string(b) {
		return fmt.Errorf("malformed time %q: not in canonical form %q", b, t)
	}
	return nil
}
