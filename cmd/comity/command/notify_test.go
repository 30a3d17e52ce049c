package command

import (
	"net"
	"path/filepath"
	"runtime"
	"testing"
)

// TestNotify: the service manager gets one datagram, and where there is none nobody
// is told.
func TestNotify(t *testing.T) {
	if err := notify("", "READY=1"); err != nil {
		t.Errorf("without a service manager: %v", err)
	}
	if runtime.GOOS == "windows" {
		t.Skip("NOT TESTED: Windows has no such sockets")
	}
	sockets := []string{filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		sockets = append(sockets, "@comity-test-"+filepath.Base(t.TempDir())+filepath.Base(sockets[0])+t.Name())
	}
	for _, s := range sockets {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := notify(s, "READY=1"); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 64)
		if n, err := l.Read(b); err != nil || string(b[:n]) != "READY=1" {
			t.Errorf("on %q came %q, %v", s, b[:n], err)
		}
	}
	if err := notify(filepath.Join(t.TempDir(), "nobody"), "READY=1"); err == nil {
		t.Error("nobody listened, and that is no error")
	}
}
