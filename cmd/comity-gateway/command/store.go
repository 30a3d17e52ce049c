package command

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"comity.example/comity/config"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/gateway/objects/s3"
)

// openStore opens the bucket that the settings name, or else the folder.
func (r *relay) openStore(ctx context.Context, log *slog.Logger) error {
	if r.cfg.S3 == nil {
		d, err := dir.New(filepath.Join(r.cfg.Data, storeFolder))
		if err != nil {
			return err
		}
		r.store, r.destroyer, r.closeStore = d, dir.NewDestroyer(d), d.Close
		return nil
	}
	if err := notBoth(r.cfg); err != nil {
		return err
	}
	cfg, err := bucketConfig(r.cfg.S3)
	if err != nil {
		return err
	}
	b, err := s3.New(ctx, cfg)
	if err != nil {
		return err
	}
	if err := r.openDestroyer(*cfg); err != nil {
		b.Close()
		return err
	}
	found := b.Found()
	r.store, r.closeStore, r.found = b, b.Close, &found
	log.InfoContext(ctx, "probed the object store", "endpoint", cfg.Endpoint, "bucket", cfg.Bucket, "found", found)
	return nil
}

// openDestroyer opens the bucket with the credential that may delete heads, if the
// settings name one. It must be another than the relay's: that one's is kept from
// doing so whatever goes wrong in a handler.
func (r *relay) openDestroyer(cfg s3.Config) error {
	if r.cfg.S3.DestroyAccessKeyFile == "" {
		return nil
	}
	access, err := secret(r.cfg.S3.DestroyAccessKeyFile)
	if err != nil {
		return err
	}
	if access == cfg.AccessKey {
		return errors.New("opening the store: the credential that destroys heads is the relay's own")
	}
	cfg.AccessKey = access
	if cfg.SecretKey, err = secret(r.cfg.S3.DestroySecretKeyFile); err != nil {
		return err
	}
	d, err := s3.NewDestroyer(&cfg)
	if err != nil {
		return err
	}
	r.destroyer = d
	return nil
}

// readBucket opens the bucket that the settings name for a check, which changes
// nothing in it.
func readBucket(ctx context.Context, c *config.Gateway) (*s3.Reader, error) {
	if err := notBoth(c); err != nil {
		return nil, err
	}
	cfg, err := bucketConfig(c.S3)
	if err != nil {
		return nil, err
	}
	return s3.NewReader(ctx, cfg)
}

// notBoth refuses a bucket for a relay that has a folder with a log in it: going
// on in another place would lose what the folder holds.
func notBoth(c *config.Gateway) error {
	folder := filepath.Join(c.Data, storeFolder)
	if _, err := os.Lstat(filepath.Join(folder, "objects", "log")); err == nil {
		return hinted{fmt.Errorf("opening the store: the settings name a bucket, and %q holds a log", folder), "a relay keeps the store that it began with: take s3 out of gateway.yaml"}
	}
	return nil
}

// bucketConfig reads the files that the section s3 names.
func bucketConfig(c *config.S3) (*s3.Config, error) {
	access, err := secret(c.AccessKeyFile)
	if err != nil {
		return nil, err
	}
	key, err := secret(c.SecretKeyFile)
	if err != nil {
		return nil, err
	}
	out := &s3.Config{
		Endpoint: c.Endpoint, Bucket: c.Bucket, Prefix: c.Prefix, Region: c.Region,
		AccessKey: access, SecretKey: key, PathStyle: c.PathStyle,
	}
	if c.CAFile == "" {
		return out, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading ca_file: %v", err)
	}
	out.RootCAs = x509.NewCertPool()
	if !out.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading ca_file %q: it holds no certificate", c.CAFile)
	}
	return out, nil
}

// secret reads a file with one line.
func secret(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading secret: %v", err)
	}
	s := strings.TrimSpace(string(b))
	if s == "" || strings.ContainsAny(s, "\n\r") {
		return "", fmt.Errorf("reading secret %q: it is not one line", path)
	}
	return s, nil
}

// printStore says where the objects are, and what their server enforces.
func (a *app) printStore(r *relay) {
	if r.found == nil {
		a.print("store        %s", filepath.Join(r.cfg.Data, storeFolder))
		return
	}
	a.print("store        bucket %q at %s", r.cfg.S3.Bucket, r.cfg.S3.Endpoint)
	for _, l := range r.found.Lines() {
		a.print("             %s", l)
	}
	if r.destroyer == nil {
		a.print("             the head of a recalled package stays until its lock ends, handed out to nobody: no destroy_access_key_file")
	} else {
		a.print("             the head of a recalled package is destroyed at once")
	}
}
