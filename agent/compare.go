package agent

import (
	"context"
	"crypto/md5"  // only to compare with what an examiner's tool reported
	"crypto/sha1" // likewise
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"

	"comity.example/comity/agent/internal/image"
	"comity.example/comity/agent/internal/verifier"
	"comity.example/comity/custody/acquisition"
)

// compare reads a file if the examiner gives a hash of it.
func (q *acquiring) compare(ctx context.Context, f *acquisition.File) error {
	if f.Hashes.IsZero() {
		return nil
	}
	file, err := q.src.Open(q.items[f.Path])
	if err != nil {
		return err
	}
	defer file.Close()
	var w []io.Writer
	due := map[hash.Hash]string{}
	for _, h := range []struct {
		given string
		new   func() hash.Hash
	}{{f.Hashes.MD5, md5.New}, {f.Hashes.SHA1, sha1.New}, {f.Hashes.SHA256, sha256.New}} {
		if h.given != "" {
			sum := h.new()
			due[sum] = h.given
			w = append(w, sum)
		}
	}
	// One byte more than the inventory says shows a file that has grown.
	n, err := io.CopyBuffer(io.MultiWriter(w...), io.LimitReader(&counted{ctx, file, q}, f.Size+1), make([]byte, 1<<20))
	if err != nil {
		return fmt.Errorf("reading %q: %w", f.Path, err)
	}
	if n != f.Size {
		return fmt.Errorf("reading %q: its size has changed since the inventory was made", f.Path)
	}
	for sum, given := range due {
		if got := hex.EncodeToString(sum.Sum(nil)); got != given {
			return fmt.Errorf("comparing %q with the acquisition file: its hash is %s, the examiner gives %s: %w", f.Path, got, given, ErrVerify)
		}
	}
	return nil
}

// counted is a reader that ends with its context and tells how far it is.
type counted struct {
	ctx context.Context
	r   io.Reader
	q   *acquiring
}

// Read implements io.Reader.
func (c *counted) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(b)
	c.q.done += int64(n)
	c.q.x.a.progress(Progress{Act: "comparing hashes", Done: c.q.done, Total: c.q.total})
	return n, err
}

// verify lets the verifiers of this machine read each image, and compares what they
// computed with what the examiner gives.
func (q *acquiring) verify(ctx context.Context, r *acquisition.Record) error {
	dir, err := filepath.Abs(q.x.dir)
	if err != nil {
		return err
	}
	for i := range r.Images {
		m := &r.Images[i]
		if m.Format != image.EWF && m.Format != image.EWF2 {
			continue
		}
		if q.x.capture != nil {
			q.unverified(m)
			continue
		}
		for _, program := range q.x.a.home.Config.Verifiers {
			fmt.Fprintf(q.x.a.out, "%q reads image %q\n", program, m.Segments[0])
			a, err := verifier.Run(ctx, program, filepath.Join(dir, filepath.FromSlash(m.Segments[0])), verifier.MaxTime)
			if err != nil {
				return err
			}
			if a.Exit != 0 {
				fmt.Fprintf(q.x.a.out, "warning: image %q: %q ended with status %d\n", m.Segments[0], a.Program, a.Exit)
			}
			if err := differ(m.Media, a.Media); err != nil {
				return fmt.Errorf("comparing what image %q holds with the acquisition file: %w: %w", m.Segments[0], err, ErrVerify)
			}
			a.Segment = m.Segments[0]
			r.Assertions = append(r.Assertions, *a)
		}
	}
	return nil
}

// unverified says, in the record too, that no verifier of this machine has read an
// image: they read files, and of what was captured there is none.
func (q *acquiring) unverified(m *acquisition.Image) {
	if len(q.x.a.home.Config.Verifiers) == 0 {
		return
	}
	const says = "no verifier has read it, since it was captured and is no file"
	fmt.Fprintf(q.x.a.out, "warning: image %q: %s\n", m.Segments[0], says)
	m.Findings = append([]string{says}, m.Findings...)
	m.Findings = m.Findings[:min(len(m.Findings), acquisition.MaxFindings)]
}

// differ says which hash of the media is not the one given. One that either side does
// not have is not compared.
func differ(given, got acquisition.Hashes) error {
	var list []error
	for _, h := range [][2]string{{given.MD5, got.MD5}, {given.SHA1, got.SHA1}, {given.SHA256, got.SHA256}} {
		if h[0] != "" && h[1] != "" && h[0] != h[1] {
			list = append(list, fmt.Errorf("the verifier computed %s, the examiner gives %s", h[1], h[0]))
		}
	}
	return errors.Join(list...)
}
