package agent

import (
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"

	"golang.org/x/mod/sumdb/note"
)

// CheckProof lets tests check a relay's answer without a relay.
func CheckProof(origin string, log note.Verifier, p *wire.Proof, first custody.Digest, st *custody.Statement) (*custody.Entry, error) {
	s := &Session{Origin: origin, log: log}
	return s.filed(p, first, st)
}
