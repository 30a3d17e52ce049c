// Package s3 keeps the objects of a relay in a bucket of an S3-compatible server
// with Object Lock: the driver of [objects.Store] for an operator who cannot, or
// must not, reach into the storage.
//
// Below Config.Prefix:
//
//	KEY          an object made by Put or Complete, with the metadata
//	             Comity-Token that tells a retry which version is its own
//	-probe/ID    what New writes to see what the server enforces; "-" is in no key
//
// The server is trusted as little as it can be. The driver hashes each part
// itself and holds its last bytes back until the hash is right, so that also a
// server that ignores checksums or stores truncated bodies never gets a whole
// wrong part. It sends every checksum, reads sizes and locks back, takes nothing
// from a claim of Object Lock, and without If-None-Match still never tells two
// callers that both created an object. What it needs and cannot do itself, versions
// and locks that hold, New tries out on the server each time, and reports as [Found].
//
// Durability is the server's: it is trusted when it acknowledges. A version is
// never hidden by a delete marker, because every deletion names a version.
//
// It refuses a bucket without Object Lock or versions or with a default retention,
// a server that deletes what COMPLIANCE locks, an endpoint without TLS beyond the
// loopback, and proxies from the environment. It never sends the header that
// bypasses GOVERNANCE, except in the probe of New, on an object of its own, and in
// [Destroyer]. It puts no key or secret in an error.
package s3

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"comity.example/comity/gateway/objects"
)

// Config says where the objects of a relay are.
type Config struct {
	// Endpoint is https://HOST or https://HOST:PORT; http:// is accepted for
	// the loopback only. Required.
	Endpoint string

	// Bucket is the name of the bucket. New makes it, with Object Lock, if it is
	// missing; Object Lock cannot be added later everywhere. Required.
	Bucket string

	// Prefix comes before every key and ends with a slash. If empty, the bucket
	// is this relay's alone.
	Prefix string

	// Region is the region that requests are signed for. If empty, us-east-1.
	Region string

	// AccessKey and SecretKey are the credential. Required. That of a relay
	// should lack the right s3:BypassGovernanceRetention.
	AccessKey, SecretKey string

	// RootCAs are the certificates that the server's must lead to, which can be
	// the server's own. If nil, those of the system.
	RootCAs *x509.CertPool

	// PathStyle puts the bucket in the path of URLs also on servers that are
	// known to want it in the host name. Others get it in the path always.
	PathStyle bool

	// PartTimeout ends a PutPart that makes no progress for so long. If zero,
	// a minute.
	PartTimeout time.Duration
}

// tokenField is the metadata that every object has: what its maker drew at
// random. A call that is made twice, because the first answer was lost, knows
// its own object by it.
const tokenField = "Comity-Token"

// probePrefix is below Config.Prefix and in no key.
const probePrefix = "-probe/"

// Bucket is an objects.Store in a bucket. All methods may be called concurrently.
type Bucket struct {
	Reader
	partTimeout time.Duration
	found       Found

	// completing: calls of Complete for one key in this process follow each
	// other, so that none sees the middle of another.
	seed       maphash.Seed
	completing [64]sync.Mutex
}

var _ objects.Store = (*Bucket)(nil)

// New opens the bucket, or makes it, and tries out what its server enforces: see
// Found, which also says what New does not accept. The configuration is not
// modified and not kept.
func New(ctx context.Context, cfg *Config) (*Bucket, error) {
	c, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	b := &Bucket{Reader: Reader{client: *c}, partTimeout: cfg.PartTimeout, seed: maphash.MakeSeed()}
	if b.partTimeout == 0 {
		b.partTimeout = time.Minute
	}
	if err := b.open(ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("opening bucket %q: %w", cfg.Bucket, err)
	}
	return b, nil
}

func (b *Bucket) open(ctx context.Context) error {
	if err := b.lockBucket(ctx); err != nil {
		return err
	}
	if err := b.probe(ctx); err != nil {
		return fmt.Errorf("probing the server: %w", err)
	}
	b.showsLocks = b.found.ShowsLocks
	return b.found.check()
}

// Found returns what New found out about the server.
func (b *Bucket) Found() Found { return b.found }

// lock returns the lock of a key for Complete.
func (b *Bucket) lock(key string) *sync.Mutex {
	return &b.completing[maphash.String(b.seed, key)%uint64(len(b.completing))]
}

// newToken returns 26 random letters and digits.
func newToken() string { return strings.ToLower(rand.Text()) }
