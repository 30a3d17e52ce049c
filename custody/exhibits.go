package custody

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// ScopeWhole is the scope of a receipt for a whole package.
	ScopeWhole = "whole"
	// ScopeExhibits is the scope of a receipt for the single files that it names.
	ScopeExhibits = "exhibits"

	// MaxExhibits is how many files one receipt may name.
	MaxExhibits = 1000
	// MaxExhibitReceipts is how many receipts for single files an agent may file of
	// one package: a record is read whole, so nobody may fill it.
	MaxExhibitReceipts = 100

	maxPosition = 1 << 40
)

// checkScope: a receipt for single files names them by their lines in the package's
// manifest, counted from 1, in order. It names neither their names, which the relay
// must not see, nor their hashes, with which it could look for files it knows.
func (b *Receipt) checkScope() error {
	switch {
	case b.Scope != ScopeWhole && b.Scope != ScopeExhibits:
		return bad("scope %q is unknown", b.Scope)
	case b.Scope == ScopeWhole && len(b.Exhibits) > 0:
		return bad("exhibits: a receipt for the whole names none")
	case b.Scope == ScopeExhibits && (len(b.Exhibits) == 0 || len(b.Exhibits) > MaxExhibits):
		return bad("exhibits: %d, want 1 to %d", len(b.Exhibits), MaxExhibits)
	}
	last := int64(0)
	for _, n := range b.Exhibits {
		if n <= last || n > maxPosition {
			return bad("exhibits: %d after %d", n, last)
		}
		last = n
	}
	return nil
}

// SingleReceipt is a receipt for single files of a package.
type SingleReceipt struct {
	*Receipt
	Time Time // of its entry
}

// decideReceipt: who took a package says of single files that they arrived, as often
// as the bound allows, and once of the whole. Only the latter ends its taking: until
// then it has not said of the package how it arrived.
func decideReceipt(p *PackageState, b *Receipt, m *Member) Decision {
	d := decideClose(p, b.Seal, m)
	if d.Allowed() && b.Scope == ScopeExhibits && len(p.Released(m.ID).Singles) >= MaxExhibitReceipts {
		return deny(d.Rule, CodeReceiptsUsedUp)
	}
	return d
}

// receive notes a receipt.
func (r *ReleaseState) receive(b *Receipt, now Time) {
	if b.Scope == ScopeExhibits {
		r.Singles = append(r.Singles, SingleReceipt{b, now})
		return
	}
	r.Receipt, r.Closed = b, now
}

// Exhibits lists the single files that were receipted with an inner statement, by
// their lines in the manifest, in order.
func (r *ReleaseState) Exhibits(inner Digest) []int64 {
	var list []int64
	for _, s := range r.Singles {
		if s.InnerStatement == inner {
			list = append(list, s.Exhibits...)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Lines says in words which lines of a manifest a list in order names: "line 3",
// "lines 1, 4 to 9".
func Lines(list []int64) string {
	var s []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		switch {
		case j > i+1:
			s = append(s, fmt.Sprintf("%d to %d", list[i], list[j]))
		case j > i:
			s = append(s, fmt.Sprint(list[i]), fmt.Sprint(list[j]))
		default:
			s = append(s, fmt.Sprint(list[i]))
		}
		i = j + 1
	}
	if len(list) == 1 {
		return "line " + s[0]
	}
	return "lines " + strings.Join(s, ", ")
}
