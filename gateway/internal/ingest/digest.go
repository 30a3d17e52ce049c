package ingest

import (
	"encoding/base64"
	"strings"

	"comity.example/comity/internal/wire"
)

// ParseDigest reads a Content-Digest field (RFC 9530) that holds one SHA-256 in
// the one spelling that wire.ContentDigest writes.
func ParseDigest(header string) (sum [32]byte, err error) {
	s, ok := strings.CutPrefix(header, "sha-256=:")
	s, ok2 := strings.CutSuffix(s, ":")
	b, derr := base64.StdEncoding.Strict().DecodeString(s)
	if !ok || !ok2 || derr != nil || len(b) != len(sum) || wire.ContentDigest([32]byte(b)) != header {
		return sum, wire.NewProblem(wire.CodeMalformed, "Content-Digest must hold one SHA-256 (RFC 9530)")
	}
	return [32]byte(b), nil
}
