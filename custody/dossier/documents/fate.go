package documents

import (
	"fmt"

	"comity.example/comity/custody"
)

// fate tells what became of a package beside its way to its recipients.
func (p *Package) fate(f *Facts) []string {
	var list []string
	s := p.State
	if s.Supersedes != "" {
		list = append(list, "It was sent in place of package "+s.Supersedes+", by the sender’s seal.")
	}
	if p.Successor != "" {
		list = append(list, "Package "+p.Successor+" was sent in its place; that alone takes nothing back.")
	}
	if r := s.Recall; r != nil {
		list = append(list, fmt.Sprintf("%s recalled it on %s: %s. A recall stops what moves; it takes back nothing that had arrived, and nothing of what is proved of it.", r.By, when(r.Time), r.Reason))
		switch {
		case s.Unlocked.IsZero():
			list = append(list, "Its head never left the sender, as far as this record goes.")
		case s.Destroyed.IsZero():
			list = append(list, "That the relay destroyed its head is not told "+f.record()+".")
		default:
			list = append(list, "The relay says that it destroyed its head on "+when(s.Destroyed)+".")
		}
	}
	if g := s.Gone; g != nil {
		list = append(list, executed(g, "destroyed all that it had of it"))
	}
	if g := s.Restricted; g != nil {
		list = append(list, executed(g, "uses it no more"))
	}
	return list
}

func executed(g *custody.ExecutionState, what string) string {
	return fmt.Sprintf("On %s the receiving State said that it %s; nobody can see that here.", when(g.Time), what)
}
