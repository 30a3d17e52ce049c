package gateway_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"testing"
	"time"

	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// verdict is what the relay made of a request. If cut, it reset the stream or closed
// the connection instead of answering.
type verdict struct {
	cut    bool
	status int
	typ    string
	body   string
}

func (v verdict) problem() (p wire.Problem) {
	if v.typ == wire.TypeProblem {
		json.Unmarshal([]byte(v.body), &p)
	}
	return p
}

// fields are header fields in the order of sending, name and value in turn.
type fields []string

// request is the head of an ordinary request, with more fields.
func request(method, path string, more ...string) fields {
	return append(fields{":method", method, ":scheme", "https", ":authority", "comity", ":path", path}, more...)
}

// A raw connection sends requests that no client library would send.
type raw struct {
	state tls.ConnectionState
	send  func(head fields, body []byte) verdict
}

// dialRaw makes one as m, over either transport.
func (w *world) dialRaw(m *machine, transport string) *raw {
	w.t.Helper()
	cfg := &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768},
		NextProtos: []string{transport}, Certificates: []tls.Certificate{m.cert},
	}
	if transport == link.H2 {
		return w.dialRawH2(cfg)
	}
	return w.dialRawH3(cfg)
}

func (w *world) dialRawH3(cfg *tls.Config) *raw {
	w.t.Helper()
	c, err := quic.DialAddr(w.t.Context(), w.addr, cfg, nil)
	check(w.t, err)
	w.t.Cleanup(func() { c.CloseWithError(0, "") })
	control, err := c.OpenUniStream()
	check(w.t, err)
	control.Write([]byte{0, 4, 0}) // a control stream with empty settings
	return &raw{c.ConnectionState().TLS, func(head fields, body []byte) verdict {
		str, err := c.OpenStreamSync(w.t.Context())
		if err != nil {
			return verdict{cut: true}
		}
		str.SetDeadline(time.Now().Add(2 * patience))
		var block bytes.Buffer
		e := qpack.NewEncoder(&block)
		for i := 0; i < len(head); i += 2 {
			e.WriteField(qpack.HeaderField{Name: head[i], Value: head[i+1]})
		}
		str.Write(h3Frame(1, block.Bytes()))
		if body != nil {
			str.Write(h3Frame(0, body))
		}
		str.Close()
		b, err := io.ReadAll(str)
		var deadline interface{ Timeout() bool }
		if errors.As(err, &deadline) && deadline.Timeout() {
			w.t.Errorf("%.60q: no answer over HTTP/3", head)
		}
		return h3Verdict(b, err)
	}}
}

func h3Frame(kind uint64, payload []byte) []byte {
	b := quicvarint.Append(nil, kind)
	b = quicvarint.Append(b, uint64(len(payload)))
	return append(b, payload...)
}

// h3Verdict reads the frames of a response.
func h3Verdict(b []byte, err error) (v verdict) {
	if err != nil {
		return verdict{cut: true}
	}
	for r := bytes.NewReader(b); r.Len() > 0; {
		kind, err1 := quicvarint.Read(r)
		size, err2 := quicvarint.Read(r)
		if err1 != nil || err2 != nil || size > uint64(r.Len()) {
			return verdict{cut: true}
		}
		payload := make([]byte, size)
		io.ReadFull(r, payload)
		switch kind {
		case 0:
			v.body += string(payload)
		case 1:
			next := qpack.NewDecoder().Decode(payload)
			for f, err := next(); err == nil; f, err = next() {
				v.field(f.Name, f.Value)
			}
		}
	}
	v.cut = v.status == 0
	return v
}

// field notes a field of the response.
func (v *verdict) field(name, value string) {
	switch name {
	case ":status":
		v.status, _ = strconv.Atoi(value)
	case "content-type":
		v.typ = value
	}
}

func (w *world) dialRawH2(cfg *tls.Config) *raw {
	w.t.Helper()
	c, err := tls.Dial("tcp", w.addr, cfg)
	check(w.t, err)
	w.t.Cleanup(func() { c.Close() })
	io.WriteString(c, http2.ClientPreface)
	f := http2.NewFramer(c, c)
	f.SetMaxReadFrameSize(1 << 20)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.AllowIllegalWrites = true
	f.WriteSettings()
	f.WriteSettingsAck()
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	id := uint32(1)
	return &raw{c.ConnectionState(), func(head fields, body []byte) verdict {
		c.SetDeadline(time.Now().Add(2 * patience))
		block.Reset()
		for i := 0; i < len(head); i += 2 {
			e.WriteField(hpack.HeaderField{Name: head[i], Value: head[i+1]})
		}
		chunks := slices.Collect(slices.Chunk(block.Bytes(), 16<<10))
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: chunks[0], EndStream: body == nil, EndHeaders: len(chunks) == 1})
		for n, b := range chunks[1:] {
			f.WriteContinuation(id, n == len(chunks)-2, b)
		}
		if body != nil {
			for b := range slices.Chunk(body, 16<<10) {
				f.WriteData(id, false, b)
			}
			f.WriteData(id, true, nil)
		}
		v := h2Verdict(w.t, f, id)
		id += 2
		return v
	}}
}

// h2Verdict reads the frames of a response.
func h2Verdict(t testing.TB, f *http2.Framer, id uint32) (v verdict) {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			var deadline interface{ Timeout() bool }
			if errors.As(err, &deadline) && deadline.Timeout() {
				t.Error("no answer over HTTP/2")
			}
			return verdict{cut: true}
		}
		if frame.Header().StreamID != id {
			continue
		}
		switch frame := frame.(type) {
		case *http2.RSTStreamFrame:
			return verdict{cut: true}
		case *http2.MetaHeadersFrame:
			for _, h := range frame.Fields {
				v.field(h.Name, h.Value)
			}
		case *http2.DataFrame:
			v.body += string(frame.Data())
			f.WriteWindowUpdate(0, frame.Length+1)
		}
		if frame.Header().Flags.Has(http2.FlagDataEndStream) && v.status >= 200 {
			return v
		}
	}
}

// hello proves m on a raw connection.
func (w *world) hello(c *raw, m *machine) {
	w.t.Helper()
	exp, err := c.state.ExportKeyingMaterial(wire.ExporterLabel, nil, 32)
	check(w.t, err)
	s := wire.Session{Client: m.id, Relay: origin, ClientSPKI: m.spki, RelaySPKI: w.spki, Exporter: [32]byte(exp)}
	body, err := json.Marshal(wire.HelloRequest{Client: s.SignClient(m.key)})
	check(w.t, err)
	v := c.send(request("POST", "/v1/hello", "content-type", wire.TypeJSON, "content-length", strconv.Itoa(len(body))), body)
	if v.status != 200 {
		w.t.Fatalf("hello: %+v", v)
	}
}
