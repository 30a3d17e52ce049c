package objects_test

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"
	"time"

	"comity.example/comity/gateway/objects"
)

func TestCheckKey(t *testing.T) {
	long := strings.Repeat("a", 255)
	for _, tt := range []struct {
		key  string
		good bool
	}{
		{"7f/abcdefghijklmnopqrstuvwxyz/payload.000", true},
		{"7f/abcdefghijklmnopqrstuvwxyz/inner.age", true},
		{"log/tile/0/x001/067.p/8", true},
		{"log/checkpoint", true},
		{"a", true},
		{long, true},
		{long + "/" + long + "/" + long + "/" + long, true},
		{long + "/" + long + "/" + long + "/" + long + "/a", false},
		{long + "a", false},
		{"", false},
		{"/", false},
		{"/a", false},
		{"a/", false},
		{"a//b", false},
		{".", false},
		{"..", false},
		{"a/..", false},
		{"../a", false},
		{"a/./b", false},
		{".a", false},
		{"a.", false},
		{"a..b", false},
		{"A", false},
		{"a b", false},
		{"a\\b", false},
		{"a:b", false},
		{"a%2e", false},
		{"a@", false},
		{"a-b", false},
		{"a_b", false},
		{"a\x00", false},
		{"a\n", false},
		{"é", false},
	} {
		err := objects.CheckKey(tt.key)
		if (err == nil) != tt.good || err != nil && !errors.Is(err, objects.ErrKey) {
			t.Errorf("CheckKey(%q) = %v, want ok=%v", tt.key, err, tt.good)
		}
	}
}

func TestCheckPrefix(t *testing.T) {
	for p, good := range map[string]bool{
		"": true, "log/": true, "log/tile/": true, "log": false, "/": false, "../": false, "a//": false,
	} {
		if err := objects.CheckPrefix(p); (err == nil) != good {
			t.Errorf("CheckPrefix(%q) = %v, want ok=%v", p, err, good)
		}
	}
}

// FuzzCheckKey states what an accepted key guarantees to a driver that makes a
// path of it.
func FuzzCheckKey(f *testing.F) {
	for _, s := range []string{"", "a", "a/b.c", "../a", "a/", "a..b", "7f/x/payload.000", "log/tile/0/x001/067.p/8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if objects.CheckKey(key) != nil {
			return
		}
		if !fs.ValidPath(key) || path.Clean(key) != key || key == "." {
			t.Errorf("CheckKey accepts %q, which is no clean path", key)
		}
		if strings.Contains(key, "..") || strings.ToLower(key) != key || strings.ContainsAny(key, "\\:@ \x00") {
			t.Errorf("CheckKey accepts %q", key)
		}
		if err := objects.CheckPrefix(key + "/"); err != nil {
			t.Errorf("CheckPrefix(%q) = %v", key+"/", err)
		}
	})
}

func TestLayout(t *testing.T) {
	for _, tt := range []struct {
		size, part int64
		n          int
		last       int64
	}{
		{0, 5, 0, 0}, {1, 5, 1, 1}, {5, 5, 1, 5}, {6, 5, 2, 1}, {10, 5, 2, 5},
		{10000 * 5, 5, 10000, 5}, {10000*5 + 1, 5, -1, 0}, {-1, 5, -1, 0}, {5, 0, -1, 0}, {5, -1, -1, 0},
		{1<<63 - 1, 1, -1, 0}, {1<<63 - 1, objects.MaxPartSize, -1, 0}, {1, objects.MaxPartSize + 1, -1, 0},
	} {
		n, err := objects.Layout(tt.size, tt.part)
		if tt.n < 0 {
			if !errors.Is(err, objects.ErrInvalid) {
				t.Errorf("Layout(%d, %d) = %d, %v, want ErrInvalid", tt.size, tt.part, n, err)
			}
			continue
		}
		if n != tt.n || err != nil {
			t.Errorf("Layout(%d, %d) = %d, %v, want %d", tt.size, tt.part, n, err, tt.n)
		}
		last, err := objects.PartSize(tt.size, tt.part, n-1)
		if n > 0 && (last != tt.last || err != nil) {
			t.Errorf("PartSize(%d, %d, %d) = %d, %v, want %d", tt.size, tt.part, n-1, last, err, tt.last)
		}
		if _, err := objects.PartSize(tt.size, tt.part, n); !errors.Is(err, objects.ErrInvalid) {
			t.Errorf("PartSize(%d, %d, %d) = %v, want ErrInvalid", tt.size, tt.part, n, err)
		}
	}
}

func TestCheckParts(t *testing.T) {
	good := []objects.Part{{Number: 0, Size: 5}, {Number: 1, Size: 5}, {Number: 2, Size: 1}}
	if err := objects.CheckParts(11, 5, good); err != nil {
		t.Errorf("CheckParts(good) = %v", err)
	}
	if err := objects.CheckParts(0, 5, nil); err != nil {
		t.Errorf("CheckParts(empty) = %v", err)
	}
	for name, bad := range map[string][]objects.Part{
		"missing":   good[:2],
		"swapped":   {good[1], good[0], good[2]},
		"twice":     {good[0], good[0], good[2]},
		"more":      {good[0], good[1], good[2], {Number: 3}},
		"long last": {good[0], good[1], {Number: 2, Size: 5}},
	} {
		if err := objects.CheckParts(11, 5, bad); !errors.Is(err, objects.ErrParts) {
			t.Errorf("CheckParts(%s) = %v, want ErrParts", name, err)
		}
	}
}

func TestComposite(t *testing.T) {
	a, b := sha256.Sum256([]byte("a")), sha256.Sum256([]byte("b"))
	want := sha256.Sum256(append(a[:], b[:]...))
	if got := objects.Composite([]objects.Part{{SHA256: a}, {SHA256: b}}); got != want {
		t.Errorf("Composite = %x, want %x", got, want)
	}
}

func TestLocked(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		mode  objects.Mode
		until time.Time
		want  bool
	}{
		{objects.NoLock, time.Time{}, false},
		{objects.Governance, now.Add(time.Second), true},
		{objects.Compliance, now.Add(time.Second), true},
		{objects.Compliance, now, false},
	} {
		if got := (objects.Info{Mode: tt.mode, RetainUntil: tt.until}).Locked(now); got != tt.want {
			t.Errorf("Locked(%q, %v) = %v, want %v", tt.mode, tt.until, got, tt.want)
		}
	}
	if got := objects.CeilSecond(now.Add(1)); !got.Equal(now.Add(time.Second)) {
		t.Errorf("CeilSecond = %v", got)
	}
	if got := objects.CeilSecond(now); !got.Equal(now) {
		t.Errorf("CeilSecond = %v", got)
	}
}
