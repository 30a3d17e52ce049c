package s3_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/s3"
	"comity.example/comity/gateway/objects/s3/s3test"
)

// losing stands before a server and, once armed, lets the next request that
// matches through and cuts the connection instead of answering. It reports
// whether it did. It needs HTTP to look at requests.
func losing(t *testing.T, s *s3test.Server, match func(*http.Request) bool) (cfg *s3.Config, arm func(), lost func() bool) {
	t.Helper()
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var armed, done atomic.Bool
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // it is signed
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !match(r) || !armed.CompareAndSwap(true, false) {
			proxy.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, r)
		done.Store(answer.Code == http.StatusOK)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(front.Close)
	cfg = s.Config("evidence", fresh())
	cfg.Endpoint = front.URL
	return cfg, func() { armed.Store(true) }, done.Load
}

// TestLostComplete: the answer to Complete is lost after the server did it. The
// call finds the object by itself, and so does the next.
func TestLostComplete(t *testing.T) {
	cfg, arm, lost := losing(t, s3test.MinIO(t), func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") })
	b := open(t, cfg)
	data := make([]byte, 1000)
	rand.Read(data)
	p := objects.Part{Size: 1000, SHA256: sha256.Sum256(data)}
	id, err := b.Begin(t.Context(), "p", 1000, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if p.ETag, err = b.PutPart(t.Context(), "p", id, p, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	arm()
	info, err := b.Complete(t.Context(), "p", id, []objects.Part{p})
	if err != nil || !lost() || info.Size != 1000 || info.Digest != objects.Composite([]objects.Part{p}) {
		t.Errorf("Complete = %+v, %v, answer lost: %v", info, err, lost())
	}
	again, err := b.Complete(t.Context(), "p", id, []objects.Part{p})
	if err != nil || again != info {
		t.Errorf("Complete again = %+v, %v, want %+v", again, err, info)
	}
}

// TestLostCreate: the answer to Put is lost after the server did it. The call
// knows its own object and does not take it for another's.
func TestLostCreate(t *testing.T) {
	cfg, arm, lost := losing(t, s3test.MinIO(t), func(r *http.Request) bool { return r.Method == http.MethodPut })
	b := open(t, cfg)
	arm()
	info, err := b.Put(t.Context(), "head", []byte("head"), objects.Create)
	if err != nil || !lost() || info.Digest != sha256.Sum256([]byte("head")) {
		t.Errorf("Put = %+v, %v, answer lost: %v", info, err, lost())
	}
	if got, err := b.Stat(t.Context(), "head", ""); err != nil || got != info {
		t.Errorf("Stat = %+v, %v, want %+v", got, err, info)
	}
}

// TestLostPart: a part whose answer is lost is not sent again by the driver: its
// body is gone. The caller puts it again.
func TestLostPart(t *testing.T) {
	cfg, arm, lost := losing(t, s3test.MinIO(t), func(r *http.Request) bool { return r.Method == http.MethodPut && r.URL.Query().Has("partNumber") })
	b := open(t, cfg)
	data := make([]byte, 1000)
	p := objects.Part{Size: 1000, SHA256: sha256.Sum256(data)}
	id, err := b.Begin(t.Context(), "p", 1000, 1000)
	if err != nil {
		t.Fatal(err)
	}
	arm()
	if _, err := b.PutPart(t.Context(), "p", id, p, bytes.NewReader(data)); err == nil || !lost() {
		t.Errorf("PutPart = %v, answer lost: %v", err, lost())
	}
	if p.ETag, err = b.PutPart(t.Context(), "p", id, p, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Complete(t.Context(), "p", id, []objects.Part{p}); err != nil {
		t.Error(err)
	}
}
