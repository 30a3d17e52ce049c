// Package s3test starts real S3 servers for tests, as child processes on the
// loopback: versitygw, by package s3server, and MinIO.
//
// Building them takes minutes and the module proxy, once. So a test that needs a
// server is skipped, and says how to build it, unless it is built already or
// COMITY_TEST_REQUIRE is "all". MinIO runs if COMITY_TEST_MINIO names its program,
// or if COMITY_TEST_REQUIRE is "all".
//
// It refuses to link a server: nothing of them is in this module.
package s3test

import (
	"os"
	"strings"
	"testing"

	"comity.example/comity/gateway/objects/s3/s3server"
)

// Server is how to reach a running server. It stops when its test ends.
type Server = s3server.Server

// Versitygw starts versitygw over a new folder.
func Versitygw(t *testing.T) *Server {
	t.Helper()
	return VersitygwOver(t, t.TempDir())
}

// VersitygwOver starts versitygw over a folder, which must be there as long as the
// test runs.
func VersitygwOver(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := s3server.Start(NeedVersitygw(t), dir, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	return s
}

// NeedVersitygw returns the program of versitygw. It skips the test if that is not
// built, or builds it where nothing may be skipped.
func NeedVersitygw(t *testing.T) string {
	t.Helper()
	p, err := s3server.Versitygw()
	if err != nil {
		t.Fatal(err)
	}
	return built(t, p)
}

// built returns the path of a program, builds it if it must, and skips or fails the
// test if it cannot.
func built(t *testing.T, p *s3server.Program) string {
	t.Helper()
	if !p.Built() && !required() {
		t.Skipf("NOT TESTED: a real S3 server is not built; to build it, once: %s", strings.Join(p.Command, " "))
	}
	if err := p.Build(t.Context()); err != nil {
		t.Fatalf("COMITY_TEST_REQUIRE is all, and: %v", err)
	}
	return p.Path
}

func required() bool { return os.Getenv("COMITY_TEST_REQUIRE") == "all" }
