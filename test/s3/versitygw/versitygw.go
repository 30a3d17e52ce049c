// Command versitygw is a real S3 server for tests: versitygw over a folder, on
// the loopback, with a TLS certificate made for the run.
//
//	versitygw -dir FOLDER [-listen 127.0.0.1:0]
//
// It prints one line of JSON when it answers, and stops when standard input
// closes, so that it never outlives the test that started it:
//
//	{"endpoint":"127.0.0.1:1234","ca":"/…/cert.pem",
//	 "access":"relay","secret":"…","root_access":"root","root_secret":"…"}
//
// The first pair of keys is an account that makes buckets of its own and may not
// bypass governance; the second may do everything. The keys are made once for a
// folder, so that a restart serves the same clients.
//
// It refuses to be production storage: versitygw does not sync its files.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// server is what the line of JSON says.
type server struct {
	Endpoint   string `json:"endpoint"`
	CA         string `json:"ca"`
	Access     string `json:"access"`
	Secret     string `json:"secret"`
	RootAccess string `json:"root_access"`
	RootSecret string `json:"root_secret"`
}

func main() {
	dir := flag.String("dir", "", "folder for everything that is kept")
	listen := flag.String("listen", "127.0.0.1:0", "address of the loopback to listen on")
	flag.Parse()
	if err := run(*dir, *listen); err != nil {
		fmt.Fprintf(os.Stderr, "versitygw: error: %v\n", err)
		os.Exit(1)
	}
}

func run(dir, listen string) error {
	if dir == "" || flag.NArg() > 0 {
		return errors.New("usage: versitygw -dir FOLDER [-listen HOST:PORT]")
	}
	// posix.New changes the working directory: everything must be absolute.
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	out := os.Stdout
	os.Stdout = os.Stderr // the line is all that a test finds on standard output
	s, key, err := prepare(dir)
	if err != nil {
		return err
	}
	be, err := posix.New(filepath.Join(dir, "objects"), meta.XattrMeta{}, posix.PosixOpts{
		VersioningDir: filepath.Join(dir, "versions"), NewDirPerm: 0o700, CopyObjectThreshold: 5 << 30,
	})
	if err != nil {
		return fmt.Errorf("opening %q: %v", dir, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if s.Endpoint, err = free(listen); err != nil {
		return err
	}
	go func() {
		if err := s.answers(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "versitygw: error: %v\n", err)
			stop()
			return
		}
		json.NewEncoder(out).Encode(s)
	}()
	return embedgw.RunVersityGW(ctx, be, &embedgw.Config{
		RootUserAccess: s.RootAccess, RootUserSecret: s.RootSecret, IAMService: s.accounts(),
		Region: "us-east-1", Ports: []string{s.Endpoint}, MaxConnections: 4096, MaxRequests: 2048, MultipartMaxParts: 10000,
		CertFile: s.CA, KeyFile: key, Quiet: true, KeepAlive: true, HealthPath: "/healthz",
	})
}

// accounts are the accounts beside root: the relay's.
func (s server) accounts() auth.IAMService {
	return auth.NewIAMServiceSingle(auth.Account{Access: s.Access, Secret: s.Secret, Role: auth.RoleUserPlus})
}
