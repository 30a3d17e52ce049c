package policy

import (
	"fmt"

	"github.com/cedar-policy/cedar-go"
)

// Unchecked makes a set of a text as a loader would that checks nothing. The ids are
// policy-0, policy-1, …
func Unchecked(text string) *Set {
	list, err := cedar.NewPolicyListFromBytes("test", []byte(text))
	if err != nil {
		panic(err)
	}
	s := &Set{sha: [32]byte{1}}
	for i, p := range list {
		s.list = append(s.list, one{id: fmt.Sprintf("policy-%d", i), place: "test", policy: p})
	}
	return s
}

// Panicking adds a policy whose evaluation panics.
func (s *Set) Panicking() *Set {
	return &Set{sha: s.sha, list: append(s.list, one{id: "z", place: "test"})}
}
