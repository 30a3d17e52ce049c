package test_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/gateway/objects/s3"
	"comity.example/comity/gateway/objects/s3/s3server"
	"comity.example/comity/gateway/objects/s3/s3test"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/tags"
)

const bucketName = "evidence"

// bucket is a bucket of a real server, whose log and backing folder are at hand. A
// nil bucket keeps nothing.
type bucket struct {
	*s3test.Server
	dir  string // of the server
	log  string // file
	root *minio.Client
	init []string

	destroyAccess, destroySecret string // files with the credential that destroys heads
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	program := s3test.NeedVersitygw(t)
	b := &bucket{dir: t.TempDir(), log: filepath.Join(t.TempDir(), "versitygw.log")}
	log, err := os.Create(b.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if b.Server, err = s3server.Start(program, b.dir, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Stop() })
	if b.root, err = s3server.Client(b.RootConfig(bucketName, "")); err != nil {
		t.Fatal(err)
	}
	keys := t.TempDir()
	access, secret := filepath.Join(keys, "access"), filepath.Join(keys, "secret")
	b.destroyAccess, b.destroySecret = filepath.Join(keys, "destroy-access"), filepath.Join(keys, "destroy-secret")
	for path, text := range map[string]string{access: b.Access, secret: b.Secret, b.destroyAccess: b.RootAccess, b.destroySecret: b.RootSecret} {
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.init = []string{"--s3-endpoint", b.URL, "--s3-bucket", bucketName, "--s3-ca-file", b.CAFile, "--s3-access-file", access, "--s3-secret-file", secret}
	return b
}

// flags are the flags of init for a relay on the bucket.
func (b *bucket) flags() []string {
	if b == nil {
		return nil
	}
	return b.init
}

// destroys lets the relay of a world destroy heads in the bucket, from its next start
// on.
func (b *bucket) destroys(w *world) {
	w.t.Helper()
	path := filepath.Join(w.dir, "relay", "gateway.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	set := string(text)
	for key, file := range map[string]string{"destroy_access_key_file": b.destroyAccess, "destroy_secret_key_file": b.destroySecret} {
		was := key + `: ""`
		if !strings.Contains(set, was) {
			w.t.Fatalf("the settings of the relay lack %q:\n%s", was, text)
		}
		set = strings.Replace(set, was, fmt.Sprintf("%s: %q", key, file), 1)
	}
	w.write("relay/gateway.yaml", set)
}

// reading is what a test reads of a store.
type reading interface {
	Get(ctx context.Context, key, version string, off, length int64) (io.ReadCloser, objects.Info, error)
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
	Close() error
}

// openStore opens the store of a relay that has stopped.
func (w *world) openStore(b *bucket) (reading, error) {
	if b != nil {
		return s3.NewReader(w.t.Context(), b.RootConfig(bucketName, ""))
	}
	return dir.New(filepath.Join(w.dir, "relay", "store"))
}

// kept is everything that the server has: each version of each object with its
// headers, metadata, tags and lock, as root is told by S3; the uploads; the files of
// its folder and what the file system keeps beside them; its log.
func (b *bucket) kept(t *testing.T) (list []hay) {
	t.Helper()
	if b == nil {
		return nil
	}
	for o := range b.root.ListObjects(t.Context(), bucketName, minio.ListObjectsOptions{Recursive: true, WithVersions: true, WithMetadata: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		name := fmt.Sprintf("object %s, version %s", o.Key, o.VersionID)
		list = append(list, hay{"the listing of " + name, fmt.Appendf(nil, "%+v", o)})
		if !o.IsDeleteMarker {
			list = append(list, b.version(t, name, o.Key, o.VersionID)...)
		}
	}
	if len(list) == 0 {
		t.Fatal("the bucket is empty")
	}
	for u := range b.root.ListIncompleteUploads(t.Context(), bucketName, "", true) {
		list = append(list, hay{"an upload", fmt.Appendf(nil, "%+v", u)})
	}
	log, err := os.ReadFile(b.log)
	if err != nil {
		t.Fatal(err)
	}
	list = append(list, hay{"the server's log", log})
	list = append(list, files(t, b.dir)...)
	return append(list, attributes(t, b.dir)...)
}

// version is one version, with all that is said about it.
func (b *bucket) version(t *testing.T, name, key, id string) []hay {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	o, err := b.root.GetObject(t.Context(), bucketName, key, minio.GetObjectOptions{VersionID: id})
	must(err)
	defer o.Close()
	data, err := io.ReadAll(o)
	must(err)
	info, err := b.root.StatObject(t.Context(), bucketName, key, minio.StatObjectOptions{VersionID: id, Checksum: true})
	must(err)
	said := fmt.Appendf(nil, "%+v %v %v %v", info, info.Metadata, info.UserMetadata, info.UserTags)
	list := []hay{{name, data}, {"the headers of " + name, said}}
	given, err := b.root.GetObjectTagging(t.Context(), bucketName, key, minio.GetObjectTaggingOptions{VersionID: id})
	if code := minio.ToErrorResponse(err).Code; code != "NoSuchTagSet" {
		must(err)
		list = append(list, hay{"the tags of " + name, []byte(given.String())})
	}
	return list
}

// canFail plants a word in the bucket, as object, as name, as metadata and as tag,
// and wants the search to find each: also where a newer version hides it.
func (b *bucket) canFail(t *testing.T) {
	t.Helper()
	if b == nil {
		return
	}
	word := func(n string) string { return "CanaryPlantedInBucketK7" + n }
	put := func(key, data string, opts minio.PutObjectOptions) {
		t.Helper()
		_, err := b.root.PutObject(t.Context(), bucketName, key, strings.NewReader(data), int64(len(data)), opts)
		if err != nil {
			t.Fatal(err)
		}
	}
	put("planted/object", "before "+word("Object")+" after", minio.PutObjectOptions{})
	put("planted/object", "newer", minio.PutObjectOptions{})
	put("planted/"+word("Name"), "x", minio.PutObjectOptions{})
	put("planted/metadata", "x", minio.PutObjectOptions{UserMetadata: map[string]string{"Note": word("Metadata")}})
	put("planted/tag", "x", minio.PutObjectOptions{})
	given, err := tags.NewTags(map[string]string{"note": word("Tag")}, true)
	if err == nil {
		err = b.root.PutObjectTagging(t.Context(), bucketName, "planted/tag", given, minio.PutObjectTaggingOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	list := b.kept(t)
	for n, where := range map[string]string{"Object": "object planted/object", "Name": "the listing of", "Metadata": "the headers of", "Tag": "the tags of"} {
		hits := find(list, word(n))
		if !slices.ContainsFunc(hits, func(h string) bool { return strings.HasPrefix(h, where) }) {
			t.Errorf("a word planted as %s is found in %q, not in %s", n, hits, where)
		}
		if !slices.ContainsFunc(hits, func(h string) bool { return !strings.Contains(h, "planted/") || strings.HasPrefix(h, "attribute") }) && n != "Object" {
			t.Errorf("a word planted as %s is not found in the server's own files: %q", n, hits)
		}
	}
	if bytes.Contains([]byte(fmt.Sprint(find(list, "CanaryNeverPlanted"))), []byte("object")) {
		t.Error("the search finds what is not there")
	}
}
