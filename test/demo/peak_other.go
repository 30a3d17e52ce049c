//go:build !linux

package main

import "runtime"

// peak returns the memory that this process took from the system, in bytes.
func peak() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
