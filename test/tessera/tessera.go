// Package tessera has a log checked by a program that shares no code with ours: fsck of
// Tessera, which reads every tile and entry bundle over HTTP, hashes all of it again,
// and compares with the tiles and with the signed checkpoint.
//
// It refuses to take silence for success: that program ends with 0 whatever it found, and
// on a large log that is altered it may not end at all.
package tessera

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"comity.example/comity/test/need"
)

// Module is the program: it runs beside the tests and is never part of what is built.
const Module = "github.com/transparency-dev/tessera/cmd/fsck@v1.0.4"

// ErrNotThere is what a Fetch returns for a path that the log does not have.
var ErrNotThere = errors.New("not there")

// Fetch returns a resource of a log by its C2SP path, such as "checkpoint".
type Fetch func(ctx context.Context, path string) ([]byte, error)

// patience is for what takes half a second with a hundred thousand entries.
const patience = time.Minute

var success = regexp.MustCompile(`Successfully fsck'd log with size (\d+) `)

// Fsck checks a log by its verifier key (C2SP signed note) and returns the size that was
// checked, and false if the program does not say that all is well; said is what it said.
// It ends the test if COMITY_TEST_TESSERA does not name the program.
func Fsck(t testing.TB, vkey string, fetch Fetch) (size int64, ok bool, said string) {
	t.Helper()
	program := os.Getenv("COMITY_TEST_TESSERA")
	if program == "" {
		need.Missing(t, "COMITY_TEST_TESSERA names no program: go install %s", Module)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := fetch(r.Context(), strings.TrimPrefix(r.URL.Path, "/"))
		switch {
		case errors.Is(err, ErrNotThere):
			http.NotFound(w, r)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			w.Write(b)
		}
	}))
	defer s.Close()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(vkey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	out, err := exec.CommandContext(ctx, program, "-storage_url", s.URL+"/", "-public_key", key, "-ui=false", "-N", "2").CombinedOutput()
	if ctx.Err() != nil {
		return 0, false, string(out) + "it has not ended after " + patience.String()
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	found := success.FindSubmatch(out)
	if found == nil {
		return 0, false, string(out)
	}
	size, err = strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return size, true, string(out)
}
