package s3test

import (
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"comity.example/comity/gateway/objects/s3/s3server"
)

// minioModule is the last version of a program that is maintained no more: AGPL,
// so it runs beside the tests and is never part of them.
const minioModule = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"

// MinIO starts MinIO, over HTTP.
func MinIO(t *testing.T) *Server {
	t.Helper()
	program := os.Getenv("COMITY_TEST_MINIO")
	if program == "" {
		if !required() {
			t.Skip("NOT TESTED: COMITY_TEST_MINIO names no MinIO; to build one: go install " + minioModule)
		}
		cache, err := s3server.Cache()
		if err != nil {
			t.Fatal(err)
		}
		program = built(t, &s3server.Program{
			Path: filepath.Join(cache, s3server.ProgramName("minio")), Command: []string{"go", "install", minioModule},
		})
	}
	s := &Server{RootAccess: "root", RootSecret: rand.Text()}
	s.Access, s.Secret = s.RootAccess, s.RootSecret
	address := freePort(t)
	s.URL = "http://" + address
	cmd := exec.Command(program, "server", "--quiet", "--address", address, "--console-address", freePort(t), t.TempDir())
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+s.RootAccess, "MINIO_ROOT_PASSWORD="+s.RootSecret, "MINIO_UPDATE=off")
	out := start(t, cmd)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, 4096); ; {
			if _, err := out.Read(b); err != nil {
				return
			}
		}
	}()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		if r, err := http.Get(s.URL + "/minio/health/ready"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return s
			}
		}
		select {
		case <-ended:
			t.Fatal("MinIO ended before it was ready")
		case <-t.Context().Done():
			t.Fatal("MinIO is not ready")
		case <-tick.C:
		}
	}
}

// freePort returns an address of the loopback: MinIO does not tell which port it
// got for port 0.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts MinIO, which ends with the test, by a signal to this one process.
func start(t *testing.T, cmd *exec.Cmd) io.Reader {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		io.Copy(io.Discard, out)
		cmd.Wait()
	})
	return out
}
