package s3_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/s3"
	"comity.example/comity/gateway/objects/s3/s3server"
	"comity.example/comity/gateway/objects/s3/s3test"
	"github.com/minio/minio-go/v7"
)

// raw returns a client of the server that can do what the driver never does.
func raw(t *testing.T, cfg *s3.Config) *minio.Client {
	t.Helper()
	c, err := s3server.Client(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bypass deletes a version with the header that bypasses GOVERNANCE.
func bypass(t *testing.T, cfg *s3.Config, key, version string) error {
	t.Helper()
	return raw(t, cfg).RemoveObject(t.Context(), cfg.Bucket, cfg.Prefix+key, minio.RemoveObjectOptions{VersionID: version, GovernanceBypass: true})
}

func locked(t *testing.T, b *s3.Bucket, key string, mode objects.Mode) objects.Info {
	t.Helper()
	info, err := b.Put(t.Context(), key, []byte("what "+key+" holds"), objects.Create)
	if err != nil {
		t.Fatal(err)
	}
	if info, err = b.Lock(t.Context(), key, info.Version, mode, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	return info
}

func readable(t *testing.T, b *s3.Bucket, key, version string) bool {
	t.Helper()
	r, _, err := b.Get(t.Context(), key, version, 0, -1)
	if errors.Is(err, objects.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	return err == nil && string(text) == "what "+key+" holds"
}

// TestPayloadCannotBeDestroyed: nobody deletes a payload in its lock: not the
// relay, not its destroyer, not the server's root with the bypass header.
func TestPayloadCannotBeDestroyed(t *testing.T) {
	onEach(t, func(t *testing.T, s *s3test.Server) {
		prefix := fresh()
		root := s.RootConfig("evidence", prefix)
		b := open(t, s.Config("evidence", prefix))
		info := locked(t, b, "payload", objects.Compliance)
		y, err := s3.NewDestroyer(root)
		if err != nil {
			t.Fatal(err)
		}
		defer y.Close()
		if err := b.Delete(t.Context(), "payload", info.Version); !errors.Is(err, objects.ErrLocked) {
			t.Errorf("Delete = %v, want ErrLocked", err)
		}
		if err := y.Destroy(t.Context(), "payload", info.Version); !errors.Is(err, objects.ErrLocked) {
			t.Errorf("Destroy = %v, want ErrLocked", err)
		}
		if err := bypass(t, root, "payload", info.Version); minio.ToErrorResponse(err).StatusCode/100 != 4 {
			t.Errorf("deleting as root with bypass: %v, want a refusal", err)
		}
		if !readable(t, b, "payload", info.Version) {
			t.Error("the payload is gone")
		}
	})
}

// TestHeadIsDestroyedByItsDestroyerOnly: the relay's credential cannot, though it
// asks for the bypass.
func TestHeadIsDestroyedByItsDestroyerOnly(t *testing.T) {
	onEach(t, func(t *testing.T, s *s3test.Server) {
		if s.Access == s.RootAccess {
			t.Skip("NOT TESTED here: this server has one credential")
		}
		prefix := fresh()
		b := open(t, s.Config("evidence", prefix))
		if !b.Found().RefusesBypass {
			t.Errorf("the relay can bypass GOVERNANCE: %+v", b.Found())
		}
		info := locked(t, b, "head", objects.Governance)
		own, err := s3.NewDestroyer(s.Config("evidence", prefix))
		if err != nil {
			t.Fatal(err)
		}
		defer own.Close()
		if err := own.Destroy(t.Context(), "head", info.Version); !errors.Is(err, objects.ErrLocked) {
			t.Errorf("Destroy with the relay's credential = %v, want ErrLocked", err)
		}
		if err := bypass(t, s.Config("evidence", prefix), "head", info.Version); minio.ToErrorResponse(err).StatusCode != http.StatusForbidden {
			t.Errorf("deleting with the relay's credential and bypass: %v, want 403", err)
		}
		if !readable(t, b, "head", info.Version) {
			t.Fatal("the head is gone")
		}
		y, err := s3.NewDestroyer(s.RootConfig("evidence", prefix))
		if err != nil {
			t.Fatal(err)
		}
		defer y.Close()
		if err := y.Destroy(t.Context(), "head", info.Version); err != nil || readable(t, b, "head", info.Version) {
			t.Errorf("Destroy = %v, or the head is still there", err)
		}
	})
}

// TestFound: what New sees on the real servers. With root's credential it sees
// that this one could bypass.
func TestFound(t *testing.T) {
	onEach(t, func(t *testing.T, s *s3test.Server) {
		b := open(t, s.RootConfig("found", fresh()))
		f := b.Found()
		if !f.Made || !f.LocksCompliance || !f.RefusesShorter || !f.LocksGovernance || f.RefusesBypass || !f.RefusesDigest || !f.KeepsChecksums || !f.RefusesSecond {
			t.Errorf("found %+v", f)
		}
		if f.Skew.Abs() > 5*time.Second {
			t.Errorf("found %+v", f)
		}
		for k, err := range b.List(t.Context(), "") {
			t.Errorf("List gives %q, %v after the probe", k, err)
		}
		if open(t, s.RootConfig("found", fresh())).Found().Made {
			t.Error("the bucket was made twice")
		}
	})
}

// TestDefaultRetention: a bucket that locks everything by itself is not used.
func TestDefaultRetention(t *testing.T) {
	onEach(t, func(t *testing.T, s *s3test.Server) {
		cfg := s.RootConfig("defaults", fresh())
		open(t, cfg)
		mode, days, unit := minio.Governance, uint(2), minio.Days
		if err := raw(t, cfg).SetObjectLockConfig(t.Context(), cfg.Bucket, &mode, &days, &unit); err != nil {
			t.Fatal(err)
		}
		if _, err := s3.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "default retention") {
			t.Errorf("New = %v, want a refusal", err)
		}
	})
}

// TestPlainBucket: a bucket without Object Lock is not used, and not changed.
func TestPlainBucket(t *testing.T) {
	onEach(t, func(t *testing.T, s *s3test.Server) {
		cfg := s.RootConfig("plain", fresh())
		if err := raw(t, cfg).MakeBucket(t.Context(), cfg.Bucket, minio.MakeBucketOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s3.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "keeps no versions") {
			t.Errorf("New = %v, want a refusal", err)
		}
		if err := raw(t, cfg).EnableVersioning(t.Context(), cfg.Bucket); err != nil {
			t.Fatal(err)
		}
		if _, err := s3.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "no Object Lock") {
			t.Errorf("New = %v, want a refusal", err)
		}
	})
}
