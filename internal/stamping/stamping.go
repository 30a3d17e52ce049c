// Package stamping asks a time stamping authority over HTTP, RFC 3161 3.4: bytes out,
// bytes in. What the answer is worth, package timestamp checks.
//
// It refuses redirections, answers larger than 64 KiB, and those later than 30 seconds.
package stamping

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"comity.example/comity/crypto/timestamp"
)

// patience is how long an authority may take for an answer.
const patience = 30 * time.Second

// Client asks authorities. It is safe for concurrent use.
type Client struct {
	http http.Client
}

// New returns a Client. It goes by the proxy that the environment names.
func New() *Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxResponseHeaderBytes = 4, 64<<10
	return &Client{http.Client{
		Transport: t, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Ask posts a query and returns the answer, whatever it is.
func (c *Client) Ask(ctx context.Context, url string, query []byte) ([]byte, error) {
	b, err := c.ask(ctx, url, query)
	if err != nil {
		return nil, fmt.Errorf("asking for a time stamp: %w", err)
	}
	return b, nil
}

func (c *Client) ask(ctx context.Context, url string, query []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", timestamp.TypeQuery)
	r.Header.Set("Accept", timestamp.TypeReply)
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%q answered with HTTP status %d", url, resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, timestamp.MaxBytes+1))
	if err == nil && len(b) > timestamp.MaxBytes {
		err = fmt.Errorf("%q answered with more than %d bytes", url, timestamp.MaxBytes)
	}
	return b, err
}
