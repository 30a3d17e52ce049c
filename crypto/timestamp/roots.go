package timestamp

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

const (
	// MaxRoots is how many certificates a file of roots may have.
	MaxRoots = 64
	// MaxRootsBytes is the largest file of roots.
	MaxRootsBytes = 1 << 20
)

// Roots are the certificates that a verifier pins for time stamps: of root
// authorities, or of those below them that issue to time stamping units only.
type Roots struct {
	pool  *x509.CertPool
	certs []*x509.Certificate
}

// ParseRoots reads a file of PEM certificates. Text between them is a comment.
func ParseRoots(text []byte) (*Roots, error) {
	if len(text) > MaxRootsBytes {
		return nil, fmt.Errorf("reading roots of time stamping authorities: %d bytes, more than %d", len(text), MaxRootsBytes)
	}
	r := &Roots{pool: x509.NewCertPool()}
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			break
		}
		if err := r.add(b); err != nil {
			return nil, fmt.Errorf("reading roots of time stamping authorities: block %d: %w", len(r.certs)+1, err)
		}
	}
	switch {
	case len(r.certs) == 0:
		return nil, errors.New("reading roots of time stamping authorities: no PEM certificate")
	case bytes.Contains(text, []byte("-----BEGIN")):
		return nil, errors.New("reading roots of time stamping authorities: a block is not whole")
	}
	return r, nil
}

func (r *Roots) add(b *pem.Block) error {
	if b.Type != "CERTIFICATE" || len(b.Headers) > 0 {
		return fmt.Errorf("%.40q is not a certificate", b.Type)
	}
	if len(r.certs) == MaxRoots {
		return fmt.Errorf("more than %d certificates", MaxRoots)
	}
	c, err := x509.ParseCertificate(b.Bytes)
	if err != nil {
		return fmt.Errorf("not a certificate: %v", err)
	}
	r.pool.AddCert(c)
	r.certs = append(r.certs, c)
	return nil
}

// Add pins the roots of another file as well, each of them once. The zero Roots has
// none. R must not be in use meanwhile.
func (r *Roots) Add(more *Roots) {
	if r.pool == nil {
		r.pool = x509.NewCertPool()
	}
	for _, c := range more.certs {
		if !contains(r.certs, c) {
			r.pool.AddCert(c)
			r.certs = append(r.certs, c)
		}
	}
}

// DER returns the pinned certificates.
func (r *Roots) DER() [][]byte {
	list := make([][]byte, len(r.certs))
	for i, c := range r.certs {
		list[i] = c.Raw
	}
	return list
}

// Names returns what the pinned certificates call their subjects.
func (r *Roots) Names() []string {
	list := make([]string, len(r.certs))
	for i, c := range r.certs {
		list[i] = name(c)
	}
	return list
}

// without returns a chain without the pinned certificate that it ends in, unless
// that is the signer's own.
func without(chain []*x509.Certificate, r *Roots) []*x509.Certificate {
	if n := len(chain); n > 1 && contains(r.certs, chain[n-1]) {
		return chain[:n-1]
	}
	return chain
}

func contains(list []*x509.Certificate, c *x509.Certificate) bool {
	for _, x := range list {
		if bytes.Equal(x.Raw, c.Raw) {
			return true
		}
	}
	return false
}

func sha256sum(b []byte) [32]byte { return sha256.Sum256(b) }
