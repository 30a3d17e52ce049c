package link_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/internal/link"
	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// frame encodes an HTTP/3 frame.
func frame(kind uint64, payload string) string {
	b := quicvarint.Append(nil, kind)
	b = quicvarint.Append(b, uint64(len(payload)))
	return string(b) + payload
}

// block encodes header fields, name and value in turn.
func block(fields ...string) string {
	var b bytes.Buffer
	e := qpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		e.WriteField(qpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.String()
}

// hostile serves one connection: it writes control to its control stream and
// answers each request with response.
func hostile(t *testing.T, control, response string) *link.Conn {
	t.Helper()
	p := newParty(t)
	ln, err := quic.ListenAddr("127.0.0.1:0", link.ServerTLS(p.cert, link.H3), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		c, err := ln.Accept(context.Background())
		if err != nil {
			return
		}
		if str, err := c.OpenUniStream(); err == nil {
			io.WriteString(str, control)
		}
		for {
			str, err := c.AcceptStream(context.Background())
			if err != nil {
				return
			}
			go func() {
				io.Copy(io.Discard, str)
				io.WriteString(str, response)
				str.Close()
			}()
		}
	}()
	c, err := link.Dial(t.Context(), link.DialConfig{Addrs: []string{ln.Addr().String()}, ServerSPKI: [][32]byte{p.spki}, Transport: link.H3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestHostileResponse(t *testing.T) {
	settings := "\x00" + frame(0x04, "")
	ok := frame(0x01, block(":status", "200", "content-length", "3"))
	noLength := frame(0x01, block(":status", "200"))
	many := strings.Repeat(frame(0x01, block(":status", "103")), 6)
	tests := []struct {
		name, control, response string
		body                    string // if it succeeds
		good                    bool
	}{
		{"good", settings, ok + frame(0, "abc"), "abc", true},
		{"two frames", settings, ok + frame(0, "a") + frame(0, "") + frame(0, "bc"), "abc", true},
		{"no length", settings, noLength + frame(0, "abcd"), "abcd", true},
		{"unknown frames", settings, frame(0x21, "x") + ok + frame(0x40, "y") + frame(0, "abc") + frame(0x21, ""), "abc", true},
		{"trailers", settings, ok + frame(0, "abc") + frame(0x01, block("x-t", "v")), "abc", true},
		{"informational", settings, frame(0x01, block(":status", "103")) + ok + frame(0, "abc"), "abc", true},
		{"no content", settings, frame(0x01, block(":status", "204")), "", true},
		{"empty", settings, "", "", false},
		{"too many informational", settings, many + ok + frame(0, "abc"), "", false},
		{"switching protocols", settings, frame(0x01, block(":status", "101")), "", false},
		{"short body", settings, ok + frame(0, "ab"), "", false},
		{"long body", settings, ok + frame(0, "abcd"), "", false},
		{"body of no content", settings, frame(0x01, block(":status", "204", "content-length", "0")) + frame(0, "a"), "", false},
		{"truncated frame", settings, noLength + frame(0, "abcd")[:4], "", false},
		{"truncated frame head", settings, noLength + "\x00", "", false},
		{"data first", settings, frame(0, "abc"), "", false},
		{"settings on request", settings, frame(0x04, "") + ok + frame(0, "abc"), "", false},
		{"HTTP/2 frame", settings, frame(0x08, "") + ok + frame(0, "abc"), "", false},
		{"push promise", settings, ok + frame(0x05, "\x00") + frame(0, "abc"), "", false},
		{"data after trailers", settings, noLength + frame(0, "abc") + frame(0x01, block("x", "y")) + frame(0, "d"), "", false},
		{"large head", settings, frame(0x01, block(":status", "200", "x", strings.Repeat("v", 70<<10))), "", false},
		{"large trailers", settings, noLength + frame(0x01, strings.Repeat("v", 70<<10)), "", false},
		{"large unknown frame", settings, frame(0x21, strings.Repeat("v", 70<<10)) + ok + frame(0, "abc"), "", false},
		{"endless frame", settings, "\x21" + string(quicvarint.Append(nil, 1<<61)), "", false},
		{"no settings", "\x00" + frame(0x07, "\x00"), "", "", false},
		{"push stream", "\x01", "", "", false},
		{"control closed by frame error", settings + frame(0x00, "x"), "", "", false},
		{"large settings", "\x00\x04" + string(quicvarint.Append(nil, 1<<40)), "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body, err := do(hostile(t, tt.control, tt.response), "GET", "/", nil)
			if good := err == nil; good != tt.good || good && body != tt.body {
				t.Errorf("status %d, body %q, error %v; want success %v, body %q", status, body, err, tt.good, tt.body)
			}
		})
	}
}

func TestParseResponse(t *testing.T) {
	tests := []struct {
		name   string
		fields []string
		ok     bool
	}{
		{"good", []string{":status", "404", "a", "b", "a", "c"}, true},
		{"no status", []string{"a", "b"}, false},
		{"two statuses", []string{":status", "200", ":status", "200"}, false},
		{"late status", []string{"a", "b", ":status", "200"}, false},
		{"status of two digits", []string{":status", "99"}, false},
		{"status with sign", []string{":status", "+20"}, false},
		{"request field", []string{":status", "200", ":path", "/"}, false},
		{"upper case", []string{":status", "200", "A", "b"}, false},
		{"newline", []string{":status", "200", "a", "b\nc"}, false},
		{"connection", []string{":status", "200", "connection", "close"}, false},
		{"negative length", []string{":status", "200", "content-length", "-1"}, false},
		{"two lengths", []string{":status", "200", "content-length", "1", "content-length", "1"}, false},
		{"at the limit", []string{":status", "200", "a", strings.Repeat("v", 1000-42-33)}, true},
		{"above the limit", []string{":status", "200", "a", strings.Repeat("v", 1001-42-33)}, false},
	}
	for _, tt := range tests {
		_, err := link.ParseResponse([]byte(block(tt.fields...)), 1000)
		if ok := err == nil; ok != tt.ok {
			t.Errorf("%s: error %v, want success %v", tt.name, err, tt.ok)
		}
	}
}

// What is parsed encodes again to what parses the same.
func FuzzParseResponse(f *testing.F) {
	f.Add([]byte(block(":status", "200", "content-length", "12", "content-type", "text/plain")))
	f.Add([]byte(block(":status", "503", "retry-after", "1", "x", "")))
	f.Add([]byte{0, 0, 0xd9})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		resp, err := link.ParseResponse(b, 1<<16)
		if err != nil {
			return
		}
		fields := []string{":status", fmt.Sprintf("%03d", resp.StatusCode)}
		for k, values := range resp.Header {
			for _, v := range values {
				fields = append(fields, strings.ToLower(k), v)
			}
		}
		again, err := link.ParseResponse([]byte(block(fields...)), 1<<16)
		if err != nil || !reflect.DeepEqual(again, resp) {
			t.Errorf("parsed %v, encoded and parsed again %v, %v", resp, again, err)
		}
	})
}

func TestRequestRefused(t *testing.T) {
	w := serve(t, nothing, nil)
	c := w.dial(t, link.H3, nil)
	for name, change := range map[string]func(*http.Request){
		"http":          func(r *http.Request) { r.URL.Scheme = "http" },
		"CONNECT":       func(r *http.Request) { r.Method = "CONNECT" },
		"method":        func(r *http.Request) { r.Method = "GE T" },
		"trailer":       func(r *http.Request) { r.Trailer = http.Header{"X": nil} },
		"field name":    func(r *http.Request) { r.Header["x y"] = []string{"v"} },
		"field value":   func(r *http.Request) { r.Header["X"] = []string{"a\r\nb: c"} },
		"path":          func(r *http.Request) { r.URL.Opaque = "x" },
		"host":          func(r *http.Request) { r.Host = "a b" },
		"missing a URL": func(r *http.Request) { r.URL = nil },
	} {
		body := &closeRecorder{Reader: strings.NewReader("x")}
		r, _ := http.NewRequestWithContext(t.Context(), "PUT", "https://comity/", body)
		change(r)
		resp, err := c.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
			t.Errorf("%s: status %d, want an error", name, resp.StatusCode)
		}
		if !body.closed {
			t.Errorf("%s: the body was not closed", name)
		}
	}
}

type closeRecorder struct {
	io.Reader
	closed bool
}

func (c *closeRecorder) Close() error { c.closed = true; return nil }

// Receive windows grow out of the shared budget, never beyond it, and give it
// back.
func TestWindowBudget(t *testing.T) {
	const budget = 8 << 20
	lowest := make(chan uint64, 1)
	var server atomic.Pointer[world] // set before the first request
	w := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		w := server.Load()
		low := w.FreeWindow()
		buf := make([]byte, 256<<10)
		for {
			_, err := r.Body.Read(buf)
			low = min(low, w.FreeWindow())
			if err != nil {
				break
			}
		}
		lowest <- low
	}, func(c *link.ServerConfig) { c.WindowBudget = budget })
	server.Store(w)
	c := w.dial(t, link.H3, nil)
	if status, _, err := do(c, "PUT", "/", bytes.NewReader(make([]byte, 64<<20))); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	if low := <-lowest; low >= budget {
		t.Errorf("the budget was never used: lowest %d of %d", low, budget)
	}
	c.Close()
	for end := time.Now().Add(patience); w.FreeWindow() != budget || w.OpenConns() != 0; runtime.Gosched() {
		if time.Now().After(end) { // the server takes a moment to notice
			t.Fatalf("%d of %d given back, %d connections open", w.FreeWindow(), budget, w.OpenConns())
		}
	}
}
