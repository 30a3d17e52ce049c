package journal

import (
	"os"
	"strings"
)

// machine returns the machine's id (machine-id(5)). A machine without one, as many
// containers are, has the id of its boot: after the next a package begins anew.
func machine() (string, error) {
	b, err := os.ReadFile("/etc/machine-id")
	if s := strings.TrimSpace(string(b)); err == nil && len(s) == 32 {
		return s, nil
	}
	b, err = os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b)), err
}
