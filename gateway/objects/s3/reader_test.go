package s3_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/s3"
	"comity.example/comity/gateway/objects/s3/s3test"
)

// watched is a configuration that reaches the server through a proxy, which notes
// the method of every request.
func watched(t *testing.T, cfg *s3.Config) (through *s3.Config, methods func() []string) {
	t.Helper()
	target, err := url.Parse(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen []string
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: cfg.RootCAs}}
	t.Cleanup(tr.CloseIdleConnections)
	p := httptest.NewServer(&httputil.ReverseProxy{Transport: tr, Rewrite: func(r *httputil.ProxyRequest) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.In.Method)
		r.SetURL(target)
		r.Out.Host = r.In.Host // which the request is signed with
	}})
	t.Cleanup(p.Close)
	c := *cfg
	c.Endpoint, c.RootCAs = p.URL, nil
	return &c, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

// TestReader: a Reader reads what the store reads, and asks for nothing else.
func TestReader(t *testing.T) {
	onEach(t, func(t *testing.T, s *s3test.Server) {
		cfg := s.Config("evidence", fresh())
		b := open(t, cfg)
		keys := []string{"a", "b/c", "log/checkpoint"}
		for _, key := range keys {
			if _, err := b.Put(t.Context(), key, []byte("what "+key+" holds"), objects.Create); err != nil {
				t.Fatal(err)
			}
		}
		info := locked(t, b, "payload", objects.Compliance)
		if _, err := b.Begin(t.Context(), "uploads/one", 10, 10); err != nil {
			t.Fatal(err)
		}

		through, methods := watched(t, cfg)
		r, err := s3.NewReader(t.Context(), through)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var got []string
		for key, err := range r.List(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, key)
			body, of, err := r.Get(t.Context(), key, "", 0, -1)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(body)
			body.Close()
			if err != nil || string(text) != "what "+key+" holds" {
				t.Errorf("%q holds %q, %v", key, text, err)
			}
			if at, err := r.Stat(t.Context(), key, of.Version); err != nil || at != of {
				t.Errorf("Stat(%q) = %+v, %v, Get says %+v", key, at, err, of)
			}
			if key == "payload" && (of != info || of.Mode != objects.Compliance || !of.RetainUntil.After(time.Now())) {
				t.Errorf("the payload is %+v, locked it was %+v", of, info)
			}
		}
		if want := append(keys, "payload"); !slices.Equal(got, want) {
			t.Errorf("List gives %q, want %q", got, want)
		}
		if _, err := r.Stat(t.Context(), "none", ""); !errors.Is(err, objects.ErrNotExist) {
			t.Errorf("Stat of what is not there: %v", err)
		}
		listUploads(t, s, r)
		seen := methods()
		if len(seen) < 10 || slices.ContainsFunc(seen, func(m string) bool { return m != http.MethodGet && m != http.MethodHead }) {
			t.Errorf("the requests were %v", seen)
		}
	})
}

// listUploads wants the one upload, of a server that lists uploads by prefix.
func listUploads(t *testing.T, s *s3test.Server, r *s3.Reader) {
	t.Helper()
	var list []objects.Upload
	for u, err := range r.Uploads(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, u)
	}
	if s.Access == s.RootAccess && len(list) == 0 {
		t.Log("this server is MinIO, which lists uploads of one key only")
	} else if len(list) != 1 || list[0].Key != "uploads/one" || list[0].ID == "" {
		t.Errorf("uploads %v", list)
	}
	for range r.Uploads(t.Context()) {
		break // a caller that has enough
	}
}

// TestReaderMakesNoBucket: a bucket that is not there is an error, and still is not
// there.
func TestReaderMakesNoBucket(t *testing.T) {
	onEach(t, func(t *testing.T, s *s3test.Server) {
		cfg := s.RootConfig("nowhere", "")
		for range 2 {
			if _, err := s3.NewReader(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "has none of that name") {
				t.Errorf("NewReader = %v", err)
			}
		}
		if there, err := raw(t, cfg).BucketExists(t.Context(), cfg.Bucket); there || err != nil {
			t.Errorf("the bucket is there: %v, %v", there, err)
		}
	})
}
