package gateway_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// slow is a folder whose calls a test stops on their way, and sees.
type slow struct {
	*dir.Dir

	mu      sync.Mutex // guards the fields below
	onPart  func(ctx context.Context, key, upload string, p objects.Part)
	onPut   func(key string)
	onWhole func()
	space   int64 // free, if not 0
}

func (s *slow) PutPart(ctx context.Context, key, upload string, p objects.Part, body io.Reader) (string, error) {
	s.mu.Lock()
	f := s.onPart
	s.mu.Unlock()
	if f != nil {
		f(ctx, key, upload, p)
	}
	return s.Dir.PutPart(ctx, key, upload, p, body)
}

func (s *slow) Put(ctx context.Context, key string, data []byte, how objects.Write) (objects.Info, error) {
	s.mu.Lock()
	f := s.onPut
	s.mu.Unlock()
	if f != nil {
		f(key)
	}
	return s.Dir.Put(ctx, key, data, how)
}

func (s *slow) Complete(ctx context.Context, key, upload string, parts []objects.Part) (objects.Info, error) {
	s.mu.Lock()
	f := s.onWhole
	s.mu.Unlock()
	if f != nil {
		f()
	}
	return s.Dir.Complete(ctx, key, upload, parts)
}

func (s *slow) Free() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.space != 0 {
		return s.space, nil
	}
	return s.Dir.Free()
}

// set changes the hooks.
func (s *slow) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// gate stops whoever comes first until it is opened or its context ends.
type gate struct {
	taken         atomic.Bool
	reached, open chan struct{}
}

func newGate() *gate { return &gate{reached: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) pass(ctx context.Context) {
	if g.taken.Swap(true) {
		return
	}
	close(g.reached)
	select {
	case <-g.open:
	case <-ctx.Done():
	}
}

// onSlow is newRelay with a slow store, whose calls no test holds for ever.
func onSlow(t *testing.T) (*world, *slow) {
	t.Helper()
	w, s := newWorld(t), &slow{}
	w.change = func(c *gateway.Config) {
		s.Dir = c.Store.(*dir.Dir)
		c.Store = s
	}
	w.start()
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		w.publish(a)
	}
	return w, s
}

// spoil returns a part of the same length with other bytes.
func spoil(part []byte) []byte {
	p := bytes.Clone(part)
	p[0] ^= 1
	return p
}

// TestPartOvertaken: a call that brings other bytes of a part is slow on its way to
// the store, and does not reach it after a later one: neither under an epoch that
// was taken over, nor under the same.
func TestPartOvertaken(t *testing.T) {
	for _, takeOver := range []bool{true, false} {
		t.Run("takeover="+strconv.FormatBool(takeOver), func(t *testing.T) {
			w, store := onSlow(t)
			s := w.agreed()
			first, second := w.as(w.nl.lab), w.as(w.nl.lab)
			b := s.packOf(1000)
			s.reserve(first, b)
			bad, g := spoil(b.parts[0]), newGate()
			store.set(func() {
				store.onPart = func(ctx context.Context, _, _ string, p objects.Part) {
					if p.SHA256 == [32]byte(sum(bad)) {
						g.pass(ctx)
					}
				}
			})
			late, epoch := make(chan error, 1), b.epoch
			go func() { late <- first.PutPart(context.Background(), b.id, epoch, 0, sum(bad), bad) }()
			<-g.reached
			if takeOver {
				r, err := second.TakeOver(t.Context(), b.id)
				check(t, err)
				b.epoch = r.Epoch
			}
			s.upload(second, b)
			close(g.open)
			refused(t, "the part that came first", <-late, wire.CodeBusy)
			b.seal = sign(t, s.sealBody(b), w.nl.lab.key)
			_, err := second.Seal(t.Context(), b.id, b.epoch, b.seal.Envelope)
			check(t, err)
			w.stop()
			w.clean()
		})
	}
}

// TestPartStalled: a connection that stalls in the middle of a part does not keep
// it from the next.
func TestPartStalled(t *testing.T) {
	w, store := onSlow(t)
	s := w.agreed()
	for _, transport := range []string{link.H2, link.H3} {
		begun := newGate()
		close(begun.open)
		store.set(func() {
			store.onPart = func(ctx context.Context, _, _ string, _ objects.Part) { begun.pass(ctx) }
		})
		b := s.packOf(1000)
		w.over(w.nl.lab, transport)
		stalled := w.conns[len(w.conns)-1]
		c := w.as(w.nl.lab)
		s.reserve(c, b)
		body, feed := io.Pipe()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://"+origin+"/v1/packages/"+b.id+"/parts/0", body)
		check(t, err)
		r.ContentLength = int64(len(b.parts[0]))
		r.Header.Set("Content-Type", wire.TypeBytes)
		r.Header.Set("Content-Digest", wire.ContentDigest(b.sums[0]))
		r.Header.Set(wire.EpochHeader, strconv.FormatInt(b.epoch, 10))
		done := make(chan struct{})
		go func() {
			defer close(done)
			if resp, err := stalled.RoundTrip(r); err == nil {
				resp.Body.Close()
			}
		}()
		_, err = feed.Write(b.parts[0][:100])
		check(t, err)
		<-begun.reached                 // else the stalled call could be the later one
		for _, n := range []int{0, 0} { // the second finds it here
			check(t, c.PutPart(t.Context(), b.id, b.epoch, n, b.sums[0], b.parts[0]))
		}
		feed.Close()
		<-done
	}
}

// lose puts other bytes under a part of an upload, as another relay process or a
// damaged store would.
func (b *bundle) lose(t *testing.T, d *dir.Dir, key, upload string, n int) {
	t.Helper()
	bad := spoil(b.parts[n])
	_, err := d.PutPart(t.Context(), key, upload, objects.Part{Number: n, Size: int64(len(bad)), SHA256: sum(bad)}, bytes.NewReader(bad))
	check(t, err)
}

// TestPartLost: the store does not have a part as its row says. The seal is refused,
// and the package is open for exactly that part; so it is if the next start finds it.
func TestPartLost(t *testing.T) {
	w, store := onSlow(t)
	s := w.agreed()
	c := w.as(w.nl.lab)
	b := s.pack()
	var key, upload string
	store.set(func() {
		store.onPart = func(_ context.Context, k, u string, _ objects.Part) { key, upload = k, u }
	})
	s.reserve(c, b)
	s.upload(c, b)
	lost := func(when string) {
		t.Helper()
		st, err := c.Package(t.Context(), b.id)
		check(t, err)
		if st.State != wire.StateOpen || !bytes.Equal(st.Present, []byte{0b101}) {
			t.Fatalf("%s the package is %s with parts %b", when, st.State, st.Present)
		}
		check(t, c.PutPart(t.Context(), b.id, b.epoch, 1, b.sums[1], b.parts[1]))
	}
	b.lose(t, store.Dir, key, upload, 1)
	b.seal = sign(t, s.sealBody(b), w.nl.lab.key)
	_, err := c.Seal(t.Context(), b.id, b.epoch, b.seal.Envelope)
	refused(t, "seal of a package that the store lost a part of", err, wire.CodeIncomplete)
	lost("after the seal")

	b.lose(t, store.Dir, key, upload, 1)
	w.stop()
	w.database(func(tx *records.Tx) error {
		ok, err := tx.Freeze(b.id, b.epoch, b.seal.Envelope)
		if !ok {
			t.Error("the package was not open")
		}
		return err
	})
	w.start()
	c = w.as(w.nl.lab)
	lost("after the start")
	_, err = c.Seal(t.Context(), b.id, b.epoch, b.seal.Envelope)
	check(t, err)
	w.stop()
	w.clean()
}

// TestUploadLost: the store has no upload of a package any more. Its sender can give
// it up, and has its room back.
func TestUploadLost(t *testing.T) {
	w, store := onSlow(t)
	s := w.agreedOn(func(g *custody.Grant) { g.MaxPackages = 1 })
	c := w.as(w.nl.lab)
	b := s.packOf(1000)
	store.set(func() {
		store.onPart = func(_ context.Context, key, upload string, _ objects.Part) {
			store.set(func() { store.onWhole = func() { check(t, store.Dir.Abort(t.Context(), key, upload)) } })
		}
	})
	s.reserve(c, b)
	s.upload(c, b)
	_, err := c.Seal(t.Context(), b.id, b.epoch, sign(t, s.sealBody(b), w.nl.lab.key).Envelope)
	refused(t, "seal of a package without upload", err, wire.CodeInternal)
	check(t, c.Abandon(t.Context(), b.id, b.epoch))
	store.set(func() { store.onPart, store.onWhole = nil, nil })
	s.deposit(c, s.packOf(1000), 1)
	w.stop()
	w.clean()
}

// TestSealOvertaken: a late call with an earlier seal, which the rules refuse by
// then, does not undo the freeze of the next one: the row keeps the seal that is in
// the log.
func TestSealOvertaken(t *testing.T) {
	w, store := onSlow(t)
	s := w.agreed()
	b := s.packOf(1000)
	c := w.as(w.nl.lab)
	s.reserve(c, b)
	s.upload(c, b)
	turns := make(chan chan struct{})
	store.set(func() {
		store.onWhole = func() {
			g := make(chan struct{})
			turns <- g
			<-g
		}
	})
	call := func(st *custody.Statement) (goOn chan struct{}, answer chan error) {
		answer = make(chan error, 1)
		go func() { _, err := c.Seal(context.Background(), b.id, b.epoch, st.Envelope); answer <- err }()
		return <-turns, answer
	}
	old := sign(t, s.sealBody(b), w.nl.lab.key)
	first, told1 := call(old)
	second, told2 := call(old) // a retry: the first answer is late
	next := *w.fr              // of this test alone
	w.fr = &next
	w.fr.directory = w.fr.direct(t, w.fr.directory)
	_, err := w.stranger(nil).Submit(t.Context(), w.fr.directory.Envelope, nil)
	check(t, err)
	close(first)
	refused(t, "seal with the directory before", <-told1, custody.CodeRecipientNotGrant)
	b.seal = sign(t, s.sealBody(b), w.nl.lab.key)
	third, told3 := call(b.seal)
	close(second)
	refused(t, "the same again, late", <-told2, custody.CodeRecipientNotGrant)
	st, err := c.Package(t.Context(), b.id)
	check(t, err)
	if st.State != wire.StateSealing {
		t.Errorf("while the next seal is under way the package is %s", st.State)
	}
	close(third)
	check(t, <-told3)
	w.stop()
	w.clean()
}

// TestReserveBeforePublication: a deposit that is committed and not published takes
// its room of the grant.
func TestReserveBeforePublication(t *testing.T) {
	w, store := onSlow(t)
	s := w.agreedOn(func(g *custody.Grant) { g.MaxPackages = 2 })
	c, other := w.as(w.nl.lab), w.as(w.nl.lab)
	b1, b2 := s.packOf(1000), s.packOf(1000)
	for _, b := range []*bundle{b1, b2} {
		s.reserve(c, b)
		s.upload(c, b)
	}
	ask := func() error {
		_, err := other.Reserve(t.Context(), wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: b1.size})
		return err
	}
	// The denial is in the record now: the next waits for no entry.
	refused(t, "third package of two", ask(), custody.CodePackagesUsedUp)
	g := newGate()
	store.set(func() {
		store.onPut = func(key string) {
			if strings.HasPrefix(key, "records/") {
				g.pass(context.Background())
			}
		}
	})
	b1.seal = sign(t, s.sealBody(b1), w.nl.lab.key)
	sealed, asked := make(chan error, 1), make(chan error, 1)
	go func() { _, err := c.Seal(context.Background(), b1.id, b1.epoch, b1.seal.Envelope); sealed <- err }()
	<-g.reached
	go func() { asked <- ask() }()
	var third error
	select {
	case third = <-asked:
		close(g.open)
	case <-time.After(patience): // a new hour has begun: the denial waits for its entry
		close(g.open)
		third = <-asked
	}
	refused(t, "third package while the first is not published", third, custody.CodePackagesUsedUp)
	check(t, <-sealed)
	body := s.sealBody(b2)
	body.Delivery = 2
	_, err := c.Seal(t.Context(), b2.id, b2.epoch, sign(t, body, w.nl.lab.key).Envelope)
	check(t, err)
	w.stop()
	w.clean()
}

// TestReserveRoom: what open packages have still to receive is not free, and what
// they have received is not counted twice.
func TestReserveRoom(t *testing.T) {
	const mib = 1 << 20
	w, store := onSlow(t)
	w.stop()
	change := w.change
	w.change = func(c *gateway.Config) { change(c); c.MinFree = 10 * mib }
	store.space = 60 * mib
	w.start()
	s := w.agreed()
	c := w.as(w.nl.lab)
	ask := func(plain int64) error {
		_, err := c.Reserve(t.Context(), wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: seal.PayloadSize(plain)})
		return err
	}
	b := s.pack() // of 16 MiB and a little
	s.reserve(c, b)
	refused(t, "40 of 34 MiB", ask(40*mib), wire.CodeStorage)
	s.upload(c, b)
	store.set(func() { store.space = 60*mib - b.size })
	refused(t, "40 of 34 MiB after the upload", ask(40*mib), wire.CodeStorage)
	check(t, ask(30*mib))
	refused(t, "10 of 4 MiB", ask(10*mib), wire.CodeStorage)
}
