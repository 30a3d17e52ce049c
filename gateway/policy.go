package gateway

import "comity.example/comity/gateway/internal/policy"

// Policy is the operator's own, loaded and checked: see LoadPolicy. It is immutable, and
// safe for concurrent use.
type Policy = policy.Set

// PolicyQuestion is an act that a policy is asked about, PolicyFinding what one policy of
// a set says to it, and PolicyError what is wrong with a set.
type (
	PolicyQuestion = policy.Question
	PolicyAction   = policy.Action
	PolicyFinding  = policy.Finding
	PolicyError    = policy.Error
	PolicyFile     = policy.File
)

// PolicySchema is what a policy can ask about, in Cedar's schema language.
func PolicySchema() string { return policy.Schema }

// LoadPolicy reads the operator's policy from a file, or from the files of a folder whose
// names end in .cedar, and checks it against the schema. Errors about what they say wrap
// a *PolicyError each.
func LoadPolicy(path string) (*Policy, error) { return policy.Load(path) }

// ParsePolicy is LoadPolicy on bytes.
func ParsePolicy(files []PolicyFile) (*Policy, error) { return policy.Parse(files) }

// SetPolicy puts a policy in force, or none if p is nil. What is decided from now on is
// decided by it; an act that is under way when the next entry is published, too.
func (g *Gateway) SetPolicy(p *Policy) { g.policy.Store(p) }

// Policy returns the policy in force, nil if there is none.
func (g *Gateway) Policy() *Policy { return g.policy.Load() }
