package s3

import (
	"context"
	"errors"
	"fmt"

	"github.com/minio/minio-go/v7"
)

// lockBucket finds the bucket, or makes it with Object Lock, and reads how it is
// set. A bucket without Object Lock is left as it is: turning it on is not
// possible everywhere, and would be a change to somebody's data.
func (b *Bucket) lockBucket(ctx context.Context) error {
	there, err := b.meta.BucketExists(ctx, b.bucket)
	if err != nil {
		return fault(ctx, err)
	}
	if !there {
		err := b.meta.MakeBucket(ctx, b.bucket, minio.MakeBucketOptions{Region: b.region, ObjectLocking: true})
		if err != nil && answer(err).Code != minio.BucketAlreadyOwnedByYou { // another replica was faster
			return fmt.Errorf("making it with Object Lock: %w", fault(ctx, err))
		}
		b.found.Made = err == nil
	}
	v, err := b.meta.GetBucketVersioning(ctx, b.bucket)
	if err != nil {
		return fmt.Errorf("reading its versioning: %w", fault(ctx, err))
	}
	if !v.Enabled() {
		return fmt.Errorf("it keeps no versions (status %.20q): name a new bucket, which is then made with Object Lock", v.Status)
	}
	return b.lockConfig(ctx)
}

func (b *Bucket) lockConfig(ctx context.Context) error {
	status, mode, validity, _, err := b.meta.GetObjectLockConfig(ctx, b.bucket)
	if answer(err).Code == "ObjectLockConfigurationNotFoundError" || err == nil && status != "Enabled" {
		return errors.New("it has no Object Lock: name a new bucket, which is then made with it")
	}
	if err != nil {
		return fmt.Errorf("reading its Object Lock: %w", fault(ctx, err))
	}
	if mode != nil && *mode != "" || validity != nil && *validity > 0 { // some send an empty rule
		// It would lock every tile and checkpoint of the log, for longer than
		// they are of use, and some servers do not show such a lock.
		return errors.New("it has a default retention: take it off, the relay locks each object that needs it")
	}
	return nil
}
