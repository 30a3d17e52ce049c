package admit

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The rates of open routes, in requests of cost 1: a tile is one read, a hello a
// hybrid verification. An agent that scans the log reads many tiles.
const (
	strangerRate  rate.Limit = 20 // requests a second from one address
	strangerBurst            = 200
	agentRate     rate.Limit = 200
	agentBurst               = 2000

	helloCost  = 5
	maxBuckets = 1 << 16 // callers that are remembered
)

// rates limits how often each caller uses the open routes.
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
	key, limit, burst := source(remote), strangerRate, strangerBurst
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

// source names where a stranger comes from: an IPv4 address, or the /64 that an
// IPv6 host can choose addresses from at will.
func source(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	ip := ap.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return p.String()
}
