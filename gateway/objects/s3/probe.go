package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"comity.example/comity/gateway/objects"
	"github.com/minio/minio-go/v7"
)

// probeLock is how long the objects of a probe are locked. The next New removes
// them.
const probeLock = 10 * time.Second

// probe tries out what the server enforces, on objects of its own. It fails only
// where the server cannot be asked; what it enforces is for check to judge.
func (b *Bucket) probe(ctx context.Context) error {
	b.sweep(ctx)
	name := b.prefix + probePrefix + newToken()
	h, err := b.probePut(ctx, name)
	if err != nil {
		return err
	}
	if err := b.probeDigest(ctx, name+"-digest"); err != nil {
		return err
	}
	if err := b.probeSecond(ctx, name); err != nil {
		return err
	}
	if err := b.probeGovernance(ctx, name+"-governance"); err != nil {
		return fmt.Errorf("governance: %w", err)
	}
	if err := b.probeCompliance(ctx, name, h.Version); err != nil {
		return fmt.Errorf("compliance: %w", err)
	}
	return nil
}

// sweep removes what earlier probes left, if its lock has ended. It is for space
// only, and what fails is left to the next.
func (b *Bucket) sweep(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range b.meta.ListObjectsIter(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix + probePrefix, Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			return
		}
		b.meta.RemoveObject(ctx, b.bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID})
	}
}

// probePut makes the object of the probe and learns about checksums and the clock.
func (b *Bucket) probePut(ctx context.Context, name string) (head, error) {
	data := []byte(name)
	version, err := b.put(ctx, name, newToken(), data, true)
	if err != nil {
		return head{}, fmt.Errorf("putting: %w", fault(ctx, err))
	}
	h, err := b.head(ctx, name, version)
	if err != nil {
		return head{}, fmt.Errorf("reading back: %w", err)
	}
	if h.Version != version || h.Size != int64(len(data)) || h.token == "" {
		return head{}, fmt.Errorf("version %q of %d bytes is read back as %q of %d, with metadata %q", version, len(data), h.Version, h.Size, h.token)
	}
	b.found.KeepsChecksums = h.Digest == sha256.Sum256(data)
	if !h.date.IsZero() {
		b.found.Skew = time.Until(h.date).Truncate(time.Second)
	}
	return h, nil
}

// probeDigest puts a body that is not what is declared.
func (b *Bucket) probeDigest(ctx context.Context, name string) error {
	data, other := []byte("declared"), []byte("sent")
	sum := sha256.Sum256(data)
	made, err := b.parts.PutObject(ctx, b.bucket, name, bytes.NewReader(other), int64(len(other)), "", hex.EncodeToString(sum[:]), minio.PutObjectOptions{
		DisableContentSha256: true, UserMetadata: map[string]string{"x-amz-checksum-sha256": base64.StdEncoding.EncodeToString(sum[:])},
	})
	if err == nil {
		return b.remove(ctx, name, made.VersionID, objects.NoLock)
	}
	if !refused(err) {
		return fmt.Errorf("putting a wrong body: %w", fault(ctx, err))
	}
	_, err = b.head(ctx, name, "")
	b.found.RefusesDigest = errors.Is(err, objects.ErrNotExist)
	return nil
}

// probeSecond puts a second version where none is wanted.
func (b *Bucket) probeSecond(ctx context.Context, name string) error {
	version, err := b.put(ctx, name, newToken(), []byte("second"), true)
	if err == nil {
		return b.remove(ctx, name, version, objects.NoLock)
	}
	if !refused(err) {
		return fmt.Errorf("putting a second version: %w", fault(ctx, err))
	}
	b.found.RefusesSecond = true
	return nil
}

// until is when a lock of the probe ends, by the server's clock.
func (b *Bucket) until(d time.Duration) time.Time {
	return objects.CeilSecond(time.Now().Add(b.found.Skew + d))
}

func (b *Bucket) probeCompliance(ctx context.Context, name, version string) error {
	until := b.until(probeLock)
	if err := b.probeRetain(ctx, name, version, objects.Compliance, until); err != nil {
		return err
	}
	h, err := b.head(ctx, name, version)
	if err != nil {
		return err
	}
	if h.Mode != objects.Compliance || !h.RetainUntil.Equal(until) {
		return fmt.Errorf("asked for a lock until %v, the server shows %q until %v", until, h.Mode, h.RetainUntil)
	}
	if err := b.probeRetain(ctx, name, version, objects.Compliance, until.Add(-5*time.Second)); err != nil && !refused(err) {
		return fault(ctx, err)
	}
	if h, err = b.head(ctx, name, version); err != nil {
		return err
	}
	b.found.RefusesShorter = h.Mode == objects.Compliance && h.RetainUntil.Equal(until)
	b.found.LocksCompliance, err = b.holds(ctx, name, version, false)
	if err == nil && b.found.LocksCompliance {
		b.found.LocksCompliance, err = b.holds(ctx, name, version, true)
	}
	return err
}

func (b *Bucket) probeGovernance(ctx context.Context, name string) error {
	version, err := b.put(ctx, name, newToken(), []byte("governance"), true)
	if err != nil {
		return fault(ctx, err)
	}
	if err := b.probeRetain(ctx, name, version, objects.Governance, b.until(probeLock)); err != nil {
		return fault(ctx, err)
	}
	b.found.LocksGovernance, err = b.holds(ctx, name, version, false)
	if err == nil && b.found.LocksGovernance {
		b.found.RefusesBypass, err = b.holds(ctx, name, version, true)
	}
	return err
}

func (b *Bucket) probeRetain(ctx context.Context, name, version string, mode objects.Mode, until time.Time) error {
	kind := minio.RetentionMode(mode)
	return b.meta.PutObjectRetention(ctx, b.bucket, name, minio.PutObjectRetentionOptions{Mode: &kind, RetainUntilDate: &until, VersionID: version})
}

// holds tries to delete a locked version and reports whether it can still be read.
func (b *Bucket) holds(ctx context.Context, name, version string, bypass bool) (bool, error) {
	said := b.meta.RemoveObject(ctx, b.bucket, name, minio.RemoveObjectOptions{VersionID: version, GovernanceBypass: bypass})
	if said != nil && !refused(said) {
		return false, fault(ctx, said)
	}
	r, o, _, err := b.meta.GetObject(ctx, b.bucket, name, minio.GetObjectOptions{VersionID: version})
	if err != nil && absent(err, version) {
		return false, nil
	}
	if err != nil {
		return false, fault(ctx, err)
	}
	b.found.ShowsLocks = o.Headers.Get(modeHeader) != ""
	return true, r.Close()
}
