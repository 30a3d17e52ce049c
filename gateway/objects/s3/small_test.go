package s3

import (
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"comity.example/comity/gateway/objects"
)

// bare answers as a server that shows no checksums and on whose only key an object
// lies.
func bare(object string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if r.Method == http.MethodPut {
			h.Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusPreconditionFailed)
			io.WriteString(w, "<Error><Code>PreconditionFailed</Code><Message>it is there</Message></Error>")
			return
		}
		h.Set("X-Amz-Version-Id", "v1")
		h.Set("ETag", `"8b1a9953c4611296a827abf8c47804d7"`)
		h.Set("Last-Modified", "Fri, 02 Jan 2026 15:04:05 GMT")
		h.Set("Content-Length", strconv.Itoa(len(object)))
		h.Set("X-Amz-Meta-"+tokenField, "of another try")
		if r.Method == http.MethodGet {
			io.WriteString(w, object)
		}
	})
}

// TestCreateTakenUnsummed: of a server that keeps no checksums too, who comes second
// learns whether what is there is what it brings.
func TestCreateTakenUnsummed(t *testing.T) {
	for _, object := range []string{"head", "another head", ""} {
		srv := httptest.NewServer(bare(object))
		defer srv.Close()
		c, err := newClient(&Config{Endpoint: srv.URL, Bucket: "bucket", AccessKey: "aaaaaaaa", SecretKey: "bbbbbbbb"})
		if err != nil {
			t.Fatal(err)
		}
		b := &Bucket{Reader: Reader{client: *c, showsLocks: true}}
		info, err := b.Put(t.Context(), "heads/7f/x/head", []byte("head"), objects.Create)
		if !errors.Is(err, objects.ErrExist) || info.Digest != sha256.Sum256([]byte(object)) || info.Size != int64(len(object)) {
			t.Errorf("creating over %q: %v, digest %x", object, err, info.Digest)
		}
	}
}
