// Package room says how much room the file system under a folder has.
//
// It refuses to promise: quotas, other programs and file systems that compress
// make the figure an estimate, so who writes must still take a full disk.
package room

import "fmt"

// Free returns the bytes that the user of this process may still write below a
// folder that exists.
func Free(folder string) (int64, error) {
	n, err := free(folder)
	if err != nil {
		return 0, fmt.Errorf("asking how much is free in %q: %w", folder, err)
	}
	return n, nil
}
