package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestDeps checks that comity, which authorities install on their own machines,
// links none of the server. It lives next to main so that the test cache notices
// when the dependencies of main change.
func TestDeps(t *testing.T) {
	bad := map[string]string{ // import path prefix to reason
		"comity.example/comity/gateway": "the agent must not link the relay",
		"database/sql":                  "the agent keeps no database",
		"modernc.org":                   "the agent keeps no database",
		"github.com/minio/minio-go":     "the agent never sees the object store",
		"github.com/cedar-policy":       "the operator's policy is the relay's alone",
		"net/http/pprof":                "the agent serves nothing",
		"testing":                       "not in production code",
	}
	for _, goos := range []string{"linux", "windows", "darwin"} {
		cmd := exec.Command("go", "list", "-deps", ".")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("GOOS=%s: go list: %v\n%s", goos, err, out)
		}
		if !strings.Contains(string(out), "comity.example/comity/agent") {
			t.Errorf("GOOS=%s: go list does not list the agent: this test proves nothing", goos)
		}
		for pkg := range strings.FieldsSeq(string(out)) {
			for prefix, reason := range bad {
				if pkg == prefix || strings.HasPrefix(pkg, prefix+"/") {
					t.Errorf("GOOS=%s: comity links %s: %s", goos, pkg, reason)
				}
			}
		}
	}
}
