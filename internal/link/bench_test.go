package link_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"comity.example/comity/internal/link"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// BenchmarkUpload sends parts of 8 MiB in sequence over one connection. "stock"
// is the client of quic-go's http3 package over a plain socket, against the
// same server: compare within one run.
func BenchmarkUpload(b *testing.B) {
	w := serve(b, func(w http.ResponseWriter, r *http.Request) {
		io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 256<<10))
	}, nil)
	part := make([]byte, 8<<20)
	run := func(b *testing.B, c http.RoundTripper) {
		b.SetBytes(int64(len(part)))
		for b.Loop() {
			if status, _, err := do(c, "PUT", "/", bytes.NewReader(part)); status != 200 || err != nil {
				b.Fatal(status, err)
			}
		}
	}
	b.Run("stock", func(b *testing.B) {
		qc, err := quic.DialAddr(b.Context(), w.Addr(), link.ClientTLS(nil, [][32]byte{w.spki}, link.H3), nil)
		if err != nil {
			b.Fatal(err)
		}
		defer qc.CloseWithError(0, "")
		run(b, (&http3.Transport{DisableCompression: true}).NewClientConn(qc))
	})
	for _, transport := range []string{link.H3, link.H2} {
		b.Run(transport, func(b *testing.B) { run(b, w.dial(b, transport, nil)) })
	}
}
