package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"comity.example/comity/gateway"
	"comity.example/comity/gateway/internal/ingest"
	"github.com/minio/minio-go/v7"
)

// damagedBucket is a relay on a bucket, its server's root, and the folder in which
// the server keeps the bucket: what no call of S3 can do is done there.
type damagedBucket struct {
	*checked
	root   *minio.Client
	folder string
}

// TestFsckBucket plants damages, one after the other, in a bucket of a real server
// with Object Lock, wants each named, and takes each back.
func TestFsckBucket(t *testing.T) {
	slowUnderRace(t)
	w, root := onBucket(t)
	b := &damagedBucket{newChecked(w), root, filepath.Join(w.serverDir(), "objects", bucketName)}
	for _, c := range bucketDamage {
		t.Run(c.name, func(t *testing.T) {
			undo := c.do(b)
			defer undo()
			r := b.check(b.thorough)
			b.finds(c.name, r, c.want...)
			if n := len(r.Findings); n > 0 && !strings.Contains(r.Findings[n-1].Where, c.where) {
				t.Errorf("found at %q, want %q", r.Findings[n-1].Where, c.where)
			}
		})
	}
	before := b.state()
	r := b.clean() // every damage was taken back
	if after := b.state(); after != before {
		t.Errorf("the check changed the bucket: before\n%s\nafter\n%s", before, after)
	}
	if n := r.Counts; n.Packages != 4 || n.Deposits != 2 || n.Parts < 5 || n.Reread != 4 || n.Entries != b.entries || n.Annexes != 4 {
		t.Errorf("counts %+v", n)
	}
	if len(r.Notes) != 1 || r.Notes[0].Code != "open" {
		t.Errorf("notes %v, want the open reservation", r.Notes)
	}
}

// serverDir is the folder of the server of a relay on a bucket, which is where the
// server's certificate lies.
func (w *world) serverDir() string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, bucketFile))
	check(w.t, err)
	var b bucketAccess
	check(w.t, json.Unmarshal(text, &b))
	return filepath.Dir(b.CA)
}

// state is every version in the bucket, and every file that the server keeps.
func (b *damagedBucket) state() string {
	b.t.Helper()
	var s bytes.Buffer
	for o := range b.root.ListObjects(b.t.Context(), bucketName, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		check(b.t, o.Err)
		fmt.Fprintln(&s, o.Key, o.VersionID, o.IsLatest, o.IsDeleteMarker, o.ETag)
	}
	check(b.t, filepath.WalkDir(filepath.Dir(filepath.Dir(b.folder)), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&s, "%s %x\n", path, sha256.Sum256(data))
		return err
	}))
	return s.String()
}

// key returns the key of a file of the package that was received.
func (b *damagedBucket) key(name string) string {
	head := ingest.HeadKey(b.received.id)
	switch name {
	case "head":
		return head
	case "inner.age":
		return ingest.InnerKey(b.received.id)
	}
	return "payloads" + head[strings.IndexByte(head, '/'):strings.LastIndexByte(head, '/')+1] + name
}

// put puts a version over what is there, or where nothing is, and takes it back.
func (b *damagedBucket) put(key string, data []byte) (undo func()) {
	b.t.Helper()
	made, err := b.root.PutObject(b.t.Context(), bucketName, key, bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{})
	check(b.t, err)
	return func() { b.remove(key, made.VersionID) }
}

func (b *damagedBucket) remove(key, version string) {
	b.t.Helper()
	check(b.t, b.root.RemoveObject(b.t.Context(), bucketName, key, minio.RemoveObjectOptions{VersionID: version, GovernanceBypass: true}))
}

func (b *damagedBucket) get(key string) []byte {
	b.t.Helper()
	o, err := b.root.GetObject(b.t.Context(), bucketName, key, minio.GetObjectOptions{})
	check(b.t, err)
	defer o.Close()
	data, err := io.ReadAll(o)
	check(b.t, err)
	return data
}

// lose removes the only version of an object, and puts the same bytes again.
func (b *damagedBucket) lose(key string) (undo func()) {
	b.t.Helper()
	data := b.get(key)
	info, err := b.root.StatObject(b.t.Context(), bucketName, key, minio.StatObjectOptions{})
	check(b.t, err)
	b.remove(key, info.VersionID)
	return func() {
		b.t.Helper()
		made, err := b.root.PutObject(b.t.Context(), bucketName, key, bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{})
		check(b.t, err)
		if text := info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"); text != "" {
			until, err := time.Parse(time.RFC3339, text)
			check(b.t, err)
			mode := minio.RetentionMode(info.Metadata.Get("X-Amz-Object-Lock-Mode"))
			check(b.t, b.root.PutObjectRetention(b.t.Context(), bucketName, key, minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until, VersionID: made.VersionID}))
		}
	}
}

// hide deletes a key without a version: the server puts a delete marker over it.
func (b *damagedBucket) hide(key string) (undo func()) {
	b.t.Helper()
	check(b.t, b.root.RemoveObject(b.t.Context(), bucketName, key, minio.RemoveObjectOptions{}))
	for o := range b.root.ListObjects(b.t.Context(), bucketName, minio.ListObjectsOptions{Prefix: key, Recursive: true, WithVersions: true}) {
		check(b.t, o.Err)
		if o.IsDeleteMarker && o.Key == key {
			return func() { b.remove(key, o.VersionID) }
		}
	}
	b.t.Fatalf("no delete marker hides %q", key)
	return nil
}

// tile is the key of the newest tile of a level.
func (b *damagedBucket) tile(level string) string {
	return fmt.Sprintf("log/tile/%s/000.p/%d", level, b.entries)
}

func (b *damagedBucket) path(key string) string {
	return filepath.Join(b.folder, filepath.FromSlash(key))
}

// flip changes one byte of an object where the server keeps it.
func (b *damagedBucket) flip(key string, at int64) (undo func()) {
	b.t.Helper()
	flip := func() {
		b.t.Helper()
		f, err := os.OpenFile(b.path(key), os.O_RDWR, 0)
		check(b.t, err)
		defer f.Close()
		var c [1]byte
		_, err = f.ReadAt(c[:], at)
		check(b.t, err)
		c[0] ^= 1
		_, err = f.WriteAt(c[:], at)
		check(b.t, err)
	}
	flip()
	return flip
}

// away takes the file of an object from the server.
func (b *damagedBucket) away(key string) (undo func()) {
	b.t.Helper()
	aside := filepath.Join(b.t.TempDir(), "aside")
	check(b.t, os.Rename(b.path(key), aside))
	return func() { check(b.t, os.Rename(aside, b.path(key))) }
}

// relock changes what the server keeps about the lock of an object.
func (b *damagedBucket) relock(key string, change func(string) string) (undo func()) {
	b.t.Helper()
	const attribute = "user.object-retention"
	buf := make([]byte, 4096)
	n, err := syscall.Getxattr(b.path(key), attribute, buf)
	check(b.t, err)
	old := buf[:n]
	if fresh := change(string(old)); fresh == string(old) {
		b.t.Fatalf("the lock stays %q", old)
	} else if fresh == "" {
		check(b.t, syscall.Removexattr(b.path(key), attribute))
	} else {
		check(b.t, syscall.Setxattr(b.path(key), attribute, []byte(fresh), 0))
	}
	return func() { check(b.t, syscall.Setxattr(b.path(key), attribute, old, 0)) }
}

// upload begins an upload that no row knows.
func (b *damagedBucket) upload(key string) (undo func()) {
	b.t.Helper()
	core := minio.Core{Client: b.root}
	id, err := core.NewMultipartUpload(b.t.Context(), bucketName, key, minio.PutObjectOptions{})
	check(b.t, err)
	return func() { check(b.t, core.AbortMultipartUpload(b.t.Context(), bucketName, key, id)) }
}

func none(string) string { return "" }

// changed returns a change of a text in a lock.
func changed(old, by string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, by, 1) }
}

var bucketDamage = []struct {
	name  string
	do    func(*damagedBucket) (undo func())
	want  []gateway.CheckCode
	where string
}{
	{"newer payload", func(b *damagedBucket) func() { return b.put(b.key("payload.000"), []byte("another")) }, one("payload-version"), "payload.000"},
	{"hidden payload", func(b *damagedBucket) func() { return b.hide(b.key("payload.000")) }, one("payload-version"), "payload.000"},
	{"payload missing", func(b *damagedBucket) func() { return b.away(b.key("payload.000")) }, one("payload-missing"), "payload.000"},
	{"payload bytes", func(b *damagedBucket) func() { return b.flip(b.key("payload.000"), 77) }, one("payload"), "payload.000"},
	{"payload without lock", func(b *damagedBucket) func() { return b.relock(b.key("payload.000"), none) }, one("lock"), "payload.000"},
	{"payload's lock shorter", func(b *damagedBucket) func() {
		return b.relock(b.key("payload.000"), changed(`Date":"20`, `Date":"19`))
	}, one("lock"), "payload.000"},
	{"payload's lock of another mode", func(b *damagedBucket) func() {
		return b.relock(b.key("payload.000"), changed("COMPLIANCE", "GOVERNANCE"))
	}, one("lock"), "payload.000"},
	{"payload's lock of no mode", func(b *damagedBucket) func() { return b.relock(b.key("payload.000"), changed("COMPLIANCE", "ELSE")) }, one("unreadable"), "payload.000"},
	{"head without lock", func(b *damagedBucket) func() { return b.relock(b.key("head"), none) }, one("lock"), "/head"},
	{"inner file's lock shorter", func(b *damagedBucket) func() { return b.relock(b.key("inner.age"), changed(`Date":"20`, `Date":"19`)) }, one("lock"), "/inner.age"},
	{"head missing", func(b *damagedBucket) func() { return b.lose(b.key("head")) }, one("head-missing"), "/head"},
	{"hidden head", func(b *damagedBucket) func() { return b.hide(b.key("head")) }, one("head-missing"), "/head"},
	{"newer head", func(b *damagedBucket) func() { return b.put(b.key("head"), b.sealed.head) }, one("head"), "/head"},
	{"head before the unlock", func(b *damagedBucket) func() { return b.put(ingest.HeadKey(b.sealed.id), b.sealed.head) }, one("head-early"), "/head"},
	{"unknown payload", func(b *damagedBucket) func() { return b.put("payloads/aa/unknown/payload.000", []byte("x")) }, one("orphan"), "unknown/payload.000"},
	{"unknown area", func(b *damagedBucket) func() { return b.put("elsewhere/x", []byte("x")) }, one("orphan"), "elsewhere/x"},
	{"tile missing", func(b *damagedBucket) func() { return b.lose("log/tile/0/000.p/20") }, one("tile-missing"), "log/tile/0/000.p/20"},
	{"hidden tile", func(b *damagedBucket) func() { return b.hide("log/tile/entries/000.p/20") }, one("tile-missing"), "entries/000.p/20"},
	{"tile of another log", func(b *damagedBucket) func() { return b.put(b.tile("0"), make([]byte, 32*b.entries)) }, one("tile"), "log/tile/0/000.p/"},
	{"tile altered on the server's disk", func(b *damagedBucket) func() { return b.flip(b.tile("0"), 5) }, one("unreadable"), "log/tile/0/000.p/"},
	{"old checkpoint", func(b *damagedBucket) func() { return b.put("log/checkpoint", b.old) }, one("behind"), "log/checkpoint"},
	{"copy altered", func(b *damagedBucket) func() {
		const key = "records/0000000000/0000000000000010.1"
		data := b.get(key)
		data[len(data)-20] ^= 1
		return b.put(key, data)
	}, one("copy"), "0000000000000010.1"},
	{"copy missing", func(b *damagedBucket) func() { return b.lose("records/0000000000/0000000000000010.1") }, one("copy-missing"), "entry 10"},
	{"newer annex", func(b *damagedBucket) func() { return b.put(b.requestAnnex, []byte("another")) }, one("annex"), "annexes/"},
	{"unknown upload", func(b *damagedBucket) func() { return b.upload("payloads/aa/unknown/payload.000") }, one("orphan"), "upload"},
	{"upload of a sealed package", func(b *damagedBucket) func() { return b.upload(b.key("payload.000")) }, one("orphan"), "upload"},
}
