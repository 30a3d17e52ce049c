package agent

import (
	"fmt"
	"strings"

	"comity.example/comity/custody"
)

// ResolvePackage returns the id of the package of a case that a name means: its id,
// or four or more letters of it that no other has.
func ResolvePackage(c *custody.Case, name string) (string, error) {
	var fits []string
	for _, p := range c.Packages {
		if p.Package == name || len(name) >= 4 && strings.HasPrefix(p.Package, name) {
			fits = append(fits, p.Package)
		}
	}
	switch len(fits) {
	case 0:
		return "", fmt.Errorf("the request has no package %q", name)
	case 1:
		return fits[0], nil
	}
	return "", fmt.Errorf("%q names %d packages: %s", name, len(fits), strings.Join(fits, ", "))
}
