package quarantine_test

import (
	"os"
	"path/filepath"
	"testing"

	"comity.example/comity/agent/internal/quarantine"
)

func TestPublish(t *testing.T) {
	dir := t.TempDir()
	q, err := quarantine.New(dir, "bag")
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Root().Mkdir("bag", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := q.Root().WriteFile("bag/a", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "bag")); err == nil {
		t.Error("the bag shows before it is published")
	}
	if err := q.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := q.Publish(filepath.Join(dir, "bag")); err != nil {
		t.Fatal(err)
	}
	if err := q.Remove(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "bag", "a")); err != nil || string(b) != "x" {
		t.Errorf("reading the published file: %q, %v", b, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d entries are left beside the bag", len(left)-1)
	}
}

func TestPublishReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "bag")
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	q, err := quarantine.New(dir, "bag")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Remove()
	if err := q.Root().Mkdir("bag", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := q.Publish(target); err == nil {
		t.Error("an existing folder was replaced")
	}
}
