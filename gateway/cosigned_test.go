package gateway_test

import (
	"testing"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/gateway"
	"comity.example/comity/internal/wire"
)

// TestUnwitnessed: a relay without witnesses says so, and refuses what is no index.
func TestUnwitnessed(t *testing.T) {
	w := newWorld(t)
	w.start()
	c := w.stranger(nil)
	_, err := c.Cosigned(t.Context())
	refused(t, "the newest cosigned note", err, wire.CodeNotFound)
	a, err := c.CosignedAround(t.Context(), 0, 0)
	if err != nil || a.Before != nil || a.After != nil {
		t.Errorf("CosignedAround = %+v, %v, want no bounds", a, err)
	}
	if cp, err := translog.OpenExact([]byte(a.Checkpoint), origin, w.log); err != nil || cp.Size == 0 {
		t.Errorf("its checkpoint: %+v, %v", cp, err)
	}
	_, err = c.CosignedAround(t.Context(), -1, 0)
	refused(t, "around -1", err, wire.CodeMalformed)
	_, err = c.CosignedAround(t.Context(), 0, 1<<40)
	refused(t, "in a tree that is not there", err, wire.CodeNotFound)
}

// TestWitnessPolicyRefused: a relay does not start on a policy by which nobody could
// ever cosign it.
func TestWitnessPolicyRefused(t *testing.T) {
	w := newWorld(t)
	p, err := translog.ParsePolicy([]byte("quorum none\n"))
	check(t, err)
	_, closeAll, err := openRelay(t.Context(), w.dir, func(c *gateway.Config) { c.Witnesses = p })
	if err == nil {
		closeAll()
		t.Error("a relay started with a witness policy that asks nobody")
	}
}
