package tsa

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"comity.example/comity/test/need"
)

// OpenSSL stamps with "openssl ts": an authority that shares no code with us. Its
// time is the machine's.
type OpenSSL struct {
	*Authority
	t       testing.TB
	program string
	dir     string
	mu      sync.Mutex
	n       int
}

const config = `[tsa]
dir = %[1]s
serial = $dir/serial
signer_cert = $dir/tsa.pem
signer_key = $dir/key.pem
certs = $dir/chain.pem
default_policy = ` + Policy + `
other_policies = 1.3.6.1.4.1.99999.2
signer_digest = sha256
digests = sha256, sha384, sha512, sha3-512
accuracy = secs:1, millisecs:500, microsecs:100
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`

// NewOpenSSL makes an authority that OpenSSL plays. The test ends if there is none.
func NewOpenSSL(t testing.TB, o Options) *OpenSSL {
	s := &OpenSSL{Authority: New(o), t: t, program: need.Program(t, "openssl"), dir: t.TempDir()}
	key, err := x509.MarshalPKCS8PrivateKey(s.key)
	must(err)
	s.write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	s.write("tsa.pem", PEM(s.chain[0]))
	s.write("chain.pem", PEM(s.chain...))
	s.write("root.pem", s.Roots)
	s.write("serial", []byte("01\n"))
	s.write("tsa.cnf", fmt.Appendf(nil, config, s.dir))
	return s
}

func (s *OpenSSL) write(name string, b []byte) string {
	path := filepath.Join(s.dir, name)
	must(os.WriteFile(path, b, 0o600))
	return path
}

// run runs openssl in the authority's folder.
func (s *OpenSSL) run(args ...string) ([]byte, error) {
	c := exec.Command(s.program, args...)
	c.Dir = s.dir
	return c.CombinedOutput()
}

// Reply stamps a query, at the time of the machine.
func (s *OpenSSL) Reply(query []byte) ([]byte, error) {
	s.mu.Lock() // OpenSSL counts serial numbers in a file
	defer s.mu.Unlock()
	s.n++
	q, r := s.write(fmt.Sprintf("%d.tsq", s.n), query), filepath.Join(s.dir, fmt.Sprintf("%d.tsr", s.n))
	if out, err := s.run("ts", "-reply", "-config", "tsa.cnf", "-section", "tsa", "-queryfile", q, "-out", r); err != nil {
		return nil, fmt.Errorf("openssl ts -reply: %v: %s", err, out)
	}
	return os.ReadFile(r)
}

// Verify has OpenSSL check a response over some bytes.
func (s *OpenSSL) Verify(response, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	d, r := s.write(fmt.Sprintf("%d.data", s.n), data), s.write(fmt.Sprintf("%d.kept.tsr", s.n), response)
	if out, err := s.run("ts", "-verify", "-data", d, "-in", r, "-CAfile", "root.pem"); err != nil {
		return fmt.Errorf("openssl ts -verify: %v: %s", err, out)
	}
	return nil
}

// ServeHTTP is RFC 3161 3.4.
func (s *OpenSSL) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "not a query", http.StatusBadRequest)
		return
	}
	reply, err := s.Reply(b)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	w.Write(reply)
}
