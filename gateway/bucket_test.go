package gateway_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/gateway"
	"comity.example/comity/gateway/internal/fsck"
	"comity.example/comity/gateway/objects/s3"
	"comity.example/comity/gateway/objects/s3/s3server"
	"comity.example/comity/gateway/objects/s3/s3test"
	"github.com/minio/minio-go/v7"
)

const (
	bucketFile = "bucket.json" // in the folder of a relay that keeps its objects in a bucket
	bucketName = "evidence"
)

// bucketAccess is what a relay, also one in another process, needs of a server.
type bucketAccess struct {
	Endpoint, CA string
	Relay        credential
	Destroyer    credential // of who may delete under GOVERNANCE; zero: nobody
}

type credential struct{ Access, Secret string }

// readBucket reads the settings of the bucket of a folder.
func readBucket(folder string) (b bucketAccess, roots *x509.CertPool, err error) {
	text, err := os.ReadFile(filepath.Join(folder, bucketFile))
	if err != nil {
		return b, nil, err
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return b, nil, err
	}
	ca, err := os.ReadFile(b.CA)
	if err != nil {
		return b, nil, err
	}
	roots = x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return b, nil, errors.New("no certificate")
	}
	return b, roots, nil
}

// bucketConfig is the access of the relay of a folder.
func bucketConfig(folder string) (*s3.Config, error) {
	b, roots, err := readBucket(folder)
	if err != nil {
		return nil, err
	}
	return b.as(b.Relay, roots), nil
}

func (b *bucketAccess) as(c credential, roots *x509.CertPool) *s3.Config {
	return &s3.Config{Endpoint: b.Endpoint, Bucket: bucketName, AccessKey: c.Access, SecretKey: c.Secret, RootCAs: roots}
}

// openBucket returns what has a relay keep its objects in the bucket of its folder.
func openBucket(ctx context.Context, folder string) (change func(*gateway.Config), closeAll func(), err error) {
	b, roots, err := readBucket(folder)
	if err != nil {
		return nil, nil, err
	}
	store, err := s3.New(ctx, b.as(b.Relay, roots))
	if err != nil {
		return nil, nil, err
	}
	if b.Destroyer == (credential{}) {
		return func(c *gateway.Config) { c.Store, c.Destroyer = store, nil }, func() { store.Close() }, nil
	}
	d, err := s3.NewDestroyer(b.as(b.Destroyer, roots))
	if err != nil {
		store.Close()
		return nil, nil, err
	}
	return func(c *gateway.Config) { c.Store, c.Destroyer = store, d }, func() { d.Close(); store.Close() }, nil
}

// onBucket is newRelay with the objects in a bucket of a real server.
func onBucket(t *testing.T) (*world, *minio.Client) {
	t.Helper()
	server := s3test.Versitygw(t)
	w := onServer(t, server, credential{server.RootAccess, server.RootSecret})
	root, err := s3server.Client(server.RootConfig(bucketName, ""))
	check(t, err)
	return w, root
}

// onServer is onBucket on a server whose credentials the caller knows. destroyer may
// delete under GOVERNANCE; the zero one is none.
func onServer(t *testing.T, server *s3server.Server, destroyer credential) *world {
	t.Helper()
	w := newWorld(t)
	text, err := json.Marshal(bucketAccess{server.URL, server.CAFile, credential{server.Access, server.Secret}, destroyer})
	check(t, err)
	check(t, os.WriteFile(filepath.Join(w.dir, bucketFile), text, 0o600))
	change, closeAll, err := openBucket(t.Context(), w.dir)
	check(t, err)
	t.Cleanup(closeAll)
	w.change = change
	w.start()
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		w.publish(a)
	}
	return w
}

// reader opens the store of the relay, which must not run, to read alone.
func (w *world) reader() gateway.CheckStore {
	w.t.Helper()
	cfg, err := bucketConfig(w.dir)
	if errors.Is(err, os.ErrNotExist) {
		f, err := fsck.OpenFolder(filepath.Join(w.dir, "store"))
		check(w.t, err)
		w.t.Cleanup(func() { f.Close() })
		return f
	}
	check(w.t, err)
	r, err := s3.NewReader(w.t.Context(), cfg)
	check(w.t, err)
	w.t.Cleanup(func() { r.Close() })
	return r
}

// thorough is world.recovering for a relay on a bucket too.
func (w *world) thorough(c *gateway.CheckConfig) {
	w.t.Helper()
	w.recovering(c)
	c.Folder, c.Store = "", w.reader()
}

// oneVersion checks that no file of a package was written twice.
func (w *world) oneVersion(c *minio.Client) {
	w.t.Helper()
	seen := map[string]int{}
	for o := range c.ListObjects(w.t.Context(), bucketName, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		check(w.t, o.Err)
		if strings.HasPrefix(o.Key, "payloads/") || strings.HasPrefix(o.Key, "heads/") {
			seen[o.Key]++
		}
	}
	for key, n := range seen {
		if n != 1 {
			w.t.Errorf("%q has %d versions", key, n)
		}
	}
	if len(seen) == 0 {
		w.t.Error("no file was found")
	}
}
