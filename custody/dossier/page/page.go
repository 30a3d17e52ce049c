// Package page is a second verifier of dossiers, in JavaScript, and the page that shows
// it: one HTML file that a court or the defence opens from its own disk, without a
// network, without a program of ours.
//
// The verifier in src/ was written from docs/formats.md and shares no line with the
// verifier in Go, down to the primitives (npm packages @noble/post-quantum, curves and
// hashes, MIT licence, bundled). So a fault, or a malicious change, in one of the two
// shows when the other is asked. verifier.js is what npm run build makes of src/; a
// test makes it again and compares. kinds.json, the fields of every kind, is written by
// a test of package custody; signers.json, who signs them, is the second verifier's own.
//
// It refuses more than it has to rather than less, and does not know the rule book:
// what it leaves unchecked it lists. The page loads nothing, sends nothing and keeps
// nothing: its content security policy allows exactly its own scripts and style.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"
)

//go:embed verifier.js
var verifier []byte

//go:embed kinds.json
var kinds []byte

//go:embed signers.json
var signers []byte

//go:embed page.html
var template string

//go:embed page.css
var style string

//go:embed page.js
var script string

// Verifier returns the script that defines the global comity, for browsers and node.
func Verifier() []byte { return bytes.Clone(verifier) }

// Formats returns the JSON that the verifier takes as formats: what it knows of kinds,
// their fields and their signers.
func Formats() []byte {
	known := bytes.TrimSuffix(bytes.TrimSpace(kinds), []byte("}"))
	return fmt.Appendf(nil, "%s,\n\"signers\": %s}\n", bytes.TrimSpace(known), bytes.TrimSpace(signers))
}

// HTML returns the page. The same version makes the same bytes.
func HTML() []byte {
	return []byte(strings.NewReplacer(
		"{{policy}}", policy(style, string(verifier), script),
		"{{style}}", style,
		"{{formats}}", string(Formats()),
		"{{verifier}}", string(verifier),
		"{{script}}", script,
	).Replace(template))
}

// policy allows one style and the scripts, by their hashes, and nothing else.
func policy(style string, scripts ...string) string {
	p := "default-src 'none'; base-uri 'none'; form-action 'none'; style-src " + hash(style) + "; script-src"
	for _, s := range scripts {
		p += " " + hash(s)
	}
	return p
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
