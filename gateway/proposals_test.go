package gateway

import (
	"path/filepath"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
	"comity.example/comity/internal/wire"
)

// TestProposalsRace: what another agent did between the rules and the row.
func TestProposalsRace(t *testing.T) {
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "relay.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	g := &Gateway{cfg: Config{DB: db, Now: time.Now}}
	p := records.Proposal{SHA256: custody.Digest{1}, Record: "r", Kind: custody.KindGrant, Authority: "nl", Envelope: []byte("one"),
		Expires: statement.At(time.Now().Add(time.Hour))}
	gone := p
	gone.SHA256 = custody.Digest{2}
	full := p
	full.Envelope = make([]byte, maxProposalBytes+1)
	expired := p
	expired.SHA256, expired.Expires = custody.Digest{3}, statement.At(time.Now().Add(-time.Hour))
	again := expired
	again.Expires, again.Envelope = p.Expires, []byte("two")
	filed := p
	filed.SHA256 = custody.Digest{4}
	err = db.Update(t.Context(), func(tx *records.Tx) error {
		if err := tx.PutProposal(expired); err != nil {
			return err
		}
		return tx.Append(records.Entry{Line: custody.Line{Entry: []byte("e"), Envelope: []byte("s")}, Record: "r", Kind: custody.KindGrant,
			Statement: filed.SHA256, Leaf: translog.Leaf{}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		do   func() error
		want custody.Code
	}{
		{"inserting", func() error { return g.insertProposal(t.Context(), p) }, ""},
		{"inserting what was filed", func() error { return g.insertProposal(t.Context(), filed) }, custody.CodeDuplicate},
		{"inserting what has expired", func() error { return g.insertProposal(t.Context(), again) }, ""},
		{"signing", func() error { return g.replaceProposal(t.Context(), p, p.Envelope) }, ""},
		{"signing what was filed", func() error { return g.replaceProposal(t.Context(), gone, gone.Envelope) }, wire.CodeNotFound},
		{"signing beyond the room", func() error { return g.replaceProposal(t.Context(), full, p.Envelope) }, wire.CodeBusy},
	} {
		if err := row.do(); wire.CodeOf(err) != row.want || row.want == "" && err != nil {
			t.Errorf("%s: %v, want code %q", row.name, err, row.want)
		}
	}
	if err := g.insertProposal(t.Context(), p); err != errChanged {
		t.Errorf("inserting what is there: %v", err)
	}
	if err := g.replaceProposal(t.Context(), p, []byte("another")); err != errChanged {
		t.Errorf("signing what another signed: %v", err)
	}
	var list []records.Proposal
	err = db.View(t.Context(), func(tx *records.Tx) error {
		list, err = tx.Proposals("nl")
		return err
	})
	if err != nil || len(list) != 2 || list[0].Expires != p.Expires || list[1].Expires != p.Expires {
		t.Errorf("the list is %+v, %v", list, err)
	}
}
