package officer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/keyfile"
	"comity.example/comity/internal/link"
)

// Enrol makes the keys of a registrar, an officer, an agent or an auditor in the home and
// returns its enrolment, an envelope for the authority's registrars. An officer's
// key asks for a new passphrase. A second call makes nothing new and returns the
// same enrolment.
func Enrol(h *agent.Home, id custody.PartyID, now time.Time) ([]byte, error) {
	if err := checkOwn(h, id, custody.RoleRegistrar, custody.RoleOfficer, custody.RoleAgent, custody.RoleAuditor); err != nil {
		return nil, err
	}
	path := enrolmentPath(h, id, ".json")
	env, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return env, err
	}
	// If an earlier call crashed after it had kept the key, the key is here
	// without an enrolment, and gets it now.
	k, err := ownKey(h, id)
	if err != nil {
		return nil, err
	}
	e := custody.Enrolment{Authority: h.Authority(), ID: id, Issued: statement.At(now)}
	if id.Role().Connects() {
		if e.Certificate, err = ownCertificate(h, id); err != nil {
			return nil, err
		}
	}
	if env, err = custody.Enrol(e, k); err != nil {
		return nil, err
	}
	return env, keep(path, env)
}

// ownKey loads the signing key of a party, or makes it.
func ownKey(h *agent.Home, id custody.PartyID) (*keys.Private, error) {
	if h.Has(id) {
		return h.Key(id)
	}
	var passphrase []byte
	if id.Role() == custody.RoleOfficer {
		var err error
		if passphrase, err = keyfile.NewPassphrase(string(id)); err != nil {
			return nil, err
		}
	}
	k := keys.Generate()
	return k, h.SaveKey(id, k, passphrase)
}

// ownCertificate loads the TLS certificate of an agent, or makes it and its key.
func ownCertificate(h *agent.Home, id custody.PartyID) ([]byte, error) {
	cert, _, err := h.TLS(id)
	if !errors.Is(err, fs.ErrNotExist) {
		return cert, err
	}
	cert, key, err := link.NewCertificate()
	if err != nil {
		return nil, err
	}
	return cert, h.SaveTLS(id, cert, key)
}

// keep stores a new file of the home durably; what is there already stays.
func keep(path string, data []byte) error {
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := durable.WriteNew(path, data, 0o600); err != nil {
		return fmt.Errorf("keeping %q: %w", filepath.Base(path), err)
	}
	return nil
}
