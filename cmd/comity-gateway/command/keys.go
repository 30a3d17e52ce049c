package command

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/internal/keyfile"
	"comity.example/comity/internal/link"
)

// The secret keys in the folder "keys", which are also their kinds.
const (
	rootKey  = "root"  // signs the descriptor; needed again only to change that
	relayKey = "relay" // signs hellos
	logKey   = "log"   // signs checkpoints: two keys, Ed25519 and ML-DSA-44, in two lines
	tlsKey   = "tls"
)

func keyPath(data, name string) string { return filepath.Join(data, "keys", name) }

// relayKeys are the keys that a running relay needs.
type relayKeys struct {
	hybrid *keys.Private
	log    *translog.LogSigner
	cert   tls.Certificate
}

// loadKeys reads the keys of a running relay. The root key is not among them: it
// belongs off the machine.
func loadKeys(data, origin string) (k relayKeys, err error) {
	if k.hybrid, err = loadHybrid(keyPath(data, relayKey), relayKey); err != nil {
		return k, err
	}
	text, err := keyfile.Load(keyPath(data, logKey), logKey, nil)
	if err != nil {
		return k, err
	}
	if k.log, err = translog.ParseLog(string(text), origin); err != nil {
		return k, err
	}
	if text, err = keyfile.Load(keyPath(data, tlsKey), tlsKey, nil); err != nil {
		return k, err
	}
	k.cert, err = parseTLS(text)
	return k, err
}

func saveHybrid(path, kind string, k *keys.Private) error {
	return keyfile.Save(path, kind, []byte(base64.StdEncoding.EncodeToString(k.Seed())), nil)
}

func loadHybrid(path, kind string) (*keys.Private, error) {
	text, err := keyfile.Load(path, kind, nil)
	if err != nil {
		return nil, err
	}
	seed, err := base64.StdEncoding.Strict().DecodeString(string(text))
	if err != nil {
		return nil, fmt.Errorf("reading key %q: the seed is not base64", path)
	}
	k, err := keys.NewPrivate(seed)
	if err != nil {
		return nil, fmt.Errorf("reading key %q: %v", path, err)
	}
	return k, nil
}

// newTLS makes a TLS key and returns the text of its file and its SPKI.
func newTLS() (text []byte, spki [32]byte, err error) {
	cert, key, err := link.NewCertificate()
	if err != nil {
		return nil, spki, err
	}
	if spki, err = link.SPKI(cert); err != nil {
		return nil, spki, err
	}
	text = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), spki, nil
}

func parseTLS(text []byte) (tls.Certificate, error) {
	c, rest := pem.Decode(append(bytes.Clone(text), '\n'))
	if c == nil || c.Type != "CERTIFICATE" {
		return tls.Certificate{}, errors.New("reading TLS key: no certificate")
	}
	k, _ := pem.Decode(rest)
	if k == nil || k.Type != "PRIVATE KEY" {
		return tls.Certificate{}, errors.New("reading TLS key: no private key")
	}
	return link.Certificate(c.Bytes, k.Bytes)
}
