package link

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go/quicvarint"
	"golang.org/x/net/http/httpguts"
)

// Types of HTTP/3 frames (RFC 9114, sections 7.2 and 11.2.1).
const (
	frameData       = 0x00
	frameHeaders    = 0x01
	frameCancelPush = 0x03
	frameSettings   = 0x04
	framePush       = 0x05
	frameGoAway     = 0x07
	frameMaxPush    = 0x0d
)

// knownFrame reports whether a frame type has a meaning, or was taken from
// HTTP/2 and must not come. All others are skipped, so that the protocol can
// be extended.
func knownFrame(kind uint64) bool {
	switch kind {
	case frameData, frameHeaders, 0x02, frameCancelPush, frameSettings, framePush, 0x06, frameGoAway, 0x08, 0x09, frameMaxPush:
		return true
	}
	return false
}

// appendFrameHeader appends the head of a frame with a payload of size bytes.
func appendFrameHeader(b []byte, kind uint64, size int) []byte {
	b = quicvarint.Append(b, kind)
	return quicvarint.Append(b, uint64(size))
}

// readFrameHeader reads the head of a frame. The error is io.EOF only if the
// stream ended before it.
func readFrameHeader(r io.Reader) (kind, size uint64, err error) {
	br := &firstByte{r: quicvarint.NewReader(r)}
	if kind, err = quicvarint.Read(br); err == nil {
		size, err = quicvarint.Read(br)
	}
	if err == io.EOF && br.read {
		err = io.ErrUnexpectedEOF
	}
	return kind, size, err
}

// firstByte remembers whether anything was read.
type firstByte struct {
	r    io.ByteReader
	read bool
}

func (f *firstByte) ReadByte() (byte, error) {
	b, err := f.r.ReadByte()
	f.read = f.read || err == nil
	return b, err
}

// fieldSize is the size of a header field as RFC 9114 section 4.2.2 counts.
func fieldSize(f qpack.HeaderField) int { return len(f.Name) + len(f.Value) + 32 }

// connectionField reports whether a field name, in lower case, is one of those
// that speak about an HTTP/1.1 connection and must not appear in HTTP/3.
func connectionField(name string) bool {
	switch name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return true
	}
	return false
}

// encodeRequest returns the HEADERS frame of a request.
func encodeRequest(r *http.Request) ([]byte, error) {
	fields, err := requestFields(r)
	if err != nil {
		return nil, err
	}
	var block bytes.Buffer
	enc := qpack.NewEncoder(&block)
	for _, f := range fields {
		if err := enc.WriteField(f); err != nil {
			return nil, fmt.Errorf("encoding request: %v", err)
		}
	}
	return append(appendFrameHeader(nil, frameHeaders, block.Len()), block.Bytes()...), nil
}

// requestFields lists the header fields of a request, pseudo fields first.
func requestFields(r *http.Request) ([]qpack.HeaderField, error) {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	host, err := httpguts.PunycodeHostPort(host)
	if err != nil || !httpguts.ValidHostHeader(host) {
		return nil, fmt.Errorf("encoding request: invalid host %q", r.Host)
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	if !httpguts.ValidHeaderFieldName(method) { // the same token rule
		return nil, fmt.Errorf("encoding request: invalid method %q", r.Method)
	}
	path := r.URL.RequestURI()
	if !strings.HasPrefix(path, "/") || !httpguts.ValidHeaderFieldValue(path) {
		return nil, fmt.Errorf("encoding request: invalid path %q", path)
	}
	fields := []qpack.HeaderField{
		{Name: ":method", Value: method}, {Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: host}, {Name: ":path", Value: path},
	}
	for k, values := range r.Header {
		name := strings.ToLower(k)
		if connectionField(name) || name == "host" || name == "content-length" {
			continue // http.Request has fields for what of this is ours to say
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldName(k) || !httpguts.ValidHeaderFieldValue(v) {
				return nil, fmt.Errorf("encoding request: invalid header field %q", k)
			}
			fields = append(fields, qpack.HeaderField{Name: name, Value: v})
		}
	}
	if n := bodyLength(r); n > 0 || n == 0 && method != http.MethodGet && method != http.MethodHead {
		fields = append(fields, qpack.HeaderField{Name: "content-length", Value: strconv.FormatInt(n, 10)})
	}
	return fields, nil
}

// bodyLength returns the length of a request's body, or -1 if it is unknown.
func bodyLength(r *http.Request) int64 {
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		return 0
	case r.ContentLength > 0:
		return r.ContentLength
	}
	return -1
}

// parseResponse reads the field section of a response, at most limit bytes when
// decoded. ContentLength is -1 if the section names none.
func parseResponse(block []byte, limit int) (*http.Response, error) {
	resp := &http.Response{Proto: "HTTP/3.0", ProtoMajor: 3, Header: make(http.Header), ContentLength: -1}
	next := qpack.NewDecoder().Decode(block)
	for {
		f, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("decoding response: %v", err)
		}
		if limit -= fieldSize(f); limit < 0 {
			return nil, errors.New("decoding response: head too large")
		}
		if err := addField(resp, f); err != nil {
			return nil, err
		}
	}
	if resp.StatusCode == 0 {
		return nil, errors.New("decoding response: no status")
	}
	return resp, nil
}

// addField puts one field into the response.
func addField(resp *http.Response, f qpack.HeaderField) error {
	if f.Name == ":status" {
		n, err := strconv.Atoi(f.Value)
		if err != nil || len(f.Value) != 3 || n < 100 || resp.StatusCode != 0 || len(resp.Header) > 0 {
			return fmt.Errorf("decoding response: invalid status %q", f.Value)
		}
		resp.StatusCode, resp.Status = n, f.Value+" "+http.StatusText(n)
		return nil
	}
	if !httpguts.ValidHeaderFieldName(f.Name) || strings.ToLower(f.Name) != f.Name ||
		!httpguts.ValidHeaderFieldValue(f.Value) || connectionField(f.Name) {
		return fmt.Errorf("decoding response: invalid header field %q", f.Name)
	}
	if f.Name == "content-length" {
		n, err := strconv.ParseUint(f.Value, 10, 63)
		if err != nil || resp.ContentLength >= 0 {
			return fmt.Errorf("decoding response: invalid content length %q", f.Value)
		}
		resp.ContentLength = int64(n)
	}
	resp.Header.Add(f.Name, f.Value)
	return nil
}
