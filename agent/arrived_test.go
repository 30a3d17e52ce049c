package agent_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/custody"
)

// TestFolderOfAnother: while the package is on its way somebody makes a folder of
// its name. No receipt is signed for that folder, then or later.
func TestFolderOfAnother(t *testing.T) {
	w := newCase(t)
	w.accept()
	pkg, into := w.send().Package, t.TempDir()
	s := w.connect("nl", "lab-1")
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/payload") {
			os.Mkdir(filepath.Join(into, pkg), 0o700)
		}
		return next(r)
	})
	for range 2 {
		if list, err := w.agent("nl").Fetch(t.Context(), s, w.request, into); err == nil {
			t.Errorf("fetched %+v", list)
		}
	}
	if n := w.statementsOf(custody.KindReceipt); n != 0 {
		t.Errorf("%d receipts", n)
	}
	check(t, os.Remove(filepath.Join(into, pkg)))
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into)
	if err != nil || len(list) != 1 {
		t.Errorf("fetched %+v, %v", list, err)
	}
}

// TestFolderChanged changes a package between its last check and the receipt: none
// is signed until it is again what was verified.
func TestFolderChanged(t *testing.T) {
	w := newCase(t)
	w.accept()
	pkg, into := w.send().Package, t.TempDir()
	dir, aside := filepath.Join(into, pkg), filepath.Join(t.TempDir(), pkg)
	ctx, cancel := context.WithCancel(t.Context())
	s := w.connect("nl", "lab-1")
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/v1/statements") {
			cancel()
			return nil, context.Canceled
		}
		return next(r)
	})
	if _, err := w.agent("nl").Fetch(ctx, s, w.request, into); err == nil {
		t.Fatal("the fetch went through")
	}
	check(t, os.CopyFS(aside, os.DirFS(dir)))
	s = w.connect("nl", "lab-1")
	for _, row := range []struct {
		name   string
		change func() error
	}{
		{"a changed exhibit", func() error { return os.WriteFile(filepath.Join(dir, "data", "disk.img"), []byte("x"), 0o600) }},
		{"a missing exhibit", func() error { return os.Remove(filepath.Join(dir, "data", "disk.img")) }},
		{"one exhibit more", func() error { return os.WriteFile(filepath.Join(dir, "data", "more"), nil, 0o600) }},
		{"another manifest", func() error { return os.WriteFile(filepath.Join(dir, "manifest-sha256.txt"), nil, 0o600) }},
		{"an empty folder", func() error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)) }},
	} {
		check(t, row.change())
		if list, err := w.agent("nl").Fetch(t.Context(), s, w.request, into); err == nil {
			t.Errorf("%s: fetched %+v", row.name, list)
		}
		check(t, os.RemoveAll(dir))
		check(t, os.CopyFS(dir, os.DirFS(aside)))
	}
	if n := w.statementsOf(custody.KindReceipt); n != 0 {
		t.Errorf("%d receipts", n)
	}
	if list, err := w.agent("nl").Fetch(t.Context(), s, w.request, into); err != nil || len(list) != 1 {
		t.Errorf("fetched %+v, %v", list, err)
	}
}
