package objects

import (
	"fmt"
	"strings"
)

const (
	maxKey     = 1024 // bytes, the limit of S3
	maxSegment = 255  // bytes, the limit of most file systems
)

// CheckKey returns ErrKey unless key is one or more segments joined by "/",
// each 1 to 255 bytes of a-z, 0-9 and ".", that neither begin nor end with a
// dot nor hold two in a row; 1024 bytes in all. For example
// "7f/k3v…/payload.000", "log/tile/0/x001/067.p/8", "log/checkpoint".
//
// So a key is the same on file systems that fold case or strip trailing dots,
// needs no escaping in a URL, and can never climb out of its root.
func CheckKey(key string) error {
	if key == "" || len(key) > maxKey {
		return fmt.Errorf("%w: %.80q has %d bytes", ErrKey, key, len(key))
	}
	for seg := range strings.SplitSeq(key, "/") {
		if !segment(seg) {
			return fmt.Errorf("%w: segment %.80q of %.80q", ErrKey, seg, key)
		}
	}
	return nil
}

// CheckPrefix returns ErrKey unless prefix is "" or a key followed by "/".
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	key, ok := strings.CutSuffix(prefix, "/")
	if !ok {
		return fmt.Errorf("%w: prefix %.80q does not end with a slash", ErrKey, prefix)
	}
	return CheckKey(key)
}

func segment(s string) bool {
	if s == "" || len(s) > maxSegment {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '.' && i > 0 && i < len(s)-1 && s[i-1] != '.':
		default:
			return false
		}
	}
	return true
}
