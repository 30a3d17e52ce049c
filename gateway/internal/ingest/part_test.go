package ingest

import (
	"bytes"
	"crypto/sha256"
	"io"
	"path/filepath"
	"testing"
	"time"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
	"comity.example/comity/internal/wire"
)

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the part was read")
	return 0, io.EOF
}

func (u unread) Close() error { return nil }

// reserved is an Ingest with one package of one part, of so many bytes, and no ledger.
func reserved(t *testing.T, size int64) (*Ingest, records.Package) {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "relay.db"))
	fatalIfErr(t, err)
	t.Cleanup(func() { db.Close() })
	store, err := dir.New(filepath.Join(t.TempDir(), "store"))
	fatalIfErr(t, err)
	t.Cleanup(func() { store.Close() })
	i := New(Config{DB: db, Store: store, Now: time.Now})
	p := records.Package{ID: custody.PackageID([16]byte{1}), Request: "r", Agent: "nl/agent/lab", Epoch: 1, State: records.Open,
		PayloadSize: size, Parts: 1, Created: statement.At(time.Now())}
	fatalIfErr(t, db.Update(t.Context(), func(tx *records.Tx) error { return tx.InsertPackage(p) }))
	fatalIfErr(t, i.begin(t.Context(), p, false))
	p, err = i.find(t.Context(), p.ID)
	fatalIfErr(t, err)
	return i, p
}

// TestBringStalled: a body that stalls is closed when a later call brings the part.
func TestBringStalled(t *testing.T) {
	data := make([]byte, seal.PayloadSize(1000))
	i, p := reserved(t, int64(len(data)))
	part := Part{Epoch: 1, SHA256: sha256.Sum256(data), Length: p.PayloadSize}
	body, feed := io.Pipe()
	stalled := make(chan error, 1)
	go func() {
		in := part
		in.Body = body
		stalled <- i.bring(t.Context(), p, p.PayloadSize, in)
	}()
	_, err := feed.Write(data[:10])
	fatalIfErr(t, err)
	part.Body = io.NopCloser(bytes.NewReader(data))
	fatalIfErr(t, i.bring(t.Context(), p, p.PayloadSize, part))
	if err := <-stalled; wire.CodeOf(err) != wire.CodeBusy {
		t.Errorf("the stalled call: %v, want %s", err, wire.CodeBusy)
	}
	if len(i.parts.held) != 0 {
		t.Errorf("%d turns are held", len(i.parts.held))
	}
}

// TestBringFenced: a call that held the epoch when it began, and does not when its
// turn comes, does not reach the store.
func TestBringFenced(t *testing.T) {
	i, p := reserved(t, seal.PayloadSize(1000))
	fatalIfErr(t, i.cfg.DB.Update(t.Context(), func(tx *records.Tx) error {
		_, err := tx.RaiseEpoch(p.ID)
		return err
	}))
	err := i.bring(t.Context(), p, p.PayloadSize, Part{Epoch: 1, Length: p.PayloadSize, Body: unread{t}})
	if wire.CodeOf(err) != wire.CodeStaleEpoch {
		t.Errorf("bring = %v, want %s", err, wire.CodeStaleEpoch)
	}
	if len(i.parts.held) != 0 {
		t.Errorf("%d turns are held", len(i.parts.held))
	}
}

func fatalIfErr(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
