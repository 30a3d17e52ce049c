package queue_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent/internal/queue"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string) (*queue.Queue, []*queue.Entry) {
	t.Helper()
	q, list, err := queue.Open(dir)
	check(t, err)
	return q, list
}

func entry() *queue.Entry {
	return &queue.Entry{Folder: "0412", Name: "disk 1", Print: custody.HashOf([]byte("x")), Settled: statement.At(time.Unix(1e9, 0)), Priority: -3, Final: true}
}

// TestQueue: what was put is there after a restart, once, in every state of its life.
func TestQueue(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	q, list := open(t, dir)
	if len(list) != 0 {
		t.Fatalf("a new queue holds %v", list)
	}
	e := entry()
	again := func(step string) {
		t.Helper()
		if _, list := open(t, dir); len(list) != 1 || !reflect.DeepEqual(list[0], e) {
			t.Errorf("%s: the queue holds %+v, want %+v", step, list, e)
		}
	}
	check(t, q.Put(e))
	again("settled")
	e.Request, e.Package = strings.Repeat("a", 26), custody.PackageID([16]byte{1})
	check(t, q.Put(e))
	again("bound")
	e.Fate, e.Target = queue.Sent, "disk 1-2"
	check(t, q.Put(e))
	again("sent")
	before := *e
	check(t, q.Moved(e))
	again("moved")
	check(t, q.Put(&before)) // as after a crash in the middle of Moved
	check(t, os.WriteFile(filepath.Join(dir, ".tmp-x"), nil, 0o600))
	if _, list := open(t, dir); len(list) != 2 {
		t.Errorf("after a crash the queue holds %v", list)
	}
	check(t, q.Moved(&before))
	again("moved again")
	check(t, q.Remove(e))
	check(t, q.Remove(e))
	if _, list := open(t, dir); len(list) != 0 {
		t.Errorf("the empty queue holds %v", list)
	}
}

func TestPause(t *testing.T) {
	dir := t.TempDir()
	q, _ := open(t, dir)
	for _, on := range []bool{false, true, true, false, false} {
		check(t, q.Pause(on))
		q, _ = open(t, dir)
		if got, err := q.Paused(); got != on || err != nil {
			t.Errorf("Paused = %v, %v after Pause(%v)", got, err, on)
		}
	}
}

// TestDamaged: an entry that cannot be read stops the start.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	q, _ := open(t, dir)
	e := entry()
	check(t, q.Put(e))
	path := filepath.Join(dir, e.ID()+".json")
	good, err := os.ReadFile(path)
	check(t, err)
	for _, bad := range [][]byte{nil, good[:len(good)-3], bytes.Replace(good, []byte("0412"), []byte(".."), 1),
		bytes.Replace(good, []byte("0412"), []byte("0413"), 1), bytes.Replace(good, []byte(`"name"`), []byte(`"nom"`), 1)} {
		check(t, os.WriteFile(path, bad, 0o600))
		if _, list, err := queue.Open(dir); err == nil {
			t.Errorf("%q was read as %+v", bad, list)
		}
	}
	for _, bad := range []*queue.Entry{{Folder: "a", Name: "../b"}, {Folder: "a", Name: "b", Fate: queue.Sent}, {Folder: "a", Name: "b", Target: "c"},
		{Folder: "a", Name: "b", Fate: "lost", Target: "c"}, {Folder: "a", Name: "b", Waits: true}, {Folder: "a", Name: "b", Package: "x"}} {
		if err := q.Put(bad); err == nil {
			t.Errorf("%+v was kept", bad)
		}
	}
}
