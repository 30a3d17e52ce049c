package command

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
	"comity.example/comity/test/tsa"
)

// TestRenew: a dossier is renewed over the network and, on its copy, by files; what
// comes of it verifies with both stamps and with what it was before. What is altered, or
// answered by a stranger, is not renewed.
func TestRenew(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(at("src"), 0o700))
	must(os.WriteFile(at("src/notes.txt"), []byte("found on a desk\n"), 0o600))
	s, err := env.NewStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	must(err)
	must(s.Play(at("src")))
	d, err := s.Dossier(true)
	must(err)
	var b bytes.Buffer
	must(dossier.Write(&b, d))
	must(os.WriteFile(at("case"), b.Bytes(), 0o600))
	must(os.WriteFile(at("altered"), bytes.Replace(b.Bytes(), []byte("stored-data"), []byte("storeD-data"), 1), 0o600))

	a, other := tsa.NewOpenSSL(t, tsa.Options{RSA: true}), tsa.New(tsa.Options{})
	must(os.WriteFile(at("tsa.pem"), a.Roots, 0o600))
	must(os.WriteFile(at("other.pem"), other.Roots, 0o600))
	srv := httptest.NewServer(a)
	defer srv.Close()

	run := func(want int, args ...string) string {
		t.Helper()
		var out, diag bytes.Buffer
		app := &app{stdout: &out, stderr: &diag, now: time.Now}
		if got := app.run(context.Background(), append([]string{"dossier", "renew"}, args...)); got != want {
			t.Errorf("dossier renew %q: status %d, want %d\n%s%s", args, got, want, out.String(), diag.String())
		}
		return diag.String()
	}
	if said := run(0, at("case"), "--tsa", srv.URL, "--roots", at("tsa.pem"), "-o", at("one")); !strings.Contains(said, "renew again before") {
		t.Errorf("it said %q", said)
	}
	run(0, at("one"), "--query", at("q.tsq"), "--hash", "sha3-512", "--policy", "1.3.6.1.4.1.99999.2")
	query, err := os.ReadFile(at("q.tsq"))
	must(err)
	reply, err := a.Reply(query)
	must(err)
	must(os.WriteFile(at("r.tsr"), reply, 0o600))
	run(4, at("case"), "--query", at("q.tsq"), "--answer", at("r.tsr"), "--roots", at("tsa.pem"), "-o", at("wrong"))
	run(0, at("one"), "--query", at("q.tsq"), "--answer", at("r.tsr"), "--roots", at("tsa.pem"), "-o", at("two"))

	run(4, at("altered"), "--tsa", srv.URL, "--roots", at("tsa.pem"), "-o", at("x"))
	run(4, at("case"), "--tsa", srv.URL, "--roots", at("other.pem"), "-o", at("x"))
	run(1, at("case"), "--tsa", srv.URL, "--roots", at("tsa.pem"), "-o", at("one"))
	run(1, at("case"), "--tsa", "http://127.0.0.1:1/", "--roots", at("tsa.pem"), "-o", at("x"))
	run(1, at("absent"), "--tsa", srv.URL, "--roots", at("tsa.pem"), "-o", at("x"))
	run(2, at("case"), "--tsa", srv.URL, "--query", at("q.tsq"))
	run(2, at("case"), "--tsa", srv.URL)
	run(2, at("case"), "--tsa", srv.URL, "--hash", "sha256")
	run(2, at("case"))
	if _, err := os.Stat(at("x")); err == nil {
		t.Error("a dossier was written that could not be renewed")
	}

	f, err := os.ReadFile(at("two"))
	must(err)
	d, err = dossier.Read(bytes.NewReader(f), int64(len(f)))
	must(err)
	pins := s.Pins()
	pins.Stampers, err = timestamp.ParseRoots(a.Roots)
	must(err)
	v, err := dossier.Verify(d, pins)
	must(err)
	if r := v.Renewals; !v.Verified() || len(r) != 2 || !r[0].Checked || !r[1].Checked || r[0].Hash != "SHA-512" || r[1].Hash != "SHA3-512" {
		t.Errorf("%s with the renewals %+v", v.Result, v.Renewals)
	}
}
