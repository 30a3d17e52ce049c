package config

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"comity.example/comity/crypto/translog"
	"golang.org/x/mod/sumdb/note"
)

// Witness is witness.yaml, the settings of a witness.
type Witness struct {
	// Name is the witness's id in its authority's directory, like nl/witness/1.
	// Its keys are named so; it cannot change. Required.
	Name string `yaml:"name"`

	// Listen is the address to listen on, host:port, TCP. Port 0 takes a free one.
	// Required.
	Listen string `yaml:"listen"`

	// TLSCertificateFile and TLSKeyFile are PEM files. A relative path starts at the
	// folder of this file. If empty, the witness speaks HTTP without TLS, for a proxy
	// in front of it: what it answers is signed, and asks for no secrecy.
	TLSCertificateFile string `yaml:"tls_certificate_file"`
	TLSKeyFile         string `yaml:"tls_key_file"`

	// Data is the folder with keys and state; a relative path starts at the folder of
	// this file. If empty, the folder of this file.
	Data string `yaml:"data"`

	// LogLevel is debug, info, warn or error. If empty, info.
	LogLevel string `yaml:"log_level"`

	// Logs are the logs that are cosigned. "comity-witness log" writes the entry of a
	// relay. If empty, none is.
	Logs []WitnessLog `yaml:"logs"`
}

// WitnessLog is a log that a witness cosigns.
type WitnessLog struct {
	// Key is the log's Ed25519 key, ORIGIN+ID+KEY. Required.
	Key string `yaml:"key"`

	// MLDSAKey is its ML-DSA-44 key, ORIGIN/mldsa+ID+KEY: every Comity relay has one,
	// and then both must have signed. If empty, the log is one of other software.
	MLDSAKey string `yaml:"mldsa_key"`
}

// LoadWitness reads a witness's settings. The name is the path of the file, from
// which relative paths start.
func LoadWitness(name string, data []byte) (*Witness, error) {
	c := &Witness{}
	if err := load(name, data, c); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("reading %q: %v", name, err)
	}
	folder := filepath.Dir(name)
	if c.Data == "" {
		c.Data = folder
	}
	for _, p := range []*string{&c.Data, &c.TLSCertificateFile, &c.TLSKeyFile} {
		if *p != "" && *p != folder && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
	if c.LogLevel == "" {
		c.LogLevel = "info"
	}
	return c, nil
}

func (c *Witness) check() error {
	if c.Name == "" {
		return errors.New("name is missing")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen %q is not host:port", c.Listen)
	}
	if (c.TLSCertificateFile == "") != (c.TLSKeyFile == "") {
		return errors.New("tls_certificate_file and tls_key_file go together")
	}
	switch c.LogLevel {
	case "", "debug", "info", "warn", "error":
	default:
		return fmt.Errorf("log_level %q is not debug, info, warn or error", c.LogLevel)
	}
	for i, l := range c.Logs {
		if _, _, err := l.Keys(); err != nil {
			return fmt.Errorf("logs, entry %d: %v", i+1, err)
		}
	}
	return nil
}

// Keys returns the key of a relay's log or, for another log, its one key.
func (l WitnessLog) Keys() (*translog.LogKey, note.Verifier, error) {
	origin := translog.KeyName(l.Key)
	if l.MLDSAKey != "" {
		k, err := translog.ParseLogKey(l.Key, l.MLDSAKey, origin)
		return k, nil, err
	}
	v, err := translog.ParseVerifier(l.Key, origin)
	return nil, v, err
}

// Entry returns the lines of a log for witness.yaml.
func (l WitnessLog) Entry() string {
	return fmt.Sprintf("  - key: %s\n    mldsa_key: %s\n", l.Key, l.MLDSAKey)
}

// WitnessExample returns the file that init writes.
func WitnessExample(name, listen string) string {
	return fmt.Sprintf(`# Settings of this Comity witness. Keys and state are in the folder of this file.

# The witness's id in its authority's directory. Its keys are named so.
name: %s

# Where to listen, host:port, TCP. Port 0 takes a free one.
listen: %s

# PEM files of a certificate and its key. Empty: HTTP without TLS, for a proxy in
# front. What a witness answers is signed and is no secret.
tls_certificate_file: ""
tls_key_file: ""

# The folder with keys and state. Empty: the folder of this file.
data: ""

# How much is logged: debug, info, warn or error.
log_level: info

# The logs that are cosigned: the entry of a relay is written by
# comity-witness log DESCRIPTOR --fingerprint FINGERPRINT
# A log of other software has no mldsa_key.
logs: []
`, name, listen)
}
