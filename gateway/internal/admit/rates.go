package admit

import (
	"net"
	"sync"
	"time"

	"comity.example/comity/internal/link"
	"golang.org/x/time/rate"
)

// The rates, in requests of cost 1: a tile is one read, a hello a hybrid
// verification. An agent that scans the log reads many tiles. Strangers' rates count
// on open routes alone: the others refuse them for less than it takes to count.
const (
	strangerRate  rate.Limit = 20 // requests a second from one address
	strangerBurst            = 200
	agentRate     rate.Limit = 200
	agentBurst               = 2000

	helloCost  = 5
	maxBuckets = 1 << 16 // callers that are remembered
)

// rates limits how often each caller asks.
type rates struct {
	now func() time.Time

	mu      sync.Mutex // guards the fields below
	buckets map[string]*rate.Limiter
}

func newRates(now func() time.Time) *rates {
	return &rates{now: now, buckets: map[string]*rate.Limiter{}}
}

// allow counts a request of that cost of a principal, or of a stranger from an address.
func (r *rates) allow(who *Principal, remote net.Addr, cost int) bool {
	key, limit, burst := link.Source(remote), strangerRate, strangerBurst
	if who != nil {
		key, limit, burst = string(who.id), agentRate, agentBurst
	}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.buckets[key]
	if b == nil {
		if len(r.buckets) >= maxBuckets {
			r.forget(now)
		}
		b = rate.NewLimiter(limit, burst)
		r.buckets[key] = b
	}
	return b.AllowN(now, cost)
}

// forget drops the buckets that are full again, which are like new ones. If all
// are in use, which takes as many addresses, it drops all: an attacker with so
// many gains nothing, and memory stays bounded.
func (r *rates) forget(now time.Time) {
	for k, b := range r.buckets {
		if b.TokensAt(now) >= float64(b.Burst()) {
			delete(r.buckets, k)
		}
	}
	if len(r.buckets) >= maxBuckets {
		clear(r.buckets)
	}
}
