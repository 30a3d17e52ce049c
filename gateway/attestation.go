package gateway

import (
	"context"
	"errors"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ledger"
)

// ofThisLog refuses an attestation that names a log which this relay never signed. The
// rules cannot tell; who verifies a dossier could, and would doubt the agent. An agent
// that was shown another log under this relay's name learns of it here.
func (g *Gateway) ofThisLog(ctx context.Context, s *custody.Statement) error {
	b, ok := s.Body.(*custody.Attestation)
	if !ok {
		return nil
	}
	root, err := g.ledger.RootAt(ctx, b.Checkpoint.Size)
	if err != nil && !errors.Is(err, ledger.ErrNoCheckpoint) {
		return err
	}
	if err != nil || root != b.Checkpoint.Root {
		d := ledger.Answer{Decision: custody.Decision{Code: custody.CodeOtherLog, Rule: "own-log"}}
		return admit.Deny(s.Record(), custody.ActStatement, d, custody.CodeNoSuchRequest)
	}
	return nil
}
