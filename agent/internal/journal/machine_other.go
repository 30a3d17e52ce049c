//go:build !linux && !windows && !darwin

package journal

import "errors"

// machine knows no id here, so no package is continued.
func machine() (string, error) { return "", errors.New("not known on this system") }
