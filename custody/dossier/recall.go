package dossier

import (
	"fmt"
	"slices"
	"strings"
)

// fate tells what its sender's side did with a package after it was deposited: sent
// another in its place, took it back.
func (p *Package) fate(b *strings.Builder, absent string) {
	if p.Supersedes != "" {
		fmt.Fprintf(b, "    in place of    package %s, by the sender's seal\n", p.Supersedes)
	}
	if p.SupersededBy != "" {
		fmt.Fprintf(b, "    replaced       by package %s; that alone takes nothing back\n", p.SupersededBy)
	}
	r := p.Recalled
	if r == nil {
		return
	}
	fmt.Fprintf(b, "    recalled       %s by %s: %s; what of it had arrived before is told below\n", r.Time, r.By, r.Reason)
	switch {
	case p.Released.IsZero():
		fmt.Fprintf(b, "    head           never left its sender, as far as this record goes\n")
	case r.Destroyed.IsZero():
		fmt.Fprintf(b, "    head           that the relay destroyed it is %s\n", absent)
	default:
		fmt.Fprintf(b, "    head           destroyed %s, as the relay says\n", r.Destroyed)
	}
}

// withdrawn is what a reader has to know of a file in a package that was taken back;
// empty of any other.
func (v *Verdict) withdrawn(id string) string {
	i := slices.IndexFunc(v.Packages, func(p Package) bool { return p.ID == id })
	if i < 0 || v.Packages[i].Recalled == nil {
		return ""
	}
	r := v.Packages[i].Recalled
	return fmt.Sprintf("; %s recalled this package at %s: %s", r.By, r.Time, r.Reason)
}
