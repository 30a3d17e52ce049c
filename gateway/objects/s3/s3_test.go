package s3_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/objectstest"
	"comity.example/comity/gateway/objects/s3"
	"comity.example/comity/gateway/objects/s3/s3test"
)

// servers are the real servers that every property is tested on.
var servers = map[string]func(*testing.T) *s3test.Server{"versitygw": s3test.Versitygw, "minio": s3test.MinIO}

// onEach runs a test on every server.
func onEach(t *testing.T, test func(t *testing.T, s *s3test.Server)) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func open(t *testing.T, cfg *s3.Config) *s3.Bucket {
	t.Helper()
	b, err := s3.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// fresh returns a prefix that nobody used.
func fresh() string { return strings.ToLower(rand.Text()) + "/" }

func TestStore(t *testing.T) {
	onEach(t, func(t *testing.T, s *s3test.Server) {
		prefixes := map[objects.Store]string{}
		objectstest.Suite{
			Open: func(t *testing.T) objects.Store {
				prefix := fresh()
				b := open(t, s.Config("evidence", prefix))
				prefixes[b] = prefix
				return b
			},
			Reopen: func(t *testing.T, old objects.Store) objects.Store {
				b := open(t, s.Config("evidence", prefixes[old]))
				prefixes[b] = prefixes[old]
				return b
			},
			Destroyer: func(t *testing.T, b objects.Store) objects.Destroyer {
				y, err := s3.NewDestroyer(s.RootConfig("evidence", prefixes[b]))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { y.Close() })
				return y
			},
		}.Run(t)
	})
}
