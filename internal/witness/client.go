package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"comity.example/comity/crypto/translog"
)

// Conflict is the error of Add when the witness has cosigned another size.
type Conflict struct{ Size int64 }

func (c *Conflict) Error() string { return fmt.Sprintf("the witness is at size %d", c.Size) }

// maxAnswer bounds what is read of an answer: eight cosignature lines.
const maxAnswer = 8 * 3500

// NewClient returns an HTTP client for witnesses. It follows no redirect: the
// address is the operator's setting, and an answer cannot name another.
func NewClient() *http.Client {
	return &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: 10 * time.Minute,
			TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 16 << 10, ForceAttemptHTTP2: true,
		},
	}
}

// Add asks the witness at a submission prefix to cosign, and returns the lines of
// its answer, which are only text until a note with them has been opened. The
// error is a *Conflict where the witness names the size that it is at.
func Add(ctx context.Context, c *http.Client, prefix string, r *Request) ([]byte, error) {
	address, err := url.JoinPath(prefix, "add-checkpoint")
	if err != nil {
		return nil, fmt.Errorf("asking witness: %v", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(r.encode()))
	if err != nil {
		return nil, fmt.Errorf("asking witness: %v", err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking witness: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("asking witness at %s: %w", prefix, err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("asking witness at %s: its answer is longer than %d bytes", prefix, maxAnswer)
	case resp.StatusCode == http.StatusConflict && resp.Header.Get("Content-Type") == "text/x.tlog.size":
		digits := strings.TrimSuffix(string(body), "\n")
		size, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || size < 0 || size > translog.MaxSize {
			return nil, fmt.Errorf("asking witness at %s: malformed size %.40q", prefix, digits)
		}
		return nil, &Conflict{size}
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("asking witness at %s: status %d, %.80q", prefix, resp.StatusCode, body)
	case !bytes.HasPrefix(body, []byte("— ")) || !bytes.HasSuffix(body, []byte("\n")) || bytes.Contains(body, []byte("\n\n")):
		return nil, errors.New("asking witness: its answer is no signature line")
	}
	return body, nil
}
