package s3server_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/gateway/objects/s3/s3server"
	"comity.example/comity/gateway/objects/s3/s3test"
)

// TestStop: a server answers until it is stopped, and over the same folder it has
// the same credentials and certificate again.
func TestStop(t *testing.T) {
	program, dir := s3test.NeedVersitygw(t), t.TempDir()
	var first *s3server.Server
	for range 2 {
		var log bytes.Buffer
		s, err := s3server.Start(program, dir, &log)
		if err != nil {
			t.Fatal(err)
		}
		c, err := s3server.Client(s.RootConfig("evidence", ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.BucketExists(t.Context(), "evidence"); err != nil {
			t.Errorf("a running server: %v", err)
		}
		if err := s.Stop(); err != nil {
			t.Errorf("stopping: %v\n%s", err, &log)
		}
		if _, err := c.BucketExists(t.Context(), "evidence"); err == nil {
			t.Error("a stopped server answers")
		}
		if first == nil {
			first = s
		} else if s.Access != first.Access || s.RootSecret != first.RootSecret || s.CAFile != first.CAFile {
			t.Error("the second server has other credentials")
		}
	}
}

// TestNoServer: a folder that cannot be one, a program that is none.
func TestNoServer(t *testing.T) {
	program := s3test.NeedVersitygw(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s3server.Start(program, file, t.Output()); err == nil || !strings.Contains(err.Error(), "its log says why") {
		t.Errorf("over a file: %v", err)
	}
	if _, err := s3server.Start(file, t.TempDir(), t.Output()); err == nil {
		t.Error("a file without a program was started")
	}
}

// TestBuild: what cannot be built says why, and leaves nothing behind.
func TestBuild(t *testing.T) {
	dir := t.TempDir()
	p := &s3server.Program{Path: filepath.Join(dir, "program"), Command: []string{"go", "build", "-o", filepath.Join(dir, "program"), "./none"}}
	err := p.Build(t.Context())
	if err == nil || !strings.Contains(err.Error(), "none") || p.Built() {
		t.Errorf("Build = %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// TestElsewhere: away from the sources there is no program.
func TestElsewhere(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := s3server.Versitygw(); err == nil || !strings.Contains(err.Error(), "sources of Comity") {
		t.Errorf("Versitygw = %v", err)
	}
}
