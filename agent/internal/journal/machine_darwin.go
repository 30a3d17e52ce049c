package journal

import "golang.org/x/sys/unix"

// machine returns the id of the boot, the only one that needs no other program: after
// the next boot a package begins anew.
func machine() (string, error) { return unix.Sysctl("kern.bootsessionuuid") }
