package gateway

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"testing"

	"comity.example/comity/internal/wire"
)

func FuzzReadForm(f *testing.F) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.SetBoundary("b")
	p, err := w.CreateFormFile("envelope", "envelope")
	if err != nil {
		f.Fatal(err)
	}
	p.Write([]byte("{}"))
	w.Close()
	f.Add(b.Bytes())
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"annex\"; filename=\"\"\r\n\r\n\r\n--b--"))
	f.Add([]byte("--b--"))
	fields := []field{{name: "envelope", most: 64, need: true}, {name: "annex", most: 8}}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		form, err := readForm(r, fields...)
		if err != nil {
			if c := wire.CodeOf(err); c != wire.CodeMalformed && c != wire.CodeTooLarge {
				t.Errorf("error %v", err)
			}
			return
		}
		if form["envelope"] == nil || len(form["envelope"]) > 64 || len(form["annex"]) > 8 || len(form) > 2 {
			t.Errorf("form is %q", form)
		}
	})
}
