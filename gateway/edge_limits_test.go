package gateway_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// eventually waits until f holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(4 * patience); !f(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, 4*patience)
		}
	}
}

// TestPollsShared: one agent cannot hold all polls; others hear of their changes, and
// what it gives up it can use again.
func TestPollsShared(t *testing.T) {
	w := newRelay(t)
	greedy, other := w.as(w.nl.lab), w.as(w.nl.desk)
	c, err := greedy.Changes(t.Context(), "", 0)
	check(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var polls sync.WaitGroup
	for range 16 {
		polls.Go(func() {
			for code := wire.CodeBusy; code == wire.CodeBusy && ctx.Err() == nil; { // beside a question of ours
				_, err := greedy.Changes(ctx, c.Cursor, 60)
				code = wire.CodeOf(err)
			}
		})
	}
	busy := func() bool {
		_, err := greedy.Changes(t.Context(), c.Cursor, 0)
		return wire.CodeOf(err) == wire.CodeBusy
	}
	eventually(t, "the polls are used up", busy)
	if _, err := other.Changes(t.Context(), c.Cursor, 0); err != nil {
		t.Errorf("another agent of the same authority: %v", err)
	}
	if _, err := greedy.Relay(t.Context()); err != nil {
		t.Errorf("another request of the same agent: %v", err)
	}
	stop()
	polls.Wait()
	eventually(t, "the polls come back", func() bool { return !busy() })
}

// refilled is a relay whose clock can be set ahead, which fills the rates up.
func refilled(t *testing.T, change func(*gateway.Config)) (w *world, ahead func()) {
	t.Helper()
	var offset atomic.Int64
	w = newWorld(t)
	w.change = func(c *gateway.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
		if change != nil {
			change(c)
		}
	}
	w.start()
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		w.publish(a)
	}
	return w, func() { offset.Add(int64(time.Second)) }
}

// TestAgentConns: one agent cannot take all connections.
func TestAgentConns(t *testing.T) {
	w, ahead := refilled(t, nil)
	hello := func(m *machine) (*link.Conn, custody.Code) {
		ahead()
		conn := w.dial(&m.cert, link.H2)
		_, err := wire.NewClient(conn).Hello(t.Context(), wire.Identity{ID: m.id, Key: m.key, SPKI: m.spki}, origin, w.relay)
		if err != nil && wire.CodeOf(err) == "" {
			t.Fatal(err)
		}
		return conn, wire.CodeOf(err)
	}
	var first *link.Conn
	for n := range 64 {
		conn, code := hello(w.nl.lab)
		if code != "" {
			t.Fatalf("connection %d: %s", n, code)
		}
		if n == 0 {
			first = conn
		}
	}
	if _, code := hello(w.nl.lab); code != wire.CodeBusy {
		t.Errorf("one connection more: %q", code)
	}
	if _, code := hello(w.nl.desk); code != "" {
		t.Errorf("another agent: %s", code)
	}
	first.Close()
	eventually(t, "a closed connection makes room", func() bool {
		_, code := hello(w.nl.lab)
		return code == ""
	})
}

// stalled sends the head of a filing of size bytes and the beginning of its form,
// then zeros up to sent bytes, and then nothing until stop is closed.
func stalled(ctx context.Context, c http.RoundTripper, size, sent int64, stop <-chan struct{}) (int, error) {
	begin := "--b\r\nContent-Disposition: form-data; name=\"annex\"; filename=\"a\"\r\n\r\n"
	wait := &waiter{stop: stop, closed: make(chan struct{})}
	body := io.MultiReader(strings.NewReader(begin), io.LimitReader(blanks{}, sent), wait)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://comity/v1/statements", struct {
		io.Reader
		io.Closer
	}{body, wait})
	if err != nil {
		return 0, err
	}
	r.ContentLength = size
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	resp, err := c.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// waiter is the rest of a body that does not come. The client closes the body of a
// request that was answered early, and waits for its reader.
type waiter struct {
	stop   <-chan struct{}
	once   sync.Once
	closed chan struct{}
}

func (w *waiter) Read([]byte) (int, error) {
	select {
	case <-w.stop:
	case <-w.closed:
	}
	return 0, io.ErrUnexpectedEOF
}

func (w *waiter) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

// TestStrangersAtOnce: a connection on which nobody proved anything has few requests
// at once.
func TestStrangersAtOnce(t *testing.T) {
	w, ahead := refilled(t, nil)
	greedy, other := w.dial(nil, link.H2), w.dial(nil, link.H2)
	stop := make(chan struct{})
	var posts sync.WaitGroup
	for range 4 {
		posts.Go(func() {
			for status := http.StatusTooManyRequests; status == http.StatusTooManyRequests; { // beside a question of ours
				status, _ = stalled(t.Context(), greedy, 1<<20, 1<<10, stop)
			}
		})
	}
	limited := func(c *link.Conn) bool {
		ahead()
		return send(t, c, "GET", "/v1/relay", nil).problem.Code == wire.CodeRateLimited
	}
	eventually(t, "the requests are used up", func() bool { return limited(greedy) })
	if limited(other) {
		t.Error("another connection from the same address is refused")
	}
	close(stop)
	posts.Wait()
	eventually(t, "the requests come back", func() bool { return !limited(greedy) })
}

// TestMemoryBounded: agents of two authorities bring the largest annexes at once and
// stop before the end. What the relay holds stays within its budget; who finds no
// memory is put off, and agents of the third authority are served.
func TestMemoryBounded(t *testing.T) {
	const budget = 128 << 20
	w, _ := refilled(t, func(c *gateway.Config) { c.Memory = budget })
	before := liveHeap()
	stop := make(chan struct{})
	var statuses [24]int
	var posts sync.WaitGroup
	var put atomic.Int64
	for n := range statuses {
		m := []*machine{w.nl.lab, w.fr.lab}[n%2]
		conn := w.dial(&m.cert, link.H3)
		_, err := wire.NewClient(conn).Hello(t.Context(), wire.Identity{ID: m.id, Key: m.key, SPKI: m.spki}, origin, w.relay)
		check(t, err)
		posts.Go(func() {
			status, err := stalled(t.Context(), conn, 16<<20, 15<<20, stop)
			if statuses[n] = status; err == nil && status == http.StatusServiceUnavailable {
				put.Add(1)
			}
		})
	}
	peak := uint64(0)
	eventually(t, "most are put off", func() bool {
		peak = max(peak, liveHeap())
		return put.Load() >= int64(len(statuses)-2)
	})
	if peak > before+budget {
		t.Errorf("%d MiB were held, %d before", peak>>20, before>>20)
	}
	c := w.as(w.de.lab)
	if _, err := c.Record(t.Context(), custody.RelayRecord, 0); err != nil {
		t.Errorf("an agent of another authority: %v", err)
	}
	close(stop)
	posts.Wait()
	eventually(t, "memory comes back", func() bool {
		_, err := w.as(w.nl.desk).Record(t.Context(), custody.RelayRecord, 0)
		return err == nil && liveHeap() < before+32<<20
	})
}

// liveHeap returns the bytes that are reachable.
func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
