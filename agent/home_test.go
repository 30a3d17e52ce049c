package agent_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
)

func TestHome(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nl")
	if _, err := agent.OpenHome(dir); !errors.Is(err, agent.ErrNoHome) {
		t.Errorf("opening a missing home: %v", err)
	}
	h, err := agent.CreateHome(dir, "nl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := agent.CreateHome(dir, "de"); err == nil {
		t.Error("the home of nl was opened for de")
	}
	k := keys.Generate()
	if err := h.SaveKey("nl/agent/lab-1", k, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.SaveKey("nl/agent/lab-1", keys.Generate(), nil); err == nil {
		t.Error("a key was overwritten")
	}
	got, err := h.Key("nl/agent/lab-1")
	if err != nil || !got.Equal(k) {
		t.Errorf("loading the key: %v", err)
	}
	own, err := h.Own(custody.RoleAgent)
	if err != nil || len(own) != 1 || own[0] != "nl/agent/lab-1" {
		t.Errorf("own agents: %v, %v", own, err)
	}
	if st, err := os.Stat(filepath.Join(dir, "keys/nl/agent/lab-1.key")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", st, err)
	}
}

// TestLock: a second process, or a second handle in this one, works elsewhere.
func TestLock(t *testing.T) {
	h, err := agent.CreateHome(t.TempDir(), "nl")
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Lock(); !errors.Is(err, agent.ErrTryLater) {
		t.Errorf("second lock: %v", err)
	}
	unlock()
	again, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestTrust(t *testing.T) {
	dir := t.TempDir()
	h, err := agent.CreateHome(dir, "nl")
	if err != nil {
		t.Fatal(err)
	}
	a, b := custody.HashOf([]byte("a")), custody.HashOf([]byte("b"))
	for _, step := range []struct {
		name string
		err  error
		ok   bool
	}{
		{"first pin", h.Trust.PinAuthority("de", a), true},
		{"same pin", h.Trust.PinAuthority("de", a), true},
		{"other pin", h.Trust.PinAuthority("de", b), false},
		{"bad name", h.Trust.PinAuthority("../de", a), false},
		{"relay without address", h.Trust.PinRelay("relay.example", a, nil), false},
		{"relay", h.Trust.PinRelay("relay.example", a, []string{"127.0.0.1:1"}), true},
		{"relay, other pin", h.Trust.PinRelay("relay.example", b, []string{"127.0.0.1:1"}), false},
		{"relay, new address", h.Trust.PinRelay("relay.example", a, []string{"127.0.0.1:2"}), true},
	} {
		if (step.err == nil) != step.ok {
			t.Errorf("%s: %v", step.name, step.err)
		}
	}
	h, err = agent.OpenHome(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.Trust.Relay("")
	if err != nil || r.Addresses[0] != "127.0.0.1:2" || h.Trust.Pins()["de"] != a {
		t.Errorf("after reopening: %+v, %v", r, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "trust.json"), []byte(`{"authorities":[],"relays":[],"more":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := agent.OpenHome(dir); err == nil {
		t.Error("an unknown field in trust.json was read")
	}
}
