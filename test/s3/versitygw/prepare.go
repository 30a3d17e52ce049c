package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// prepare makes the folders of a server, or finds those of an earlier run, and a
// certificate. It returns the path of the certificate's key.
func prepare(dir string) (s server, key string, err error) {
	for _, folder := range []string{"objects", "versions"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return s, "", err
		}
	}
	if s, err = secrets(filepath.Join(dir, "keys.json")); err != nil {
		return s, "", err
	}
	s.CA, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if _, err := os.Stat(key); err == nil {
		return s, key, nil
	}
	return s, key, certify(s.CA, key)
}

// secrets reads the keys of the two accounts, or makes them.
func secrets(file string) (s server, err error) {
	b, err := os.ReadFile(file)
	if err == nil {
		return s, json.Unmarshal(b, &s)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	s = server{Access: "relay", Secret: rand.Text(), RootAccess: "root", RootSecret: rand.Text()}
	if b, err = json.Marshal(s); err != nil {
		return s, err
	}
	return s, os.WriteFile(file, b, 0o600)
}

// certify makes a self-signed certificate for the loopback.
func certify(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "versitygw for tests"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// free replaces port 0 by one that is free: versitygw does not tell which port it
// got. Another program that takes the port in between is noticed by answers,
// because it does not have our certificate.
func free(listen string) (string, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// answers waits until the server answers with its certificate.
func (s server) answers(ctx context.Context) error {
	text, err := os.ReadFile(s.CA)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}}
	defer c.CloseIdleConnections()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		var r *http.Response
		if r, err = c.Get("https://" + s.Endpoint + "/healthz"); err == nil {
			r.Body.Close()
			return nil
		}
		var wrong *tls.CertificateVerificationError
		if errors.As(err, &wrong) {
			return fmt.Errorf("another program took %s: %v", s.Endpoint, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %v", s.Endpoint, err)
		case <-tick.C:
		}
	}
}
