package main

import (
	"bytes"
	"os"
	"strconv"
)

// peak returns the most memory that this process had resident at once, in bytes:
// the kernel's VmHWM. (The resource usage of a child would count the parent's
// memory from before it became another program.)
func peak() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) == 3 && string(f[0]) == "VmHWM:" {
			kib, _ := strconv.ParseInt(string(f[1]), 10, 64)
			return kib << 10
		}
	}
	return 0
}
