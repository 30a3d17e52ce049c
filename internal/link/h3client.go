package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// Types of unidirectional streams (RFC 9114, section 6.2; RFC 9204, section 4.2).
const (
	streamControl      = 0x00
	streamPush         = 0x01
	streamQPACKEncoder = 0x02
	streamQPACKDecoder = 0x03
)

// settingMaxFieldSection is SETTINGS_MAX_FIELD_SECTION_SIZE.
const settingMaxFieldSection = 0x06

// maxControlFrame bounds a frame on the control stream, in bytes.
const maxControlFrame = 8 << 10

// h3Client sends requests over one QUIC connection by HTTP/3 (RFC 9114).
//
// It exists beside the client of quic-go's http3 package because that one
// copies request bodies in frames of 8 KiB, which halves the speed of an
// upload, and lets nobody else send a body with a length. This one has only
// what a [Conn] promises: no push, no dynamic header table, no trailers, no
// upgrades, no datagrams.
type h3Client struct {
	conn      *quic.Conn
	maxHeader int       // bytes of a response head
	buffers   sync.Pool // of *[]byte, to copy request bodies

	mu     sync.Mutex // guards the fields below
	active int        // requests whose response is not finished
	away   bool       // the server sent GOAWAY
	seen   [4]bool    // streams the server may open once, by type
}

// newH3Client starts HTTP/3 on conn. Its goroutines end with conn.
func newH3Client(conn *quic.Conn, maxHeader int) *h3Client {
	c := &h3Client{conn: conn, maxHeader: maxHeader}
	c.buffers.New = func() any { b := make([]byte, copyBuffer); return &b }
	go c.sendSettings()
	go c.acceptStreams()
	return c
}

// fail closes the connection because the server broke the protocol.
func (c *h3Client) fail(code http3.ErrCode, reason string) error {
	c.conn.CloseWithError(quic.ApplicationErrorCode(code), reason)
	return fmt.Errorf("reading from server: %s", reason)
}

// sendSettings opens our control stream, which stays open.
func (c *h3Client) sendSettings() {
	str, err := c.conn.OpenUniStreamSync(c.conn.Context())
	if err != nil {
		return // the connection is gone, and requests say so
	}
	payload := quicvarint.Append(nil, settingMaxFieldSection)
	payload = quicvarint.Append(payload, uint64(c.maxHeader))
	b := quicvarint.Append(nil, streamControl)
	b = appendFrameHeader(b, frameSettings, len(payload))
	str.Write(append(b, payload...)) // fails only with the connection
}

func (c *h3Client) acceptStreams() {
	for {
		str, err := c.conn.AcceptUniStream(c.conn.Context())
		if err != nil {
			return
		}
		go c.handleStream(str)
	}
}

// handleStream reads a stream that the server opened.
func (c *h3Client) handleStream(str *quic.ReceiveStream) {
	kind, err := quicvarint.Read(quicvarint.NewReader(str))
	if err != nil {
		return // a stream reset before its type is known is ignored
	}
	if kind < uint64(len(c.seen)) && !c.first(int(kind)) {
		c.fail(http3.ErrCodeStreamCreationError, "duplicate stream")
		return
	}
	switch kind {
	case streamControl:
		c.readControl(str)
	case streamPush:
		c.fail(http3.ErrCodeIDError, "push was not allowed")
	case streamQPACKEncoder, streamQPACKDecoder:
		// We allow no dynamic table, so nothing may come; it must stay open.
	default:
		str.CancelRead(quic.StreamErrorCode(http3.ErrCodeStreamCreationError))
	}
}

// first reports whether this is the first stream of its type.
func (c *h3Client) first(kind int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.seen[kind]
	c.seen[kind] = true
	return first
}

// readControl reads the server's control stream: SETTINGS, of which none
// concerns us, then GOAWAY at most.
func (c *h3Client) readControl(r io.Reader) {
	for n := 0; ; n++ {
		kind, size, err := readFrameHeader(r)
		if err != nil {
			c.fail(http3.ErrCodeClosedCriticalStream, "control stream closed")
			return
		}
		if n == 0 && kind != frameSettings {
			c.fail(http3.ErrCodeMissingSettings, "control stream without settings")
			return
		}
		if size > maxControlFrame {
			c.fail(http3.ErrCodeExcessiveLoad, "control frame too large")
			return
		}
		switch {
		case kind == frameSettings && n == 0, !knownFrame(kind):
		case kind == frameGoAway:
			c.goAway()
		default:
			c.fail(http3.ErrCodeFrameUnexpected, "unexpected frame on control stream")
			return
		}
		if _, err := io.CopyN(io.Discard, r, int64(size)); err != nil {
			c.fail(http3.ErrCodeFrameError, "truncated control frame")
			return
		}
	}
}

// goAway takes no more requests and closes the connection after the last one,
// which the server's shutdown waits for. Requests that the server does not
// process any more it resets itself.
func (c *h3Client) goAway() {
	c.mu.Lock()
	c.away = true
	idle := c.active == 0
	c.mu.Unlock()
	if idle {
		c.conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	}
}

// begin counts a request, or refuses it.
func (c *h3Client) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away || c.conn.Context().Err() != nil {
		return fmt.Errorf("sending request: %w", ErrGoingAway)
	}
	c.active++
	return nil
}

// end uncounts a request.
func (c *h3Client) end() {
	c.mu.Lock()
	c.active--
	last := c.away && c.active == 0
	c.mu.Unlock()
	if last {
		c.conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	}
}

// RoundTrip implements [http.RoundTripper].
func (c *h3Client) RoundTrip(r *http.Request) (*http.Response, error) {
	head, err := encodeRequest(r)
	if err == nil {
		err = c.begin()
	}
	if err != nil {
		closeBody(r)
		return nil, err
	}
	str, err := c.conn.OpenStreamSync(r.Context())
	if err != nil {
		c.end()
		closeBody(r)
		if cause := r.Context().Err(); cause != nil {
			return nil, cause
		}
		return nil, fmt.Errorf("sending request: %w: %v", ErrGoingAway, err) // nothing was sent
	}
	x := newExchange(c, r, str)
	resp, err := x.run(head)
	if err != nil {
		x.finish()
		return nil, requestError(r.Context(), x.sendError(), err)
	}
	return resp, nil
}

// requestError chooses what to report: that the caller gave up, what stopped
// the body, or what the connection said.
func requestError(ctx context.Context, sendErr, err error) error {
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	if sendErr != nil {
		return sendErr
	}
	var se *quic.StreamError
	if errors.As(err, &se) && se.Remote && se.ErrorCode == quic.StreamErrorCode(http3.ErrCodeRequestRejected) {
		return fmt.Errorf("sending request: %w", ErrGoingAway)
	}
	return fmt.Errorf("sending request: %w", err)
}
