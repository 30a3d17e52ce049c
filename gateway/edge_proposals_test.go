package gateway

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
	"comity.example/comity/internal/wire"
)

// TestProposalsBounded: an authority cannot fill the list of its proposals beyond
// what one answer may be, neither by number nor by size.
func TestProposalsBounded(t *testing.T) {
	for _, row := range []struct {
		name string
		size int
		most int
	}{{"small", 1 << 10, maxProposals}, {"large", 1 << 20, 5}} {
		t.Run(row.name, func(t *testing.T) {
			db, err := sqlite.Open(filepath.Join(t.TempDir(), "relay.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			g := &Gateway{cfg: Config{DB: db, Now: time.Now}}
			insert := func(authority string, n int) error {
				return g.insertProposal(t.Context(), records.Proposal{
					SHA256: custody.Digest{byte(n), byte(n >> 8), authority[0]}, Record: custody.RecordID(fmt.Sprintf("%026d", n)), Kind: custody.KindGrant,
					Authority: authority, Envelope: make([]byte, row.size), Expires: statement.At(time.Now().Add(time.Hour)),
				})
			}
			for n := range row.most {
				if err := insert("nl", n); err != nil {
					t.Fatalf("proposal %d: %v", n, err)
				}
			}
			if err := insert("nl", row.most); wire.CodeOf(err) != wire.CodeBusy {
				t.Errorf("one proposal more: %v", err)
			}
			if err := insert("fr", 0); err != nil {
				t.Errorf("another authority: %v", err)
			}
		})
	}
}
