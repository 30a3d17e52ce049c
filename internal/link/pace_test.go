package link

import (
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// steady gives size bytes in every period, count times, then ends; what it waits
// for is the client. A cut ends a wait.
type steady struct {
	size   int
	period time.Duration
	count  int
	fast   bool // the first piece comes at once
	cut    chan struct{}
}

func (s *steady) Read(p []byte) (int, error) {
	switch {
	case s.count == 0:
		return 0, io.EOF
	case s.fast:
		s.fast = false
		return s.size, nil
	}
	select {
	case <-s.cut:
		return 0, errors.New("cut")
	case <-time.After(s.period):
		s.count--
		return s.size, nil
	}
}

func (s *steady) Close() error { return nil }

// TestPace runs in virtual time: 100 bytes a second, 10 seconds ahead.
func TestPace(t *testing.T) {
	for _, row := range []struct {
		name   string
		size   int
		period time.Duration
		count  int
		fast   bool
		slow   time.Duration // that the reader takes before each read
		ends   time.Duration // when it is cut; 0: it is not
	}{
		{"at the rate, for an hour", 100, time.Second, 3600, false, 0, 0},
		{"a large piece now and then", 900, 9 * time.Second, 100, false, 0, 0},
		{"half the rate lasts nearly twice as long", 45, 900 * time.Millisecond, 100, false, 0, 19450 * time.Millisecond},
		{"a drip", 1, time.Second, 100, false, 0, 10100 * time.Millisecond},
		{"nothing at all", 1, time.Hour, 1, false, 0, 10 * time.Second},
		{"a pause after a fast start", 1 << 20, 11 * time.Second, 2, true, 0, 10 * time.Second},
		{"a slow reader is not the client's fault", 100, time.Second, 10, false, time.Hour, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &steady{row.size, row.period, row.count, row.fast, make(chan struct{})}
				b := &pacedBody{src, newPace(10*time.Second, 100, func() { close(src.cut) })}
				start := time.Now()
				var err error
				for err == nil {
					time.Sleep(row.slow)
					_, err = b.Read(nil)
				}
				took := time.Since(start)
				if cut := errors.Is(err, os.ErrDeadlineExceeded); cut != (row.ends > 0) {
					t.Fatalf("ended with %v after %v", err, took)
				}
				if row.ends > 0 && (took-row.ends).Abs() > 10*time.Millisecond {
					t.Errorf("cut after %v, want %v", took, row.ends)
				}
			})
		})
	}
}
