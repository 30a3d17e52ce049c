package agent_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/dir"
)

// counter counts the parts that a relay reads to give them out, or stores.
type counter struct {
	mu    sync.Mutex
	parts []int           // in the order of the calls
	f     func(calls int) // called before each is answered, if not nil
	bytes int64           // given out
	at    int64           // at which hit is called, once, if not nil
	hit   func()
}

// count starts anew.
func (k *counter) count(f func(calls int)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.parts, k.f = nil, f
}

// then goes on, with another f.
func (k *counter) then(f func(calls int)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.f = f
}

// after calls f once, when so many bytes more were given out.
func (k *counter) after(n int64, f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at, k.hit = k.bytes+n, f
}

// gave counts bytes.
func (k *counter) gave(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bytes += int64(n)
	if k.hit != nil && k.bytes >= k.at {
		k.hit()
		k.hit = nil
	}
}

// all returns the parts so far.
func (k *counter) all() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.parts)
}

// again counts the calls beyond the first of each part.
func (k *counter) again() int {
	all := k.all()
	slices.Sort(all)
	return len(all) - len(slices.Compact(slices.Clone(all)))
}

// counted is a relay's store.
type counted struct {
	*dir.Dir
	reads  *counter
	writes *counter
}

func (c counted) Get(ctx context.Context, key, version string, off, length int64) (io.ReadCloser, objects.Info, error) {
	if !strings.Contains(key, "/payload") {
		return c.Dir.Get(ctx, key, version, off, length)
	}
	c.reads.mu.Lock()
	c.reads.parts = append(c.reads.parts, int(off/seal.PartSize))
	calls, f := len(c.reads.parts), c.reads.f
	c.reads.mu.Unlock()
	if f != nil {
		f(calls)
	}
	r, info, err := c.Dir.Get(ctx, key, version, off, length)
	if err != nil {
		return nil, info, err
	}
	return given{r, c.reads}, info, nil
}

// given is what a relay reads.
type given struct {
	io.ReadCloser
	reads *counter
}

func (g given) Read(p []byte) (int, error) {
	n, err := g.ReadCloser.Read(p)
	g.reads.gave(n)
	return n, err
}
