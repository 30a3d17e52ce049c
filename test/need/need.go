// Package need is for tests of what a machine may lack: a program, a right, a kernel.
//
// It refuses to skip such a test in silence, and to skip it at all where
// COMITY_TEST_REQUIRE is "all", as it is in CI.
package need

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Missing ends a test that needs what is not here, and says what that is and so what
// was not tested. It fails the test if COMITY_TEST_REQUIRE is "all", and skips it else.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	what := fmt.Sprintf(format, args...)
	if os.Getenv("COMITY_TEST_REQUIRE") == "all" {
		t.Fatalf("COMITY_TEST_REQUIRE is all, and %s", what)
	}
	t.Skipf("NOT TESTED: %s", what)
}

// Program returns the path of a program, or ends the test if it is not installed.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, "%s is not installed: %v", name, err)
	}
	return path
}
