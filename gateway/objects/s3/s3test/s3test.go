// Package s3test starts real S3 servers for tests, as child processes on the
// loopback: versitygw, built from the module in test/s3, and MinIO.
//
// Building them takes minutes and the module proxy, once. So a test that needs a
// server is skipped, and says how to build it, unless it is built already or
// COMITY_TEST_REQUIRE is "all". MinIO runs if COMITY_TEST_MINIO names its program,
// or if COMITY_TEST_REQUIRE is "all".
//
// It refuses to link a server: nothing of them is in this module.
package s3test

import (
	"bufio"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/gateway/objects/s3"
)

// Server is a running server. It stops when its test ends.
type Server struct {
	URL    string
	CAFile string // PEM, empty without TLS

	// The relay's credential, and one that may do everything. MinIO has only
	// the second, twice.
	Access, Secret         string
	RootAccess, RootSecret string

	roots *x509.CertPool
}

// Config returns the settings of a relay for a bucket of this server.
func (s *Server) Config(bucket, prefix string) *s3.Config {
	return &s3.Config{Endpoint: s.URL, Bucket: bucket, Prefix: prefix, AccessKey: s.Access, SecretKey: s.Secret, RootCAs: s.roots}
}

// RootConfig is Config with the credential that may do everything.
func (s *Server) RootConfig(bucket, prefix string) *s3.Config {
	c := s.Config(bucket, prefix)
	c.AccessKey, c.SecretKey = s.RootAccess, s.RootSecret
	return c
}

// Versitygw starts versitygw.
func Versitygw(t *testing.T) *Server {
	t.Helper()
	program := versitygw(t)
	cmd := exec.Command(program, "-dir", t.TempDir())
	out := start(t, cmd, t.Output())
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("versitygw did not start: %v", err)
	}
	var said struct {
		Endpoint, CA, Access, Secret string
		RootAccess                   string `json:"root_access"`
		RootSecret                   string `json:"root_secret"`
	}
	if err := json.Unmarshal(line, &said); err != nil {
		t.Fatalf("versitygw says %q: %v", line, err)
	}
	s := &Server{
		URL: "https://" + said.Endpoint, CAFile: said.CA, Access: said.Access, Secret: said.Secret,
		RootAccess: said.RootAccess, RootSecret: said.RootSecret, roots: x509.NewCertPool(),
	}
	text, err := os.ReadFile(said.CA)
	if err != nil || !s.roots.AppendCertsFromPEM(text) {
		t.Fatalf("reading the server's certificate: %v", err)
	}
	return s
}

// start starts a server that ends with the test: when its standard input closes,
// or, if it does not look there, by a signal to this one process.
func start(t *testing.T, cmd *exec.Cmd, errs io.Writer) io.Reader {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if filepath.Base(cmd.Path) != programName("versitygw") {
			cmd.Process.Kill()
		}
		io.Copy(io.Discard, out)
		cmd.Wait()
	})
	return out
}

// versitygw returns the program, built from the sources as they are now.
func versitygw(t *testing.T) string {
	t.Helper()
	module := filepath.Join(root(t), "test", "s3")
	h := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "versitygw/versitygw.go", "versitygw/prepare.go"} {
		b, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%d %s\n%s", len(b), name, b)
	}
	program := filepath.Join(cache(t), fmt.Sprintf("versitygw-%.8x", h.Sum(nil)), programName("versitygw"))
	return built(t, program, "go", "build", "-C", module, "-o", program, "./versitygw")
}

// built returns a program, builds it if it must, and skips or fails the test if it
// cannot.
func built(t *testing.T, program string, build ...string) string {
	t.Helper()
	if _, err := os.Stat(program); err == nil {
		return program
	}
	if !required() {
		t.Skipf("NOT TESTED: a real S3 server is not built; to build it, once: %s", strings.Join(build, " "))
	}
	cmd := exec.Command(build[0], build[1:]...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+filepath.Dir(program))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %q, and COMITY_TEST_REQUIRE is all: %v\n%s", program, err, out)
	}
	return program
}

func required() bool { return os.Getenv("COMITY_TEST_REQUIRE") == "all" }

// cache returns the folder for built servers.
func cache(t *testing.T) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("NOT TESTED: no place for a real S3 server: %v", err)
	}
	return filepath.Join(dir, "comity-test")
}

// root returns the folder of the main module.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(b), "module comity.example/comity\n") {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("the main module is not above the working directory")
		}
		dir = up
	}
}
