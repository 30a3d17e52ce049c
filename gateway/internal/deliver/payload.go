package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ingest"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
)

// Payload is a run of bytes of a released package's payload.
type Payload struct {
	Span
	store objects.Store
	p     records.Package
}

// Payload decides and finds the bytes that a Range field asks for.
func (d *Deliver) Payload(ctx context.Context, who admit.Principal, id, header string) (*Payload, error) {
	p, err := d.released(ctx, who, id, custody.ActPayload)
	if err != nil {
		return nil, err
	}
	span, err := ParseRange(header, p.PayloadSize)
	if err != nil {
		return nil, err
	}
	return &Payload{Span: span, store: d.cfg.Store, p: p}, nil
}

// copyBuffer is how much of a payload is held at a time.
const copyBuffer = 256 << 10

// Copy writes the bytes to w. A payload of several objects is read from one after
// the other.
func (p *Payload) Copy(ctx context.Context, w io.Writer) error {
	buf := make([]byte, copyBuffer)
	off, left := p.Off, p.Length
	for left > 0 {
		u := p.p.Uploads[off/ingest.ObjectSize]
		at := off % ingest.ObjectSize
		n := min(left, u.Size-at)
		if err := p.copyFrom(ctx, w, u.Key, at, n, buf); err != nil {
			return fmt.Errorf("reading payload of %q: %w", p.p.ID, err)
		}
		off, left = off+n, left-n
	}
	return nil
}

func (p *Payload) copyFrom(ctx context.Context, w io.Writer, key string, off, n int64, buf []byte) error {
	r, _, err := p.store.Get(ctx, key, "", off, n)
	if err != nil {
		return err
	}
	defer r.Close()
	m, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, buf)
	if err == nil && m != n {
		err = errors.New("the object is shorter than the store said")
	}
	return err
}
