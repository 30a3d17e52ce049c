package s3

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"comity.example/comity/gateway/objects"
)

func TestEndpoint(t *testing.T) {
	for _, tt := range []struct {
		endpoint, host string
		secure         bool
	}{
		{"https://s3.example", "s3.example", true}, {"https://s3.example:9000/", "s3.example:9000", true},
		{"http://127.0.0.1:9000", "127.0.0.1:9000", false}, {"http://[::1]:9000", "[::1]:9000", false}, {"http://localhost", "localhost", false},
		{endpoint: "http://s3.example"}, {endpoint: "http://10.0.0.1"}, {endpoint: "s3.example:9000"}, {endpoint: "ftp://s3.example"}, {endpoint: ""},
		{endpoint: "https://"}, {endpoint: "https://s3.example/bucket"}, {endpoint: "https://key:hidden@s3.example"}, {endpoint: "https://s3.example/?a=b"},
	} {
		host, secure, err := parseEndpoint(tt.endpoint)
		if host != tt.host || secure != tt.secure || (err == nil) != (tt.host != "") {
			t.Errorf("parseEndpoint(%q) = %q, %v, %v", tt.endpoint, host, secure, err)
		}
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

// TestTransport: no proxy, and nothing between us and the server below TLS 1.2.
func TestTransport(t *testing.T) {
	tr := newTransport(&Config{})
	if tr.Proxy != nil || tr.TLSClientConfig.InsecureSkipVerify || tr.TLSClientConfig.MinVersion < 0x0303 {
		t.Error("the transport takes a proxy or weak TLS")
	}
}

func TestParseHead(t *testing.T) {
	sum := sha256.Sum256([]byte("x"))
	text := base64.StdEncoding.EncodeToString(sum[:])
	good := http.Header{"X-Amz-Version-Id": {"v"}, sumHeader: {text + "-3"}, modeHeader: {"GOVERNANCE"}, untilHeader: {"2030-01-02T03:04:05.001Z"}}
	h, err := parseHead(good, 5)
	if err != nil || h.Digest != sum || h.Mode != objects.Governance || h.RetainUntil.Second() != 6 {
		t.Errorf("parseHead = %+v, %v", h, err)
	}
	for name, value := range map[string]string{"X-Amz-Version-Id": "null", modeHeader: "LEGAL", untilHeader: "soon"} {
		bad := good.Clone()
		bad.Set(name, value)
		if _, err := parseHead(bad, 5); err == nil {
			t.Errorf("parseHead accepts %s %q", name, value)
		}
	}
	if _, err := parseHead(good, -1); err == nil {
		t.Error("parseHead accepts no size")
	}
	for _, s := range []string{"", "!", "AAAA", text[:40]} {
		if d := digest(s, 5); d != [32]byte{} {
			t.Errorf("digest(%q) = %x", s, d)
		}
	}
}

func TestTotal(t *testing.T) {
	for s, want := range map[string]int64{
		"bytes 5-9/10": 10, "bytes 5-5/6": 6, "bytes 4-9/10": -1, "bytes 5-9/*": -1, "5-9": -1, "": -1, "bytes 5-9/4": -1, "bytes x-9/10": -1,
	} {
		if n, err := total(s, 5); (err == nil) != (want >= 0) || err == nil && n != want {
			t.Errorf("total(%q) = %d, %v, want %d", s, n, err, want)
		}
	}
}

// TestFoundCheck: each promise that New insists on.
func TestFoundCheck(t *testing.T) {
	good := Found{LocksCompliance: true, RefusesShorter: true, LocksGovernance: true}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for want, f := range map[string]Found{
		"deletes what COMPLIANCE": {RefusesShorter: true, LocksGovernance: true}, "shortens": {LocksCompliance: true, LocksGovernance: true},
		"deletes what GOVERNANCE": {LocksCompliance: true, RefusesShorter: true},
		"clock":                   {LocksCompliance: true, RefusesShorter: true, LocksGovernance: true, Skew: -2 * maxSkew},
	} {
		if err := f.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("check(%+v) = %v, want %q", f, err, want)
		}
	}
	if n := len(good.Lines()); n != len((Found{}).Lines()) {
		t.Errorf("%d lines", n)
	}
}

// FuzzParseUpload: what is read is written the same, and is an upload that Begin
// could have opened.
func FuzzParseUpload(f *testing.F) {
	for _, s := range []string{"t.5.5.id", "t.0.1.a.b", "t.05.5.id", "t.-1.5.id", "...", "unknown", "../../etc/passwd", "t.5.0.id", ".5.5.id", "t.5.5."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseUpload(s)
		if err != nil {
			if !errors.Is(err, objects.ErrNoUpload) {
				t.Error(err)
			}
			return
		}
		if _, err := objects.Layout(u.size, u.partSize); err != nil || u.String() != s || u.id == "" || u.token == "" {
			t.Errorf("parseUpload(%q) = %+v", s, u)
		}
	})
}
