package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// attack is a request and what the relay must make of it over both transports.
type attack struct {
	name string
	head fields
	body string
	want custody.Code // "" wants success
}

// someID is an id that nothing has.
var someID = strings.Repeat("a", 26)

// untidy are other spellings of paths, and paths of things that cannot be.
func untidy() (list []attack) {
	for _, path := range []string{
		"//v1/relay", "/v1//relay", "/v1/./relay", "/v1/x/../relay", "/v1/relay/", "/v1/relay/.", "/v1/%72elay", "/v1%2frelay", "/v1/relay%00",
		"/v1/%2e%2e/v1/relay", "/v1/x/%2e%2e/relay", "/V1/relay", "/v1/relay#x", "/v1/relay;x=1", "/v1/relay\\", "/log/../v1/relay", "/log/tile/../checkpoint",
		"/v1/packages/%2e%2e", "/v1/packages/" + someID[:25] + "%61", "/v1/packages/" + someID + "%2fhead", "/v1/directory/n%6c", "/",
	} {
		list = append(list, attack{"path " + path, request("GET", path), "", wire.CodeNotFound})
	}
	for _, id := range []string{
		strings.ToUpper(someID), someID[1:], someID + "a", "\xff" + someID[1:], "é" + someID[2:], someID[:25] + "1", "CON", strings.Repeat("a", 8000),
	} {
		list = append(list, attack{fmt.Sprintf("package %.40q", id), request("GET", "/v1/packages/"+id), "", custody.CodeNoSuchPackage},
			attack{fmt.Sprintf("record %.40q", id), request("GET", "/v1/records/"+id), "", custody.CodeNoSuchRequest},
			attack{fmt.Sprintf("annex %.40q", id), request("GET", "/v1/annexes/"+id), "", custody.CodeNoSuchRequest},
			attack{fmt.Sprintf("directory %.40q", id), request("GET", "/v1/directory/"+id), "", wire.CodeNotFound},
			attack{fmt.Sprintf("tile %.40q", id), request("GET", "/log/tile/"+id), "", wire.CodeNotFound})
	}
	return list
}

// oddMethods are methods that a route does not have.
func oddMethods() (list []attack) {
	for _, m := range []string{"get", "TRACE", "OPTIONS", "PATCH", "PROPFIND", "PUT", "DELETE", strings.Repeat("X", 1000)} {
		list = append(list, attack{"method " + m[:min(len(m), 10)], request(m, "/v1/relay"), "", wire.CodeMethod})
	}
	return append(list, attack{"OPTIONS of everything", request("OPTIONS", "*"), "", wire.CodeNotFound})
}

// queries are parameters that a route does not take.
func queries() (list []attack) {
	for _, q := range []string{
		"after=1&after=2", "after=1&x=2", "x", "&after=1&after=", "after=1;wait=1s", "after=%zz", strings.Repeat("a=1&", 3000), strings.Repeat("&", 8000), "After=1", "",
		"after=-1", "after=01", "after=%2b1", "after=99999999999999999999", "wait=-1s", "wait=1", "wait=1e9s",
	} {
		list = append(list, attack{fmt.Sprintf("query %.20q", q), request("GET", "/v1/changes?"+q), "", wire.CodeMalformed})
	}
	return append(list, attack{"query of a route without", request("GET", "/v1/relay?size=1"), "", wire.CodeMalformed},
		attack{"a query that is right", request("GET", "/v1/changes?after=1000000&wait=0s"), "", ""})
}

// heads are header fields that mean nothing here, or not twice.
func heads() []attack {
	get := func(more ...string) fields { return request("GET", "/v1/relay", more...) }
	return []attack{
		{"nothing odd", get(), "", ""},
		{"spoofed addresses", get("x-forwarded-for", "127.0.0.1", "forwarded", "for=127.0.0.1", "x-client-cert", "nl/agent/lab"), "", ""},
		{"compressed body", get("content-encoding", "gzip"), "", wire.CodeMalformed},
		{"announced trailers", get("trailer", "x-late"), "", wire.CodeMalformed},
		{"a body where there is none", get("content-length", "1"), "x", wire.CodeTooLarge},
		{"a length without its body", get("content-length", "5"), "", wire.CodeTooLarge},
		{"twice the same length", get("content-length", "0", "content-length", "0"), "", ""},
		{"a length with leading zeros", get("content-length", "00"), "", wire.CodeMalformed},
		{"a range that nobody has", get("range", "bytes=0-0,1-1,2-"), "", ""},
	}
}

// bodies are bodies that are not what their route takes.
func bodies() (list []attack) {
	reserve := func(name, body string, want custody.Code, more ...string) {
		head := request("POST", "/v1/packages", append([]string{"content-type", wire.TypeJSON}, more...)...)
		list = append(list, attack{name, head, body, want})
	}
	good := `{"package":"` + someID + `","request":"` + someID + `","grant_sha256":"` + strings.Repeat("0", 64) + `","payload_size":100}`
	reserve("a request that there is not", good, custody.CodeNoSuchRequest)
	reserve("expectation", good, custody.CodeNoSuchRequest, "expect", "100-continue")
	reserve("short body", good, wire.CodeMalformed, "content-length", fmt.Sprint(len(good)+1))
	reserve("huge length", good, wire.CodeTooLarge, "content-length", "9223372036854775807")
	reserve("above the limit", strings.Repeat(" ", 16<<10)+good, wire.CodeTooLarge)
	reserve("body twice", good+good, wire.CodeMalformed)
	reserve("duplicate key", strings.Replace(good, "{", `{"request":"b",`, 1), wire.CodeMalformed)
	reserve("unknown key", strings.Replace(good, "{", `{"force":true,`, 1), wire.CodeMalformed)
	reserve("other case", strings.Replace(good, "request", "Request", 1), wire.CodeMalformed)
	reserve("depth", strings.Repeat("[", 8000), wire.CodeMalformed)
	reserve("invalid UTF-8", strings.Replace(good, "aaa", "a\xffa", 1), wire.CodeMalformed)
	for _, n := range []string{"-1", "1.5", "1e3", "1e999999999", "99999999999999999999", "null", strings.Repeat("9", 8000)} {
		reserve("size "+n[:min(len(n), 10)], strings.Replace(good, "100", n, 1), wire.CodeMalformed)
	}
	for _, n := range []string{"-1", "01", "+1", "1e1", "x", "2147483648", "99999999999999999999"} {
		list = append(list, attack{"part " + n, request("PUT", "/v1/packages/"+someID+"/parts/"+n, "comity-epoch", "1",
			"content-digest", wire.ContentDigest(sum(nil))), "x", wire.CodeMalformed})
	}
	return append(list, forms()...)
}

// forms are multipart bombs.
func forms() (list []attack) {
	part := func(name, head, body string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"f\"\r\n" + head + "\r\n" + body + "\r\n"
	}
	for _, row := range []struct{ name, typ, body string }{
		{"no boundary", "multipart/form-data", part("envelope", "", "{}") + "--b--"},
		{"giant boundary", "multipart/form-data; boundary=" + strings.Repeat("b", 4000), "--b--"},
		{"other type", "multipart/mixed; boundary=b", part("envelope", "", "{}") + "--b--"},
		{"no end", "multipart/form-data; boundary=b", part("envelope", "", "{}")},
		{"nothing in it", "multipart/form-data; boundary=b", "--b--"},
		{"a part twice", "multipart/form-data; boundary=b", part("envelope", "", "{}") + part("envelope", "", "{}") + "--b--"},
		{"many parts", "multipart/form-data; boundary=b", strings.Repeat(part("x", "", ""), 1000) + "--b--"},
		{"nested", "multipart/form-data; boundary=b", part("envelope", "Content-Type: multipart/mixed; boundary=b\r\n", part("annex", "", "")) + "--b--"},
		{"many headers", "multipart/form-data; boundary=b", part("envelope", strings.Repeat("a: b\r\n", 20000), "{}") + "--b--"},
		{"an endless line", "multipart/form-data; boundary=b", strings.Repeat("x", 100<<10)},
		{"an envelope of nothing", "multipart/form-data; boundary=b", part("envelope", "", "") + "--b--"},
	} {
		list = append(list, attack{"form: " + row.name, request("POST", "/v1/statements", "content-type", row.typ), row.body, wire.CodeMalformed})
	}
	return list
}

// TestSameVerdict: a hostile request has one verdict over both transports, byte for
// byte, and the connection serves the next one.
func TestSameVerdict(t *testing.T) {
	w := newRelay(t)
	m := w.nl.lab
	h2, h3 := w.dialRaw(m, link.H2), w.dialRaw(m, link.H3)
	w.hello(h2, m)
	w.hello(h3, m)
	var all []attack
	for _, list := range [][]attack{untidy(), oddMethods(), queries(), heads(), bodies()} {
		all = append(all, list...)
	}
	for _, a := range all {
		var body []byte
		if a.body != "" {
			body = []byte(a.body)
		}
		over2, over3 := h2.send(a.head, body), h3.send(a.head, body)
		if over2 != over3 {
			t.Errorf("%s: over HTTP/2 %+v, over HTTP/3 %+v", a.name, over2, over3)
		}
		if over2.cut || over2.problem().Code != a.want || a.want == "" && over2.status != 200 {
			t.Errorf("%s: %+v, want %q", a.name, over2, a.want)
		}
		if over2.cut {
			h2 = w.dialRaw(m, link.H2)
			w.hello(h2, m)
		}
	}
}

// TestSameVerdictOnStrangers: what exists, and how it is spelled, is nobody's
// business before hello.
func TestSameVerdictOnStrangers(t *testing.T) {
	w := newRelay(t)
	m := newMachine(t, "nl/agent/lab")
	h2, h3 := w.dialRaw(m, link.H2), w.dialRaw(m, link.H3)
	var want verdict
	for _, a := range untidy() {
		over2, over3 := h2.send(a.head, nil), h3.send(a.head, nil)
		if over2 != over3 {
			t.Errorf("%s: over HTTP/2 %+v, over HTTP/3 %+v", a.name, over2, over3)
		}
		open := strings.HasPrefix(a.name, "directory") || strings.HasPrefix(a.name, "tile")
		if want.status == 0 {
			want = over2
		}
		if open != (over2.problem().Code == wire.CodeNotFound) || !open && over2 != want {
			t.Errorf("%s: %+v, want %+v", a.name, over2, want)
		}
	}
	large := request("POST", "/v1/statements", "content-type", "multipart/form-data; boundary=b", "content-length", "99999999")
	if over2, over3 := h2.send(large, []byte("x")), h3.send(large, []byte("x")); over2 != over3 || over2.problem().Code != wire.CodeTooLarge {
		t.Errorf("a large statement: %+v and %+v", over2, over3)
	}
}

// TestFramingRefused: what breaks HTTP itself one transport answers and the other
// resets, each as its RFC says. Neither serves it.
func TestFramingRefused(t *testing.T) {
	w := newRelay(t)
	m := w.nl.lab
	for _, a := range []attack{
		{name: "chunked", head: request("GET", "/v1/relay", "transfer-encoding", "chunked")},
		{name: "connection field", head: request("GET", "/v1/relay", "connection", "keep-alive")},
		{name: "upper-case field", head: request("GET", "/v1/relay", "X-Upper", "1")},
		{name: "line break in a value", head: request("GET", "/v1/relay", "x", "a\r\nb: c")},
		{name: "NUL in the path", head: request("GET", "/v1/relay\x00")},
		{name: "space in the path", head: request("GET", "/v1/ relay\x7f")},
		{name: "absolute target", head: request("GET", "https://other.example/v1/relay")},
		{name: "empty path", head: request("GET", "")},
		{name: "no host", head: fields{":method", "GET", ":scheme", "https", ":path", "/v1/relay"}},
		{name: "two methods", head: request("GET", "/v1/relay", ":method", "POST")},
		{name: "pseudo field after others", head: append(fields{"x", "y"}, request("GET", "/v1/relay")...)},
		{name: "unknown pseudo field", head: append(fields{":proto", "x"}, request("GET", "/v1/relay")...)},
		{name: "response field", head: append(fields{":status", "200"}, request("GET", "/v1/relay")...)},
		{name: "CONNECT", head: fields{":method", "CONNECT", ":authority", "other.example:443"}},
		{name: "CONNECT to a path", head: request("CONNECT", "/v1/relay")},
		{name: "WebSocket", head: request("CONNECT", "/v1/relay", ":protocol", "websocket")},
		{name: "negative length", head: request("POST", "/v1/packages", "content-length", "-1"), body: "{}"},
		{name: "length that is no number", head: request("POST", "/v1/packages", "content-length", "0x2"), body: "{}"},
		{name: "length above 64 bits", head: request("POST", "/v1/packages", "content-length", "18446744073709551618"), body: "{}"},
		{name: "two lengths", head: request("POST", "/v1/packages", "content-length", "2", "content-length", "3"), body: "{}"},
		{name: "body beyond its length", head: request("POST", "/v1/packages", "content-length", "1"), body: "{}"},
		{name: "header bomb", head: request("GET", "/v1/relay", "x", strings.Repeat("x", 17<<10))},
		{name: "many small fields", head: request("GET", "/v1/relay", strings.Split(strings.Repeat("a,b,", 500)+"a,b", ",")...)},
		{name: "long path", head: request("GET", "/v1/packages/"+strings.Repeat("a", 17<<10))},
	} {
		var body []byte
		if a.body != "" {
			body = []byte(a.body)
		}
		for _, transport := range []string{link.H2, link.H3} {
			c := w.dialRaw(m, transport)
			if v := c.send(a.head, body); !v.cut && v.status < 400 {
				t.Errorf("%s over %s: %+v", a.name, transport, v)
			}
		}
	}
	if _, err := w.as(m).Relay(t.Context()); err != nil {
		t.Errorf("an honest agent afterwards: %v", err)
	}
}
