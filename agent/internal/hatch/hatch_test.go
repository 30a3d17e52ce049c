package hatch_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"comity.example/comity/agent/internal/hatch"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open serves a handler that answers with what it was sent, and returns the socket.
func open(t *testing.T, path string) {
	t.Helper()
	h, err := hatch.Open(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
		w.Write(data)
	}), slog.New(slog.DiscardHandler))
	check(t, err)
	served := make(chan error, 1)
	go func() { served <- h.Serve() }()
	t.Cleanup(func() {
		h.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func TestHatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if _, err := hatch.Client(path).Get("http://daemon/"); !errors.Is(err, hatch.ErrNobody) {
		t.Errorf("without a daemon: %v", err)
	}
	check(t, os.WriteFile(path, nil, 0o644)) // what an earlier process left
	open(t, path)
	info, err := os.Stat(path)
	check(t, err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %s", info.Mode())
	}
	for size, want := range map[int]int{100: http.StatusOK, hatch.MaxBody + 1: http.StatusRequestEntityTooLarge} {
		resp, err := hatch.Client(path).Post("http://daemon/", "text/plain", strings.NewReader(strings.Repeat("x", size)))
		check(t, err)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%d bytes: status %d, want %d", size, resp.StatusCode, want)
		}
	}
}

func TestLongPath(t *testing.T) {
	_, err := hatch.Open(filepath.Join(t.TempDir(), strings.Repeat("x", 104)), nil, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "choose a shorter state folder") {
		t.Errorf("a path that no system takes: %v", err)
	}
}
