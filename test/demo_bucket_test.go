package test_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity.example/comity/gateway/objects/s3/s3test"
)

// bucket wants that the demonstration says of the bucket what it must, and that the
// tries were refused.
func (d *demonstration) bucket(t *testing.T) {
	listed, err := os.ReadFile(filepath.Join(d.out, "bucket.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^payloads/../[a-z2-7]{26}/payload\.000  version \S+  \d+ bytes  COMPLIANCE until 20\d\d-\S+Z$`,
		`(?m)^heads/../[a-z2-7]{26}/head  version \S+  \d+ bytes  GOVERNANCE until 20\d\d-\S+Z$`,
		`(?m)^heads/../[a-z2-7]{26}/inner\.age  version \S+  \d+ bytes  GOVERNANCE until 20\d\d-\S+Z$`,
		`(?m)^log/checkpoint  version \S+  \d+ bytes  no lock$`,
		`(?m)^records/`, `(?m)^annexes/`,
	} {
		if !regexp.MustCompile(want).Match(listed) {
			t.Errorf("bucket.txt has no line %s:\n%s", want, listed)
		}
	}
	for _, want := range []string{"COMPLIANCE holds against deletion", "refused without bypass: 403", "the copy is gone", "\n         clean\n"} {
		if !strings.Contains(d.said, want) {
			t.Errorf("the demonstration does not say %q:\n%s", want, d.said)
		}
	}
	if n := strings.Count(d.said, "refused with bypass: 403"); n != 3 {
		t.Errorf("%d deletions with bypass were refused, want 3", n)
	}
	d.gone(t)
}

var listening = regexp.MustCompile(`(?:listens on |answers at https://)(127\.0\.0\.1:\d+)`)

// gone wants that nobody listens any more where the demonstration's servers did.
func (d *demonstration) gone(t *testing.T) {
	t.Helper()
	found := listening.FindAllStringSubmatch(d.said, -1)
	if len(found) != 2 {
		t.Fatalf("the demonstration names %d servers:\n%s", len(found), d.said)
	}
	for _, address := range found {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(time.Minute); ; <-tick.C {
			c, err := net.Dial("tcp", address[1])
			if err != nil {
				break
			}
			c.Close()
			if time.Now().After(deadline) {
				t.Fatalf("something still listens on %s", address[1])
			}
		}
	}
}

// TestDemoInterrupted: neither relay nor S3 server outlives a demonstration that is
// interrupted, or killed, in the middle.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	s3test.NeedVersitygw(t)
	for name, signal := range map[string]os.Signal{"interrupted": os.Interrupt, "killed": os.Kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(filepath.Join(programs, "demo"), "-s3", "-out", filepath.Join(vanishing(t), "out"))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			d := &demonstration{}
			for r := bufio.NewReader(out); ; {
				line, err := r.ReadString('\n')
				if d.said += line; err != nil {
					break
				}
				if strings.Contains(line, "listens on ") {
					if err := cmd.Process.Signal(signal); err != nil {
						t.Fatal(err)
					}
				}
			}
			io.Copy(io.Discard, out)
			if err := cmd.Wait(); err == nil {
				t.Errorf("it succeeds:\n%s", d.said)
			}
			d.gone(t)
		})
	}
}

// vanishing is t.TempDir for programs that may still write when the test ends: a
// command that a demonstration was running when it was killed ends by itself soon.
func vanishing(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "comity-vanishing-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(time.Minute); ; <-tick.C {
			err := os.RemoveAll(dir)
			if err == nil {
				return
			}
			if time.Now().After(deadline) {
				t.Error(err)
				return
			}
		}
	})
	return dir
}
