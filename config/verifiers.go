package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// checkVerifiers refuses what Comity could not run without guessing: a path that
// depends on where it is read, and a program whose arguments it does not know.
func checkVerifiers(list []string) error {
	for _, p := range list {
		name := strings.TrimSuffix(strings.ToLower(filepath.Base(p)), ".exe")
		switch {
		case !filepath.IsAbs(p) || filepath.Clean(p) != p:
			return fmt.Errorf("verifiers: %q is not the absolute path of a program", p)
		case name != "ewfverify":
			return fmt.Errorf("verifiers: %q is not a program that Comity knows; it knows ewfverify", p)
		}
	}
	return nil
}
