package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ingest"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
)

// Payload is a run of bytes of a released package's payload.
type Payload struct {
	Span
	store objects.Store
	id    string
	list  []custody.StoredPayload                         // of the deposit
	watch func(context.Context) (context.Context, func()) // ends when the rules allow it no more
	deny  func(ledger.Answer) error
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
	list, err := d.objects(ctx, p)
	if err != nil {
		return nil, err
	}
	record, act := custody.RecordID(p.Request), custody.Action{Act: custody.ActPayload, Via: who.ID(), Package: id}
	return &Payload{
		Span: span, store: d.cfg.Store, id: id, list: list,
		watch: func(ctx context.Context) (context.Context, func()) { return d.cfg.Ledger.Watch(ctx, record, act) },
		deny: func(dec ledger.Answer) error {
			return admit.Deny(record, custody.ActPayload, dec, custody.CodeNoSuchPackage)
		},
	}, nil
}

// objects returns the objects of a payload as its entry names them: what the store
// read back before the deposit was acknowledged.
func (d *Deliver) objects(ctx context.Context, p records.Package) ([]custody.StoredPayload, error) {
	s, err := sealOf(p)
	if err != nil {
		return nil, err
	}
	var line records.Entry
	err = d.cfg.DB.View(ctx, func(tx *records.Tx) error {
		line, err = tx.ByStatement(s.SHA256)
		return err
	})
	if err != nil {
		return nil, err
	}
	e, err := custody.ParseEntry(line.Entry)
	if err == nil && (e.Deposit == nil || e.Deposit.Size != p.PayloadSize) {
		err = errors.New("it does not name the payload")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the entry of package %q: %v", p.ID, err)
	}
	return e.Deposit.Objects, nil
}

// copyBuffer is how much of a payload is held at a time.
const copyBuffer = 256 << 10

// Copy writes the bytes to w, as long as the rules allow it: an answer may take days,
// and a recall or a revocation ends it, also one that its recipient does not read. cut
// makes a Write to w fail that waits; it is not called after Copy has returned. A
// payload of several objects is read from one after the other.
func (p *Payload) Copy(ctx context.Context, w io.Writer, cut func()) error {
	watched, done := p.watch(ctx)
	defer done()
	gone := make(chan struct{})
	stop := context.AfterFunc(watched, func() { cut(); close(gone) })
	err := p.copyAll(watched, &answer{w})
	if !stop() {
		<-gone
	}
	var refused *ledger.Refused
	if err != nil && errors.As(context.Cause(watched), &refused) {
		return p.deny(refused.Answer)
	}
	return err
}

func (p *Payload) copyAll(ctx context.Context, w io.Writer) error {
	buf := make([]byte, copyBuffer)
	off, left := p.Off, p.Length
	for left > 0 {
		o := p.list[off/ingest.ObjectSize]
		at := off % ingest.ObjectSize
		n := min(left, o.Size-at)
		if err := p.copyFrom(ctx, w, o, at, n, buf); err != nil {
			return fmt.Errorf("reading payload of %q: %w", p.id, err)
		}
		off, left = off+n, left-n
	}
	return nil
}

func (p *Payload) copyFrom(ctx context.Context, w io.Writer, o custody.StoredPayload, off, n int64, buf []byte) error {
	r, _, err := p.store.Get(ctx, o.Key, o.Version, off, n)
	if err != nil {
		return err
	}
	defer r.Close()
	m, err := io.CopyBuffer(w, struct{ io.Reader }{r}, buf)
	if err == nil && m != n {
		err = errors.New("the object is shorter than the store said")
	}
	return err
}

// answer is the answer to the recipient.
type answer struct{ w io.Writer }

// Write implements io.Writer.
func (a *answer) Write(b []byte) (int, error) {
	n, err := a.w.Write(b)
	if err == nil {
		ledger.Crash(ledger.PayloadAnswered)
	}
	return n, err
}
