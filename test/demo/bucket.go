package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"comity.example/comity/gateway/objects/s3/s3server"
)

const bucketName = "evidence"

// openBucket starts the S3 server and returns the flags with which an operator
// makes a relay on it; without -s3 there are none.
func (w *world) openBucket() (flags []string, err error) {
	if !w.s3 {
		return nil, nil
	}
	program, err := w.versitygw()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join("relay", "versitygw")
	if err := os.MkdirAll(w.path("relay"), 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(w.path("relay", "versitygw.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	fmt.Printf("  %-6s $ versitygw -dir %s &\n", "s3", dir)
	if w.server, err = s3server.Start(program, w.path(dir), log); err != nil {
		return nil, fmt.Errorf("%w (see relay/versitygw.log; the folder must be on a file system with extended attributes)", err)
	}
	quote("an S3 server with Object Lock answers at " + w.server.URL)
	access, secret := filepath.Join("keys", "s3-access"), filepath.Join("keys", "s3-secret")
	for name, text := range map[string]string{access: w.server.Access, secret: w.server.Secret} {
		if err := os.WriteFile(w.path(name), []byte(text+"\n"), 0o600); err != nil {
			return nil, err
		}
	}
	return []string{"--s3-endpoint", w.server.URL, "--s3-bucket", bucketName, "--s3-access-file", access,
		"--s3-secret-file", secret, "--s3-ca-file", filepath.Join(dir, "cert.pem")}, nil
}

// versitygw returns the program of the S3 server, and builds it the first time.
func (w *world) versitygw() (string, error) {
	p, err := s3server.Versitygw()
	if err != nil {
		return "", fmt.Errorf("%w\nhint: start the demonstration in the folder of the sources, or without -s3", err)
	}
	if !p.Built() {
		fmt.Println("  building versitygw, once: this takes minutes")
	}
	err = p.Build(w.ctx)
	if w.ctx.Err() != nil {
		return "", errors.New("interrupted")
	}
	if err != nil {
		return "", fmt.Errorf("%w\nhint: the first time, the modules of the S3 server come from the module proxy (go env GOPROXY); without one, run without -s3", err)
	}
	return p.Path, nil
}

// closeBucket ends the S3 server.
func (w *world) closeBucket() error {
	s := w.server
	if s == nil {
		return nil
	}
	w.server = nil
	return s.Stop()
}

// probed shows what the relay finds out about its bucket before it uses it.
func (w *world) probed() error {
	if !w.s3 {
		return nil
	}
	said, err := w.run("relay", "comity-gateway", "check", "--data", "relay")
	quote(said)
	return err
}

// bucket shows what lies in the bucket, who can delete what, and that all of it is
// as the log says.
func (w *world) bucket() error {
	if !w.s3 {
		return nil
	}
	if err := w.inventory(); err != nil {
		return fmt.Errorf("reading the bucket: %w", err)
	}
	title("13. Who can delete the evidence, and who its key?")
	if err := w.tries(); err != nil {
		return fmt.Errorf("trying to delete: %w", err)
	}
	title("14. The operator recomputes everything: the log, every entry by the rules, every byte of every object.")
	said, err := w.run("relay", "comity-gateway", "fsck", "--data", "relay", "--deep", "--recovery", filepath.Join("relay", "recovery", "identity.txt"))
	if err != nil {
		return err
	}
	quote(said)
	return w.closeBucket()
}
