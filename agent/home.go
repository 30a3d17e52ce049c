package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"comity.example/comity/config"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/keyfile"

	"filippo.io/age"
)

// Home is the state folder of one machine of an authority:
//
//	comity.yaml                    settings (package config)
//	trust.json                     pinned roots of authorities and relays
//	keys/AUTHORITY/ROLE/NAME.key   secret keys, see package keyfile
//	keys/AUTHORITY/journal.key     for the keys of packages on their way
//	enrolments/AUTHORITY/ROLE/NAME.json
//	cases/REQUEST/                 what this machine knows of a request
//	cases/REQUEST/captures/ID/     input that waits to be sent, see package capture
//	relays/ORIGIN/                 the relay's checkpoints to compare with, its log so far
//	relays/ORIGIN/proven/          records as they were last proven, for when the relay is away
//	relays/ORIGIN/told/            how far whom was told of changes of directories, see News
//	alarms/                        evidence against relays, and who acknowledged it
//	notices/                       what stops something and came, or goes, by another way
//	queue/                         what the daemon has taken on
//	agent.lock, agent.sock         of the daemon that runs
//
// One process at a time changes keys, pins and settings: Lock. One moves packages of a
// request: LockCase.
type Home struct {
	dir    string
	Config *config.Agent
	Trust  *Trust
}

// The kinds of secret in a home.
const (
	KindRootKey  = "root"
	KindSignKey  = "signing"
	KindTLSKey   = "tls"
	KindIdentity = "recipient"
)

// CreateHome makes a new home for an authority, or opens the one that is there
// if it is of the same authority.
func CreateHome(dir, authority string) (*Home, error) {
	if err := custody.CheckAuthority(authority); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating home: %w", err)
	}
	err := durable.WriteNew(filepath.Join(dir, configName), []byte(config.AgentExample(authority)), 0o600)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("creating home: %w", err)
	}
	h, err := OpenHome(dir)
	if err == nil && h.Config.Authority != authority {
		return nil, fmt.Errorf("home %q belongs to authority %q, not %q", dir, h.Config.Authority, authority)
	}
	return h, err
}

const configName = "comity.yaml"

// ErrNoHome is returned by OpenHome for a folder without settings.
var ErrNoHome = errors.New("no Comity home")

// OpenHome opens a home.
func OpenHome(dir string) (*Home, error) {
	data, err := os.ReadFile(filepath.Join(dir, configName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening %q: %w", dir, ErrNoHome)
	}
	if err != nil {
		return nil, fmt.Errorf("opening home: %w", err)
	}
	cfg, err := config.LoadAgent(configName, data)
	if err != nil {
		return nil, err
	}
	t, err := loadTrust(filepath.Join(dir, "trust.json"))
	if err != nil {
		return nil, err
	}
	return &Home{dir: dir, Config: cfg, Trust: t}, nil
}

// Dir returns the folder.
func (h *Home) Dir() string { return h.dir }

// Authority returns the name of the authority whose home this is.
func (h *Home) Authority() string { return h.Config.Authority }

// Lock keeps other processes out of the home until the function it returns is
// called. It wraps ErrTryLater when another process has it.
func (h *Home) Lock() (func(), error) {
	l, err := durable.LockFile(filepath.Join(h.dir, "lock"))
	if errors.Is(err, durable.ErrLocked) {
		return nil, fmt.Errorf("%w: another comity process works in this home: %w", err, ErrTryLater)
	}
	if err != nil {
		return nil, err
	}
	return func() { l.Unlock() }, nil
}

// path returns a path below the home; party ids become folders, which their
// checked form makes safe.
func (h *Home) path(elem ...string) string {
	return filepath.Join(append([]string{h.dir}, elem...)...)
}

func (h *Home) keyPath(id custody.PartyID, suffix string) string {
	return h.path("keys", filepath.FromSlash(string(id))+suffix)
}

// SaveKey stores a new signing key of a party of this authority; officers' keys
// take a passphrase, others nil.
func (h *Home) SaveKey(id custody.PartyID, k *keys.Private, passphrase []byte) error {
	return h.save(h.keyPath(id, ".key"), KindSignKey, seedText(k), passphrase)
}

// Key loads a party's signing key, asking for its passphrase where it has one.
func (h *Home) Key(id custody.PartyID) (*keys.Private, error) {
	s, err := keyfile.Load(h.keyPath(id, ".key"), KindSignKey, func() ([]byte, error) {
		return keyfile.Passphrase(string(id))
	})
	if err != nil {
		return nil, err
	}
	return parseSeed(s)
}

// SaveRootKey stores a root key of the authority, by number.
func (h *Home) SaveRootKey(n int, k *keys.Private, passphrase []byte) error {
	return h.save(h.rootPath(n), KindRootKey, seedText(k), passphrase)
}

func (h *Home) rootPath(n int) string {
	return h.path("keys", h.Authority(), "root", fmt.Sprintf("%d.key", n))
}

// RootKeys loads the root keys that are on this machine, by number. Numbers may be
// missing: each holder of a root key has a machine of his own, and old keys are
// destroyed after a rotation.
func (h *Home) RootKeys() (map[int]*keys.Private, error) {
	files, err := os.ReadDir(h.path("keys", h.Authority(), "root"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing root keys: %w", err)
	}
	m := map[int]*keys.Private{}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".key")
		n, err := strconv.Atoi(name)
		if !ok || err != nil {
			continue
		}
		s, err := keyfile.Load(h.rootPath(n), KindRootKey, func() ([]byte, error) {
			return keyfile.Passphrase(fmt.Sprintf("%s root key %d", h.Authority(), n))
		})
		if err != nil {
			return nil, err
		}
		if m[n], err = parseSeed(s); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// SaveIdentity stores a recipient's age identity.
func (h *Home) SaveIdentity(id custody.PartyID, identity string) error {
	return h.save(h.keyPath(id, ".key"), KindIdentity, []byte(identity), nil)
}

// Identity loads a recipient's age identity as text.
func (h *Home) Identity(id custody.PartyID) (string, error) {
	s, err := keyfile.Load(h.keyPath(id, ".key"), KindIdentity, nil)
	return string(s), err
}

// recipientKey returns the digest by which a seal names the recipient whose
// identity is here.
func (h *Home) recipientKey(id custody.PartyID) (custody.Digest, error) {
	s, err := h.Identity(id)
	if err != nil {
		return custody.Digest{}, err
	}
	i, err := seal.ParseIdentity(strings.TrimSpace(s))
	if err != nil {
		return custody.Digest{}, fmt.Errorf("loading identity %q: %v", id, err)
	}
	return custody.RecipientKey(i.Recipient().String()), nil
}

// Identities loads every age identity of this home.
func (h *Home) Identities() ([]age.Identity, error) {
	ids, err := h.Own(custody.RoleRecipient)
	if err != nil {
		return nil, err
	}
	var list []age.Identity
	for _, id := range ids {
		s, err := h.Identity(id)
		if err != nil {
			return nil, err
		}
		i, err := seal.ParseIdentity(strings.TrimSpace(s))
		if err != nil {
			return nil, fmt.Errorf("loading identity %q: %v", id, err)
		}
		list = append(list, i)
	}
	return list, nil
}

// Own lists the parties of a role whose keys are here, sorted.
func (h *Home) Own(r custody.Role) ([]custody.PartyID, error) {
	dir := h.path("keys", h.Authority(), string(r))
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing keys: %w", err)
	}
	var ids []custody.PartyID
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".key")
		if !ok {
			continue
		}
		id, err := custody.ParsePartyID(h.Authority() + "/" + string(r) + "/" + name)
		if err == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Has reports whether the key of a party is here.
func (h *Home) Has(id custody.PartyID) bool {
	_, err := os.Stat(h.keyPath(id, ".key"))
	return err == nil
}

// SaveTLS stores an agent's TLS certificate and key, both DER.
func (h *Home) SaveTLS(id custody.PartyID, cert, key []byte) error {
	return h.save(h.keyPath(id, ".tls"), KindTLSKey, tlsText(cert, key), nil)
}

// TLS loads an agent's TLS certificate and key, both DER.
func (h *Home) TLS(id custody.PartyID) (cert, key []byte, err error) {
	s, err := keyfile.Load(h.keyPath(id, ".tls"), KindTLSKey, nil)
	if err != nil {
		return nil, nil, err
	}
	return parseTLS(s)
}

func (h *Home) save(path, kind string, secret, passphrase []byte) error {
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return keyfile.Save(path, kind, secret, passphrase)
}
