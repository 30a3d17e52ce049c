// Package s3server runs versitygw, a real S3 server over a folder, as a child
// process on the loopback: for the demonstration, and for the tests of package
// s3test. The program is built from the module in test/s3 and kept in the user's
// cache.
//
// It refuses to link the server, which is no part of this module, to run one that
// was built from other sources than those that are here, and to leave one behind:
// versitygw ends when its standard input does, also if whoever started it is killed.
// It is no production storage: versitygw does not sync its files.
package s3server

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"comity.example/comity/gateway/objects/s3"
)

// Server is how to reach a running server.
type Server struct {
	URL    string
	CAFile string // PEM, empty without TLS

	// The relay's credential, and one that may do everything. A server that
	// knows only the second has it twice.
	Access, Secret         string
	RootAccess, RootSecret string

	roots *x509.CertPool
	cmd   *exec.Cmd
	in    io.Closer
	out   io.Reader
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

// Start runs the program of versitygw over a folder, which is made if it is
// missing, and returns when the server answers. Its log goes to errs. Over a folder
// of an earlier server it has the same credentials and certificate.
func Start(program, dir string, errs io.Writer) (*Server, error) {
	s := &Server{roots: x509.NewCertPool(), cmd: exec.Command(program, "-dir", dir)}
	s.cmd.Stderr = errs
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting versitygw: %v", err)
	}
	s.in, s.out = in, out
	if err := s.meet(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting versitygw over %q: %v", dir, err), s.Stop())
	}
	return s, nil
}

// meet reads the line that the server prints when it answers.
func (s *Server) meet() error {
	line, err := bufio.NewReader(s.out).ReadBytes('\n')
	if err != nil {
		return errors.New("it ended: its log says why")
	}
	var said struct {
		Endpoint, CA, Access, Secret string
		RootAccess                   string `json:"root_access"`
		RootSecret                   string `json:"root_secret"`
	}
	if json.Unmarshal(line, &said) != nil {
		return fmt.Errorf("it says %.80q", line)
	}
	s.URL, s.CAFile = "https://"+said.Endpoint, said.CA
	s.Access, s.Secret, s.RootAccess, s.RootSecret = said.Access, said.Secret, said.RootAccess, said.RootSecret
	text, err := os.ReadFile(said.CA)
	if err == nil && !s.roots.AppendCertsFromPEM(text) {
		err = errors.New("it is none")
	}
	if err != nil {
		return fmt.Errorf("reading its certificate: %v", err)
	}
	return nil
}

// grace is how long a server may take to end.
const grace = 30 * time.Second

// Stop ends the server in good order, and by force if it does not end in half a
// minute. It returns when the process is gone.
func (s *Server) Stop() error {
	s.in.Close()
	timer := time.AfterFunc(grace, func() { s.cmd.Process.Kill() })
	defer timer.Stop()
	io.Copy(io.Discard, s.out)
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("versitygw: %v", err)
	}
	return nil
}
