package link

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// certificateYears is how long a certificate says it is valid. Nobody checks:
// the directory of an authority dates and revokes keys. It is long so that
// third-party tools which do look do not fail.
const certificateYears = 20

// NewCertificate makes a new ECDSA P-256 key and a self-signed certificate for
// it that carries no name. It returns the certificate in DER and the private
// key in PKCS #8 DER; the caller stores the key.
//
// P-256 and not a post-quantum signature: the handshake's authentication needs
// to hold only at that moment, and the hello after it adds a hybrid signature.
func NewCertificate() (certDER, keyPKCS8 []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("generating TLS key: %v", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("generating certificate serial: %v", err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber:          serial,
		NotBefore:             now.AddDate(0, 0, -1), // clocks of peers are not ours
		NotAfter:              now.AddDate(certificateYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	certDER, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing certificate: %v", err)
	}
	keyPKCS8, err = x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding TLS key: %v", err)
	}
	return certDER, keyPKCS8, nil
}

// Certificate joins a certificate and its private key, as [NewCertificate]
// returned them, for [ServerConfig] and [DialConfig]. It fails if the key is
// not ECDSA or is not the certificate's.
func Certificate(certDER, keyPKCS8 []byte) (tls.Certificate, error) {
	leaf, err := x509.ParseCertificate(certDER)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("parsing TLS certificate: %v", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyPKCS8)
	if err != nil {
		return tls.Certificate{}, errors.New("parsing TLS key: not a PKCS #8 private key") // the cause could quote key bytes
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return tls.Certificate{}, fmt.Errorf("reading TLS key: type %T, want ECDSA", parsed)
	}
	if !key.PublicKey.Equal(leaf.PublicKey) {
		return tls.Certificate{}, errors.New("reading TLS key: it does not belong to the certificate")
	}
	return tls.Certificate{Certificate: [][]byte{certDER}, PrivateKey: key, Leaf: leaf}, nil
}

// SPKI returns the SHA-256 of the DER SubjectPublicKeyInfo of a certificate:
// the name under which directories and descriptors list a TLS key.
func SPKI(certDER []byte) ([32]byte, error) {
	cert, err := x509.ParseCertificate(certDER)
	if err != nil {
		return [32]byte{}, fmt.Errorf("parsing TLS certificate: %v", err)
	}
	return sha256.Sum256(cert.RawSubjectPublicKeyInfo), nil
}

// peerSPKI returns the SPKI hash of the other side's certificate, and false if
// it showed none. TLS has checked that the other side holds the key.
func peerSPKI(cs tls.ConnectionState) ([32]byte, bool) {
	if len(cs.PeerCertificates) == 0 {
		return [32]byte{}, false
	}
	return sha256.Sum256(cs.PeerCertificates[0].RawSubjectPublicKeyInfo), true
}

// exporter derives the value that both ends of one connection, and nobody else,
// can compute.
func exporter(cs tls.ConnectionState) (value [32]byte, err error) {
	b, err := cs.ExportKeyingMaterial(ExporterLabel, nil, len(value))
	if err != nil {
		return value, fmt.Errorf("exporting keying material: %v", err)
	}
	copy(value[:], b)
	return value, nil
}
