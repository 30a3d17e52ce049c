package dossier

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// MaxPins is the largest pins file in bytes.
const MaxPins = 1 << 20

// Pins are the fingerprints that a verifier trusts: of the root keys of
// authorities by name, and of relays by origin; and the root certificates of time
// stamping authorities. They come on paper or from the
// authorities themselves, never from a dossier.
type Pins struct {
	Authorities map[string]custody.Digest
	Relays      map[string]custody.Digest

	// Policy says which witnesses must have cosigned; nil: the parties', as their
	// directories in the dossier list them.
	Policy *translog.Policy

	// Stampers are the roots of time stamping authorities; nil: none is trusted.
	Stampers *timestamp.Roots
}

// ParsePins reads a pins file: lines "root NAME HEX", "relay ORIGIN HEX" and "tsa
// CERTIFICATE" (DER in base64, as in PEM, on one line) with single spaces, empty lines, and comments that begin with "#". A name pinned
// twice is an error even if both pins are the same.
func ParsePins(text []byte) (*Pins, error) {
	if len(text) > MaxPins {
		return nil, fmt.Errorf("reading pins: %d bytes, more than %d", len(text), MaxPins)
	}
	p := &Pins{}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, " ")
		if f[0] == "tsa" && len(f) == 2 {
			if err := p.addStamper(f[1]); err != nil {
				return nil, fmt.Errorf("reading pins line %d: %w", n, err)
			}
			continue
		}
		if len(f) != 3 {
			return nil, fmt.Errorf("reading pins line %d: %.80q is none of \"root NAME HEX\", \"relay ORIGIN HEX\" and \"tsa CERTIFICATE\"", n, line)
		}
		if err := p.Add(f[0], f[1], f[2]); err != nil {
			return nil, fmt.Errorf("reading pins line %d: %w", n, err)
		}
	}
	return p, nil
}

// Add pins one name. What is "root" for an authority or "relay"; hex is the
// fingerprint in 64 lower-case hexadecimal digits. A second pin of one name is an
// error.
func (p *Pins) Add(what, name, hex string) error {
	fp, err := statement.ParseDigest(hex)
	if err != nil {
		return fmt.Errorf("fingerprint of %q: %v", name, err)
	}
	if fp.IsZero() {
		return fmt.Errorf("fingerprint of %q is zero", name)
	}
	switch what {
	case "root":
		return pin(&p.Authorities, name, fp, custody.CheckAuthority)
	case "relay":
		return pin(&p.Relays, name, fp, custody.CheckOrigin)
	}
	return fmt.Errorf("unknown word %.40q: want root or relay", what)
}

// addStamper pins the root certificate of a time stamping authority.
func (p *Pins) addStamper(text string) error {
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return fmt.Errorf("certificate of a time stamping authority: %v", err)
	}
	r, err := timestamp.ParseRoots(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	if err != nil {
		return err
	}
	p.AddStampers(r)
	return nil
}

// AddStampers pins roots of time stamping authorities.
func (p *Pins) AddStampers(r *timestamp.Roots) {
	if p.Stampers == nil {
		p.Stampers = &timestamp.Roots{}
	}
	p.Stampers.Add(r)
}

func pin(m *map[string]custody.Digest, name string, fp custody.Digest, check func(string) error) error {
	if err := check(name); err != nil {
		return err
	}
	if _, dup := (*m)[name]; dup {
		return fmt.Errorf("%q is pinned twice", name)
	}
	if *m == nil {
		*m = map[string]custody.Digest{}
	}
	(*m)[name] = fp
	return nil
}

// String returns the pins as a pins file, sorted by name.
func (p *Pins) String() string {
	var b strings.Builder
	for _, n := range slices.Sorted(maps.Keys(p.Authorities)) {
		fmt.Fprintf(&b, "root %s %s\n", n, p.Authorities[n])
	}
	for _, n := range slices.Sorted(maps.Keys(p.Relays)) {
		fmt.Fprintf(&b, "relay %s %s\n", n, p.Relays[n])
	}
	if p.Stampers != nil {
		for _, der := range p.Stampers.DER() {
			fmt.Fprintf(&b, "tsa %s\n", base64.StdEncoding.EncodeToString(der))
		}
	}
	return b.String()
}
