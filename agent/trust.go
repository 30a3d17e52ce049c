package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
)

// Trust is what people pinned here: fingerprints that came on paper or over the
// telephone, never over the relay.
type Trust struct {
	Authorities []PinnedAuthority `json:"authorities"`
	Relays      []PinnedRelay     `json:"relays"`

	path string
}

// ErrPinned is wrapped where another fingerprint is pinned under the name already.
var ErrPinned = errors.New("another root is pinned already, and a pin is never replaced")

// PinnedAuthority is the root fingerprint of an authority.
type PinnedAuthority struct {
	Name        string         `json:"name"`
	Fingerprint custody.Digest `json:"fingerprint"`
}

// PinnedRelay is the root fingerprint of a relay, and where to find it.
type PinnedRelay struct {
	Origin      string         `json:"origin"`
	Fingerprint custody.Digest `json:"fingerprint"`
	Addresses   []string       `json:"addresses"`
}

func loadTrust(path string) (*Trust, error) {
	t := &Trust{Authorities: []PinnedAuthority{}, Relays: []PinnedRelay{}, path: path}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading trust: %w", err)
	}
	if err := statement.Decode(data, t); err != nil {
		return nil, fmt.Errorf("reading trust %q: %v", path, err)
	}
	return t, nil
}

func (t *Trust) save() error { return durable.WriteFile(t.path, statement.Encode(t), 0o600) }

// PinAuthority pins an authority's root. Another fingerprint than the one that
// is pinned is refused: a new root is a signed statement, not a new pin.
func (t *Trust) PinAuthority(name string, fp custody.Digest) error {
	if err := custody.CheckAuthority(name); err != nil {
		return err
	}
	for _, a := range t.Authorities {
		if a.Name == name && a.Fingerprint != fp {
			return fmt.Errorf("authority %q is pinned to %s: %w", name, a.Fingerprint, ErrPinned)
		}
		if a.Name == name {
			return nil
		}
	}
	t.Authorities = append(t.Authorities, PinnedAuthority{name, fp})
	return t.save()
}

// PinRelay pins a relay's root and stores its addresses.
func (t *Trust) PinRelay(origin string, fp custody.Digest, addresses []string) error {
	if err := custody.CheckOrigin(origin); err != nil {
		return err
	}
	for i, r := range t.Relays {
		if r.Origin != origin {
			continue
		}
		if r.Fingerprint != fp {
			return fmt.Errorf("relay %q is pinned to %s: %w", origin, r.Fingerprint, ErrPinned)
		}
		if len(addresses) > 0 {
			t.Relays[i].Addresses = addresses
		}
		return t.save()
	}
	if len(addresses) == 0 {
		return fmt.Errorf("relay %q has no address", origin)
	}
	t.Relays = append(t.Relays, PinnedRelay{origin, fp, addresses})
	return t.save()
}

// Pins returns the pinned roots by authority.
func (t *Trust) Pins() map[string]custody.Digest {
	m := map[string]custody.Digest{}
	for _, a := range t.Authorities {
		m[a.Name] = a.Fingerprint
	}
	return m
}

// Relay returns the one pinned relay, or the one of that origin.
func (t *Trust) Relay(origin string) (PinnedRelay, error) {
	for _, r := range t.Relays {
		if r.Origin == origin || origin == "" && len(t.Relays) == 1 {
			return r, nil
		}
	}
	if origin == "" {
		return PinnedRelay{}, fmt.Errorf("%d relays are pinned here, not one", len(t.Relays))
	}
	return PinnedRelay{}, fmt.Errorf("relay %q is not pinned here", origin)
}
