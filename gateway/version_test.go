package gateway_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ingest"
	"comity.example/comity/internal/wire"
	"github.com/minio/minio-go/v7"
)

// unlocked is a package whose head the relay has and that fr's lab may take, and the
// key of its payload.
func (s *story) unlocked(b *bundle, delivery int64) (payload string) {
	s.t.Helper()
	c := s.as(s.nl.lab)
	s.deposit(c, b, delivery)
	p, err := c.Seal(s.t.Context(), b.id, b.epoch, b.seal.Envelope)
	check(s.t, err)
	e, err := custody.ParseEntry(p.Line.Entry)
	check(s.t, err)
	_, err = c.Unlock(s.t.Context(), b.id, s.unlockOf(b, p.Checkpoint).Envelope, b.head, b.inner)
	check(s.t, err)
	_, err = s.as(s.fr.lab).Release(s.t.Context(), b.id, s.releaseOf(b, s.acceptance.SHA256).Envelope)
	check(s.t, err)
	return e.Deposit.Objects[0].Key
}

// TestNewerVersion: whoever may write to the bucket puts a newer version over each
// file of a package. None of it is ever served, and the payload still is.
func TestNewerVersion(t *testing.T) {
	w, root := onBucket(t)
	s := w.agreed()
	s.accepted()
	b := s.pack()
	payload := s.unlocked(b, 1)
	taker := w.as(w.fr.lab)
	s.fetch(taker, b)
	other := bytes.Repeat([]byte("x"), int(b.size))
	for key, data := range map[string][]byte{payload: other, ingest.HeadKey(b.id): other[:len(b.head)], ingest.InnerKey(b.id): other[:len(b.inner)]} {
		_, err := root.PutObject(t.Context(), bucketName, key, bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{SendContentMd5: true})
		check(t, err)
		o, err := root.StatObject(t.Context(), bucketName, key, minio.StatObjectOptions{})
		check(t, err)
		if o.Size != int64(len(data)) {
			t.Fatalf("the newest version of %q has %d bytes", key, o.Size)
		}
	}
	got := make([]byte, b.size)
	check(t, taker.Payload(t.Context(), b.id, 0, got))
	if !bytes.Equal(got, bytes.Join(b.parts, nil)) {
		t.Error("the payload came back changed")
	}
	_, err := taker.Head(t.Context(), b.id)
	refused(t, "head with a newer version", err, wire.CodeInternal)
	_, err = taker.Inner(t.Context(), b.id)
	refused(t, "inner file with a newer version", err, wire.CodeInternal)
}

// TestOtherFile: in a local folder the files of one package lie in the place of
// another's. None of them is served as if it were.
func TestOtherFile(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	s.accepted()
	a, b := s.packOf(1000), s.packOf(1000)
	from, to := s.unlocked(a, 1), s.unlocked(b, 2)
	s.fetch(w.as(w.fr.lab), b)
	w.stop()
	for old, now := range map[string]string{to: from, ingest.HeadKey(b.id): ingest.HeadKey(a.id), ingest.InnerKey(b.id): ingest.InnerKey(a.id)} {
		old, now = filepath.Join(w.dir, "store", "objects", old), filepath.Join(w.dir, "store", "objects", now)
		check(t, os.RemoveAll(old))
		check(t, os.CopyFS(old, os.DirFS(now)))
	}
	w.start()
	taker := w.as(w.fr.lab)
	if err := taker.Payload(t.Context(), b.id, 0, make([]byte, b.size)); err == nil {
		t.Error("the payload of another package was served")
	}
	_, err := taker.Head(t.Context(), b.id)
	refused(t, "another package's head", err, wire.CodeInternal)
	_, err = taker.Inner(t.Context(), b.id)
	refused(t, "another package's inner file", err, wire.CodeInternal)
	s.fetch(taker, a)
}
