package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestDeps checks that the verifier, which courts run on machines without a
// network, can reach none and keeps nothing. Package net itself is linked by
// crypto/x509, which reads the certificates in enrolments; TestNoSocket shows that
// nothing of it is called. The test lives next to main so that the test cache
// notices when the dependencies of main change.
func TestDeps(t *testing.T) {
	bad := map[string]string{ // import path prefix to reason
		"net/http":                         "the verifier is offline",
		"crypto/tls":                       "the verifier is offline",
		"net/rpc":                          "the verifier is offline",
		"net/smtp":                         "the verifier is offline",
		"github.com/quic-go/":              "the verifier is offline",
		"golang.org/x/net/":                "the verifier is offline",
		"os/exec":                          "the verifier runs no other program",
		"filippo.io/age/plugin":            "the verifier runs no other program",
		"plugin":                           "the verifier loads no code",
		"database/sql":                     "the verifier keeps nothing",
		"modernc.org/":                     "the verifier keeps nothing",
		"github.com/minio/":                "the verifier sees no object store",
		"github.com/cedar-policy/":         "no operator's policy makes an act valid or invalid",
		"github.com/spf13/":                "the verifier has flags, not commands",
		"comity.example/comity/gateway":    "the verifier must not need the relay's code",
		"comity.example/comity/agent":      "the verifier must not need the agent's code",
		"comity.example/comity/internal":   "the verifier is custody and crypto only",
		"comity.example/comity/test":       "not in production code",
		"testing":                          "not in production code",
		"github.com/rogpeppe/go-internal/": "not in production code",
	}
	for _, goos := range []string{"linux", "windows", "darwin"} {
		cmd := exec.Command("go", "list", "-deps", ".")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("GOOS=%s: go list: %v", goos, err)
		}
		deps := strings.Fields(string(out))
		if len(deps) < 20 {
			t.Fatalf("GOOS=%s: go list names %d packages only", goos, len(deps))
		}
		for _, dep := range deps {
			for prefix, reason := range bad {
				if dep == prefix || strings.HasPrefix(dep, strings.TrimSuffix(prefix, "/")+"/") {
					t.Errorf("GOOS=%s: comity-verify links %s: %s", goos, dep, reason)
				}
			}
		}
	}
}
