package admit

import (
	"errors"
	"io"
	"net/http"
	"os"

	"comity.example/comity/internal/wire"
)

// body is the body of a request, bounded by its route. What breaks it is its
// sender's or the network's doing, and reads as such, not as a fault of the relay.
type body struct {
	io.ReadCloser
	left int64 // bytes that were announced and did not come yet, or -1
}

func newBody(w http.ResponseWriter, r *http.Request, most int64) *body {
	return &body{http.MaxBytesReader(w, r.Body, most), r.ContentLength}
}

// Read implements io.Reader. A body that ends before its announced length is
// broken over either transport.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left >= 0 {
		b.left = max(0, b.left-int64(n))
	}
	var large *http.MaxBytesError
	switch {
	case err == nil, err == io.EOF && b.left <= 0:
		return n, err
	case errors.As(err, &large), errors.Is(err, os.ErrDeadlineExceeded):
		return n, err
	}
	return n, wire.NewProblem(wire.CodeMalformed, "the body did not come to its end")
}
