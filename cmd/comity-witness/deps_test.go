package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestDeps checks that comity-witness
// links nothing of a relay or an agent. It lives next to main so that the test cache notices
// when the dependencies of main change.
func TestDeps(t *testing.T) {
	bad := map[string]string{ // import path prefix to reason
		"comity.example/comity/gateway": "a witness is not of the relay that it watches",
		"comity.example/comity/agent":   "a witness reads no entry",
		"database/sql":                  "a witness keeps one file a log",
		"github.com/quic-go":            "a witness speaks HTTP over TCP",
		"github.com/minio/minio-go":     "a witness has no store",
		"net/http/pprof":                "a witness answers add-checkpoint and nothing else",
		"testing":                       "not in production code",
	}
	for _, goos := range []string{"linux", "windows", "darwin"} {
		cmd := exec.Command("go", "list", "-deps", ".")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("GOOS=%s: go list: %v\n%s", goos, err, out)
		}
		if !strings.Contains(string(out), "comity.example/comity/internal/witness") {
			t.Errorf("GOOS=%s: go list does not list the witness: this test proves nothing", goos)
		}
		for pkg := range strings.FieldsSeq(string(out)) {
			for prefix, reason := range bad {
				if pkg == prefix || strings.HasPrefix(pkg, prefix+"/") {
					t.Errorf("GOOS=%s: comity-witness links %s: %s", goos, pkg, reason)
				}
			}
		}
	}
}
