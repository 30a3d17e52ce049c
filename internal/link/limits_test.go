package link_test

import (
	"testing"

	"comity.example/comity/internal/link"
)

func TestSource(t *testing.T) {
	for _, row := range []struct{ addr, want string }{
		{"192.0.2.1:99", "192.0.2.1"}, {"[::ffff:192.0.2.1]:1", "192.0.2.1"},
		{"[2001:db8:1:2:3:4:5:6]:1", "2001:db8:1:2::/64"}, {"[fe80::1%eth0]:1", "fe80::/64"},
	} {
		if got := link.Source(named(row.addr)); got != row.want {
			t.Errorf("Source(%q) = %q, want %q", row.addr, got, row.want)
		}
	}
	if got := link.Source(named("pipe")); got != "pipe" {
		t.Errorf("Source of something else = %q", got)
	}
}

type named string

func (n named) Network() string { return "udp" }
func (n named) String() string  { return string(n) }
