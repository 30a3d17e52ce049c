//go:build !windows

package bag

import "syscall"

// openFlags keeps an open from waiting for ever if a file of the inventory
// was replaced by a named pipe since.
const openFlags = syscall.O_NONBLOCK
