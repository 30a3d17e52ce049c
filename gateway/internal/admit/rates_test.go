package admit

import (
	"net"
	"testing"
	"time"
)

// TestRatesForget: what is remembered of callers is bounded, and waiting refills.
func TestRatesForget(t *testing.T) {
	clock := time.Unix(0, 0)
	r := newRates(func() time.Time { return clock })
	one := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
	for n := range strangerBurst {
		if !r.allow(nil, one, 1) {
			t.Fatalf("request %d is refused", n)
		}
	}
	if r.allow(nil, one, 1) {
		t.Error("more than the burst is allowed")
	}
	if !r.allow(&Principal{id: "nl/agent/lab"}, one, 1) {
		t.Error("an agent pays for strangers at its address")
	}
	if clock = clock.Add(time.Second); !r.allow(nil, one, int(strangerRate)) || r.allow(nil, one, 1) {
		t.Errorf("a second does not give %v requests", strangerRate)
	}
	for n := range maxBuckets + 10 {
		ip := net.IPv4(10, byte(n>>16), byte(n>>8), byte(n))
		if !r.allow(nil, &net.TCPAddr{IP: ip, Port: n}, 1) {
			t.Fatalf("the first request of address %d is refused", n)
		}
	}
	if len(r.buckets) > maxBuckets {
		t.Errorf("%d callers are remembered", len(r.buckets))
	}
}
