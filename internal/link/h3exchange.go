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
)

const (
	// copyBuffer is how much of a request body is read and written at a time,
	// in bytes. QUIC can send a large write in few system calls.
	copyBuffer = 256 << 10

	// maxInformational bounds the 1xx responses before the final one.
	maxInformational = 5

	// maxSkipped bounds the bytes of unknown frames on one stream.
	maxSkipped = 64 << 10
)

// An exchange is one request and its response on their stream.
type exchange struct {
	client *h3Client
	req    *http.Request
	str    *quic.Stream
	unhook func() bool // stops watching the request's context
	once   sync.Once   // for finish

	mu      sync.Mutex // guards the fields below
	sent    bool       // all of the request is written
	sendErr error      // what stopped the body, if it was not the server
}

func newExchange(c *h3Client, r *http.Request, str *quic.Stream) *exchange {
	x := &exchange{client: c, req: r, str: str}
	x.unhook = context.AfterFunc(r.Context(), x.abort)
	return x
}

// abort gives up both directions of the stream.
func (x *exchange) abort() {
	x.str.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	x.str.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
}

// finish ends the exchange, once: the response was read, or nobody wants it. A
// body still being sent is stopped. What was written completely is left to be
// delivered.
func (x *exchange) finish() {
	x.once.Do(func() {
		x.unhook()
		x.str.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
		x.mu.Lock()
		sent := x.sent
		x.mu.Unlock()
		if !sent {
			x.str.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
		}
		x.client.end()
	})
}

// run sends the request and reads the head of the final response. The body is
// sent beside it: the server may answer before it has read all.
func (x *exchange) run(head []byte) (*http.Response, error) {
	if _, err := x.str.Write(head); err != nil {
		closeBody(x.req)
		return nil, err
	}
	if bodyLength(x.req) == 0 {
		closeBody(x.req)
		x.closeSend()
	} else {
		go x.sendBody()
	}
	for range maxInformational + 1 {
		resp, err := x.readHead()
		if err != nil {
			return nil, err
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return nil, x.client.fail(http3.ErrCodeMessageError, "upgrade without request")
		}
		if resp.StatusCode >= 200 {
			return x.accept(resp), nil
		}
	}
	return nil, errors.New("too many informational responses")
}

// accept completes a final response.
func (x *exchange) accept(resp *http.Response) *http.Response {
	state := x.client.conn.ConnectionState().TLS
	resp.Request, resp.TLS = x.req, &state
	left := resp.ContentLength
	if x.req.Method == http.MethodHead || resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusNotModified {
		left = 0 // the length speaks of a body that does not follow
	}
	resp.Body = &h3Body{x: x, left: left}
	return resp
}

// closeSend ends our direction of the stream.
func (x *exchange) closeSend() {
	x.mu.Lock()
	x.sent = true
	x.mu.Unlock()
	x.str.Close()
}

// sendBody sends the request's body. If the body fails, or has another length
// than was promised, the stream is reset, so that the server does not take a
// part for the whole.
func (x *exchange) sendBody() {
	defer x.req.Body.Close()
	w := &dataWriter{w: x.str, left: bodyLength(x.req)}
	buf := x.client.buffers.Get().(*[]byte)
	defer x.client.buffers.Put(buf)
	// If the body is an io.WriterTo, such as a bytes.Reader, this hands all of
	// it to the stream at once, and the buffer is not used.
	_, err := io.CopyBuffer(w, x.req.Body, *buf)
	if err == nil && w.left > 0 {
		err = fmt.Errorf("sending request body: %d bytes missing", w.left)
	}
	if err == nil {
		x.closeSend()
		return
	}
	if w.err == nil { // not the stream: ours to report
		x.mu.Lock()
		x.sendErr = err
		x.mu.Unlock()
		x.abort()
		return
	}
	x.str.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
}

// sendError returns what stopped the body.
func (x *exchange) sendError() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sendErr
}

// dataWriter writes DATA frames, one for each Write.
type dataWriter struct {
	w    io.Writer
	left int64  // bytes still to come, or -1 if unknown
	err  error  // the first error of w
	head []byte // reused
}

func (d *dataWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if d.left >= 0 {
		if int64(len(p)) > d.left {
			return 0, errors.New("sending request body: it is longer than its content length")
		}
		d.left -= int64(len(p))
	}
	d.head = appendFrameHeader(d.head[:0], frameData, len(p))
	if _, d.err = d.w.Write(d.head); d.err != nil {
		return 0, d.err
	}
	var n int
	n, d.err = d.w.Write(p)
	return n, d.err
}

// nextFrame reads the head of the next DATA or HEADERS frame, past unknown ones.
func (x *exchange) nextFrame() (kind, size uint64, err error) {
	var skipped uint64
	for {
		kind, size, err = readFrameHeader(x.str)
		if err != nil || kind == frameData || kind == frameHeaders {
			return kind, size, err
		}
		if knownFrame(kind) {
			return 0, 0, x.client.fail(http3.ErrCodeFrameUnexpected, "unexpected frame on request stream")
		}
		// The second condition also keeps the sum from wrapping.
		if skipped += size; skipped > maxSkipped || size > maxSkipped {
			return 0, 0, x.client.fail(http3.ErrCodeExcessiveLoad, "too many unknown frames")
		}
		if _, err := io.CopyN(io.Discard, x.str, int64(size)); err != nil {
			return 0, 0, unexpected(err)
		}
	}
}

// readHead reads one head of a response.
func (x *exchange) readHead() (*http.Response, error) {
	kind, size, err := x.nextFrame()
	if err != nil {
		return nil, unexpected(err)
	}
	if kind != frameHeaders {
		return nil, x.client.fail(http3.ErrCodeFrameUnexpected, "response without head")
	}
	if size > uint64(x.client.maxHeader) {
		return nil, errors.New("response head too large")
	}
	block := make([]byte, size)
	if _, err := io.ReadFull(x.str, block); err != nil {
		return nil, unexpected(err)
	}
	return parseResponse(block, x.client.maxHeader)
}

// unexpected turns an end that came too early into an error that cannot be
// taken for a good one.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
