// Package verifier runs a program that reads a forensic image to its end and says
// whether it is whole. Which programs may run stands in the settings of the machine,
// by absolute path; the image is the only thing that comes from elsewhere.
//
// It refuses to believe. What the program says is taken down beside the hash of the
// program's file, for others to ask about. There is no shell, no search path and no
// environment; the program's time and the bytes of its output are bounded; of the
// output nothing is kept but hashes in the form that ewfverify prints.
package verifier

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"comity.example/comity/custody/acquisition"
)

const (
	// MaxTime is how long a program may read one image. Terabytes take hours.
	MaxTime = 24 * time.Hour

	maxOutput   = 64 << 10         // bytes; what a program says beyond is dropped
	versionTime = 10 * time.Second // to say its version
	graceTime   = 5 * time.Second  // for others that hold its output open
)

// Run lets the program read the image whose first segment is the file at path, and
// returns what it said; the segment is left for the caller to name. An error is one of
// running it: a program that finds the image damaged gives none, but its exit status.
// Status -1 is that of a program that was stopped, also for want of time.
func Run(ctx context.Context, program, path string, limit time.Duration) (*acquisition.Assertion, error) {
	a := &acquisition.Assertion{Program: filepath.Base(program)}
	var err error
	if a.SHA256, err = hashFile(program); err != nil {
		return nil, fmt.Errorf("reading verifier %q: %w", program, err)
	}
	out, _, err := start(ctx, versionTime, program, "-V")
	if err != nil {
		return nil, err
	}
	if line := firstLine(out); line != "" {
		a.Program = line
	}
	if out, a.Exit, err = start(ctx, limit, program, "-q", "-d", "sha1,sha256", path); err != nil {
		return nil, err
	}
	a.Media = said(out)
	return a, nil
}

// start runs the program and returns the first bytes of its output and its status.
func start(ctx context.Context, limit time.Duration, program string, args ...string) ([]byte, int64, error) {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(bounded, program, args...)
	cmd.Env = []string{} // nil would be ours
	cmd.Dir = filepath.Dir(program)
	cmd.WaitDelay = graceTime
	out := &head{}
	cmd.Stdout = out
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, 0, fmt.Errorf("running verifier %q: %w", program, ctx.Err())
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out.kept, 0, nil
	case errors.As(err, &exit):
		return out.kept, int64(exit.ExitCode()), nil
	case bounded.Err() != nil || errors.Is(err, exec.ErrWaitDelay):
		return out.kept, -1, nil
	}
	return nil, 0, fmt.Errorf("running verifier %q: %w", program, err)
}

// head keeps the first bytes that are written and takes all. It has no other method:
// one that reads for itself would be preferred to Write, and know no bound.
type head struct{ kept []byte }

// Write implements io.Writer.
func (h *head) Write(b []byte) (int, error) {
	h.kept = append(h.kept, b[:min(len(b), maxOutput-len(h.kept))]...)
	return len(b), nil
}

// firstLine is the first line of an output, if it is short and harmless.
func firstLine(out []byte) string {
	line, _, _ := bytes.Cut(out, []byte("\n"))
	s := strings.TrimSpace(string(line))
	if len(s) > acquisition.MaxLine || !plain.MatchString(s) {
		return ""
	}
	return s
}

var (
	plain      = regexp.MustCompile(`^[ -~]+$`)
	calculated = regexp.MustCompile(`(?m)^(MD5|SHA1|SHA256) hash calculated over data:\s*([0-9a-f]+)\s*$`)
)

// said finds the hashes of the media that the program computed.
func said(out []byte) (h acquisition.Hashes) {
	for _, m := range calculated.FindAllSubmatch(out, -1) {
		switch kind, value := string(m[1]), string(m[2]); {
		case kind == "MD5" && len(value) == 32:
			h.MD5 = value
		case kind == "SHA1" && len(value) == 40:
			h.SHA1 = value
		case kind == "SHA256" && len(value) == 64:
			h.SHA256 = value
		}
	}
	return h
}

func hashFile(path string) (sum [32]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}
