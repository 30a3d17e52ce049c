package s3_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/s3"
	"comity.example/comity/gateway/objects/s3/s3test"
)

// TestStalledBody: a sender that stops sending does not keep a part.
func TestStalledBody(t *testing.T) {
	onEach(t, func(t *testing.T, s *s3test.Server) {
		cfg := s.Config("evidence", fresh())
		cfg.PartTimeout = 200 * time.Millisecond
		impatient, b := open(t, cfg), open(t, s.Config("evidence", cfg.Prefix))
		data := make([]byte, 1<<20)
		p := objects.Part{Size: int64(len(data)), SHA256: sha256.Sum256(data)}
		id, err := b.Begin(t.Context(), "p", p.Size, p.Size)
		if err != nil {
			t.Fatal(err)
		}
		body, feed := io.Pipe()
		defer feed.Close()
		go feed.Write(data[:700<<10])
		if _, err := impatient.PutPart(t.Context(), "p", id, p, body); err == nil || !strings.Contains(err.Error(), "no bytes moved") {
			t.Errorf("PutPart = %v, want the end of patience", err)
		}
		if _, err := b.Complete(t.Context(), "p", id, []objects.Part{p}); !errors.Is(err, objects.ErrParts) {
			t.Errorf("Complete = %v, want ErrParts", err)
		}
		if p.ETag, err = b.PutPart(t.Context(), "p", id, p, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Complete(t.Context(), "p", id, []objects.Part{p}); err != nil {
			t.Error(err)
		}
	})
}

// closer fails its test if it is closed.
type closer struct {
	io.Reader
	closed atomic.Bool
}

func (c *closer) Close() error {
	c.closed.Store(true)
	return nil
}

// TestPartIsStreamed: a part takes a buffer, not its size, of memory, and its body
// stays the caller's.
func TestPartIsStreamed(t *testing.T) {
	onEach(t, func(t *testing.T, s *s3test.Server) {
		b := open(t, s.Config("evidence", fresh()))
		data := make([]byte, 8<<20)
		rand.Read(data)
		p := objects.Part{Size: int64(len(data)), SHA256: sha256.Sum256(data)}
		id, err := b.Begin(t.Context(), "p", p.Size, p.Size)
		if err != nil {
			t.Fatal(err)
		}
		put := func() uint64 {
			var before, after runtime.MemStats
			body := &closer{Reader: bytes.NewReader(data)}
			runtime.ReadMemStats(&before)
			if p.ETag, err = b.PutPart(t.Context(), "p", id, p, body); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if body.closed.Load() {
				t.Error("the body was closed")
			}
			return after.TotalAlloc - before.TotalAlloc
		}
		put() // opens a connection
		n := put()
		t.Logf("%d KiB allocated for a part of %d", n>>10, p.Size>>10)
		if n > 2<<20 {
			t.Errorf("%d bytes allocated for a part of %d", n, p.Size)
		}
		if _, err := b.Complete(t.Context(), "p", id, []objects.Part{p}); err != nil {
			t.Error(err)
		}
	})
}

// TestCreateUnasked: no two of racing calls create an object, also on a server that
// ignores If-None-Match, and a call without a race succeeds. Not on versitygw, which never ignores it and
// loses its way when versions of one key are deleted at the same time.
func TestCreateUnasked(t *testing.T) {
	s := s3test.MinIO(t)
	b := open(t, s.Config("evidence", fresh()))
	var won atomic.Int32
	var version atomic.Value
	var wg sync.WaitGroup
	for n := range byte(8) {
		wg.Go(func() {
			info, err := b.CreateUnasked(t.Context(), "tile", bytes.Repeat([]byte{n}, 1000))
			switch {
			case err == nil:
				won.Add(1)
				version.Store(info.Version)
			case !errors.Is(err, objects.ErrExist) && !strings.Contains(err.Error(), "others kept coming"):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() == 0 {
		info, err := b.CreateUnasked(t.Context(), "tile", nil)
		if err != nil {
			t.Fatal(err)
		}
		won.Add(1)
		version.Store(info.Version)
	}
	info, err := b.Stat(t.Context(), "tile", "")
	if won.Load() != 1 || err != nil || info.Version != version.Load() {
		t.Errorf("%d calls won, the object is %+v, %v, want version %v", won.Load(), info, err, version.Load())
	}
	if info, err = b.CreateUnasked(t.Context(), "tile", nil); !errors.Is(err, objects.ErrExist) || info.Version != version.Load() {
		t.Errorf("creating once more = %+v, %v, want ErrExist", info, err)
	}
}

// TestSecrets: what goes wrong says nothing of the credential.
func TestSecrets(t *testing.T) {
	onEach(t, func(t *testing.T, s *s3test.Server) {
		cfg := s.Config("evidence", fresh())
		cfg.SecretKey = "another" + cfg.SecretKey
		_, err := s3.New(t.Context(), cfg)
		if err == nil || strings.Contains(err.Error(), cfg.SecretKey) || strings.Contains(err.Error(), s.Secret) {
			t.Errorf("New = %v", err)
		}
		cfg = s.Config("evidence", fresh())
		cfg.RootCAs = nil
		if _, err := s3.New(t.Context(), cfg); s.CAFile != "" && (err == nil || !strings.Contains(err.Error(), "certificate")) {
			t.Errorf("New without the server's certificate = %v", err)
		}
	})
}
