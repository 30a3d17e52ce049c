package custody

import (
	"fmt"
	"slices"
	"strings"
)

// A relay's operator may have a policy of its own. It is asked after the rules have
// allowed an act, and can only refuse it then; and only what brings evidence in motion:
// a request, the room for a package, a part, a seal, a release. Nothing that stops,
// examines, decides or reports is ever asked about, so no operator can stand in its way.
//
// The rule book does not know what a policy says and never asks: an entry names it, so
// that it is told under which one the relay decided. It makes no act valid or invalid.

// maxPolicyIDs bounds the names in one PolicyRef.
const maxPolicyIDs = 20

// PolicyRef names what refused an act: the operator's set of policies, and those of
// them that forbade it or could not be evaluated.
type PolicyRef struct {
	SHA256 Digest   `json:"sha256"` // of the set: its files, as package policy of the gateway says
	IDs    []string `json:"ids"`    // in ascending order, 20 at most
}

// NewPolicyRef returns the reference to policies of a set: the first twenty of ids in
// ascending order.
func NewPolicyRef(set Digest, ids []string) *PolicyRef {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	return &PolicyRef{set, ids[:min(len(ids), maxPolicyIDs)]}
}

// CheckPolicyID checks the name of one policy of an operator: lower-case letters,
// digits and dashes, like "no-nights".
func CheckPolicyID(s string) error {
	if !codePattern.MatchString(s) {
		return fmt.Errorf("malformed policy id %q: want lower-case letters, digits and dashes, like no-nights", s)
	}
	return nil
}

func (p *PolicyRef) check() error {
	if p.SHA256.IsZero() || len(p.IDs) == 0 || len(p.IDs) > maxPolicyIDs {
		return bad("policy: want the hash of a set and 1 to %d ids", maxPolicyIDs)
	}
	for i, id := range p.IDs {
		if CheckPolicyID(id) != nil || i > 0 && id <= p.IDs[i-1] {
			return bad("policy: ids[%d]: want names in ascending order", i)
		}
	}
	return nil
}

// says names the policies behind a sentence; nothing of nil.
func (p *PolicyRef) says() string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf(" (%s of policy %s)", strings.Join(p.IDs, ", "), p.SHA256)
}

// narrowed reports whether a policy of the operator is asked about statements of a kind.
func narrowed(k Kind) bool {
	return k == KindRequest || k == KindOffer || k == KindSeal || k == KindRelease
}
