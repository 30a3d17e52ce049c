package witness_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/internal/witness"
)

func TestClient(t *testing.T) {
	w := newWorld(t)
	l := newTree(t, 20, 20, 0)
	srv := httptest.NewServer(http.StripPrefix("/nl", w.w))
	defer srv.Close()
	r := w.request(l, 0, 5)
	lines, err := witness.Add(t.Context(), witness.NewClient(), srv.URL+"/nl/", r)
	check(t, err)
	if c, err := translog.OpenCosigned(append(r.Note, lines...), w.log.Key(), w.own[0].Key(), w.own[1].Key()); err != nil || len(c.Cosignatures) != 2 {
		t.Errorf("opening what the witness answered: %v", err)
	}
	var conflict *witness.Conflict
	if _, err := witness.Add(t.Context(), witness.NewClient(), srv.URL+"/nl", w.request(l, 0, 6)); !errors.As(err, &conflict) || conflict.Size != 5 {
		t.Errorf("Add from 0 = %v", err)
	}
}

// TestClientHostile: a witness that answers anything else moves nothing.
func TestClientHostile(t *testing.T) {
	w := newWorld(t)
	r := w.request(newTree(t, 9, 9, 0), 0, 5)
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	size := func(text string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/x.tlog.size")
			rw.WriteHeader(409)
			rw.Write([]byte(text))
		}
	}
	say := func(text string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) { rw.Write([]byte(text)) }
	}
	for name, h := range map[string]http.HandlerFunc{
		"redirect": func(rw http.ResponseWriter, q *http.Request) {
			http.Redirect(rw, q, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"no size":        size("many\n"),
		"negative":       size("-1\n"),
		"huge":           size("99999999999999999999\n"),
		"beyond":         size("9007199254740992\n"),
		"endless":        say("— x " + strings.Repeat("A", 1<<20) + "\n"),
		"nothing":        say(""),
		"a page":         say("<html>"),
		"a note":         say("— x AAAA\n\n— x AAAA\n"),
		"an error":       func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "— no", http.StatusServiceUnavailable) },
		"conflict alone": func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "7", http.StatusConflict) },
	} {
		srv := httptest.NewServer(h)
		_, err := witness.Add(t.Context(), witness.NewClient(), srv.URL, r)
		var conflict *witness.Conflict
		if err == nil || errors.As(err, &conflict) {
			t.Errorf("%s: Add = %v", name, err)
		}
		srv.Close()
	}
	if asked {
		t.Error("the client followed a redirect")
	}
}
