package agent

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	"comity.example/comity/crypto/keys"
)

// seedText and parseSeed are the text form of a hybrid seed in a key file.
func seedText(k *keys.Private) []byte {
	return []byte(base64.StdEncoding.EncodeToString(k.Seed()))
}

func parseSeed(text []byte) (*keys.Private, error) {
	seed, err := base64.StdEncoding.Strict().DecodeString(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, errors.New("reading key: the seed is not base64")
	}
	k, err := keys.NewPrivate(seed)
	if err != nil {
		return nil, fmt.Errorf("reading key: %v", err)
	}
	return k, nil
}

// tlsText and parseTLS are the PEM form of a certificate and its key.
func tlsText(cert, key []byte) []byte {
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	return append(b, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
}

func parseTLS(text []byte) (cert, key []byte, err error) {
	c, rest := pem.Decode(text)
	if c == nil || c.Type != "CERTIFICATE" {
		return nil, nil, errors.New("reading TLS key: no certificate")
	}
	k, _ := pem.Decode(rest)
	if k == nil || k.Type != "PRIVATE KEY" {
		return nil, nil, errors.New("reading TLS key: no private key")
	}
	return c.Bytes, k.Bytes, nil
}
