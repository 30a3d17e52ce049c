package agent_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"comity.example/comity/agent"
)

// stuck is a relay that takes a request and does one thing before it plays dead.
type stuck struct {
	answer io.Reader // if nil, no answer comes
}

func (s *stuck) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if r.Body != nil {
		go func() { // as a sender that is blocked by the other side
			<-ctx.Done()
			r.Body.Close()
		}()
	}
	if s.answer == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	pr, pw := io.Pipe()
	go func() {
		io.Copy(pw, s.answer)
		<-ctx.Done()
		pw.CloseWithError(ctx.Err())
	}()
	return &http.Response{StatusCode: http.StatusOK, Body: pr}, nil
}

func (s *stuck) Exporter() ([32]byte, error) { return [32]byte{}, nil }
func (s *stuck) ServerSPKI() [32]byte        { return [32]byte{} }

// slow answers one byte a minute.
type slow struct{ left int }

func (s *slow) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Minute)
	s.left--
	return copy(p, "x"), nil
}

// TestStandstill: a call ends when nothing moves, and not while something does.
func TestStandstill(t *testing.T) {
	for _, row := range []struct {
		name   string
		body   []byte
		answer io.Reader
		after  time.Duration
	}{
		{"no answer", nil, nil, 3 * time.Minute},
		{"no answer to a body", []byte("body"), nil, 3 * time.Minute},
		{"half an answer", nil, bytes.NewReader([]byte("half")), 3 * time.Minute},
		{"a slow answer", nil, &slow{left: 10}, 13 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			r, err := http.NewRequest(http.MethodPost, "https://comity/x", bytes.NewReader(row.body))
			check(t, err)
			resp, err := agent.Patient(&stuck{row.answer}).RoundTrip(r)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if !errors.Is(err, agent.ErrStandstill) {
				t.Errorf("%s: %v", row.name, err)
			}
			if d := time.Since(begun); d != row.after {
				t.Errorf("%s: it took %s, want %s", row.name, d, row.after)
			}
		})
	}
}
