package custody_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody"
)

// TestPolicyRef: a denial by the operator's policy names the set and the policies, and
// no other denial names any.
func TestPolicyRef(t *testing.T) {
	set := custody.HashOf([]byte("policy"))
	var many []string
	for i := range 25 {
		many = append(many, fmt.Sprintf("p-%02d", 24-i))
	}
	s := told(t, agreed...)
	for _, row := range []struct {
		name   string
		code   custody.Code
		policy *custody.PolicyRef
		want   custody.Code
	}{
		{"one policy", custody.CodeOperatorPolicy, custody.NewPolicyRef(set, []string{"no-nights"}), custody.CodeAllowed},
		{"more than twenty", custody.CodeOperatorPolicy, custody.NewPolicyRef(set, many), custody.CodeAllowed},
		{"none", custody.CodeOperatorPolicy, nil, custody.CodeBadStatement},
		{"no set", custody.CodeOperatorPolicy, custody.NewPolicyRef(custody.Digest{}, []string{"a"}), custody.CodeBadStatement},
		{"no ids", custody.CodeOperatorPolicy, custody.NewPolicyRef(set, nil), custody.CodeBadStatement},
		{"twenty-one", custody.CodeOperatorPolicy, &custody.PolicyRef{SHA256: set, IDs: many[:21]}, custody.CodeBadStatement},
		{"out of order", custody.CodeOperatorPolicy, &custody.PolicyRef{SHA256: set, IDs: []string{"b", "a"}}, custody.CodeBadStatement},
		{"twice", custody.CodeOperatorPolicy, &custody.PolicyRef{SHA256: set, IDs: []string{"a", "a"}}, custody.CodeBadStatement},
		{"a text for an id", custody.CodeOperatorPolicy, &custody.PolicyRef{SHA256: set, IDs: []string{"No nights\n"}}, custody.CodeBadStatement},
		{"of another denial", custody.CodeGrantRevoked, custody.NewPolicyRef(set, []string{"a"}), custody.CodeBadStatement},
	} {
		ev := denied("nl/agent/lab-1", custody.ActReserve, row.code)
		ev.Denied.Policy = row.policy
		d := custody.DecideEvent(s.record(s.id()), s.view, ev, s.time())
		if d.Code != row.want {
			t.Errorf("%s: %s, want %s", row.name, d, row.want)
		}
		l := s.line(s.id(), ev, custody.Decision{Code: custody.CodeAllowed, Rule: "denied"})
		if _, err := custody.ParseEntry(l.Entry); (err == nil) != (row.want == custody.CodeAllowed) {
			t.Errorf("%s: entry: %v", row.name, err)
		}
	}
	if ids := custody.NewPolicyRef(set, append(many, many...)).IDs; len(ids) != 20 || ids[0] != "p-00" || !slices.IsSorted(ids) {
		t.Errorf("of many policies %q are named", ids)
	}
	ev := &custody.Event{Denied: &custody.Denied{By: "nl/agent/lab-1", Act: custody.ActReserve, Code: custody.CodeOperatorPolicy, Rule: "operator-policy",
		Policy: custody.NewPolicyRef(set, []string{"no-nights", "big"})}}
	if says := ev.Says(); !strings.Contains(says, "the policy of the relay's operator does not") || !strings.HasSuffix(says, "(big, no-nights of policy "+set.String()+")") {
		t.Errorf("it says %q", says)
	}
}

// TestPolicyInEntries: of statements, only those that a policy is asked about can name
// one.
func TestPolicyInEntries(t *testing.T) {
	asked := []custody.Kind{custody.KindRequest, custody.KindSeal, custody.KindRelease}
	seen := map[custody.Kind]bool{}
	revoked := told(t, append(slices.Clone(agreed), custody.KindRevocation)...)
	for _, l := range slices.Concat(whole(t).lines, eventful(t).lines, revoked.lines) {
		e := must(custody.ParseEntry(l.Entry))
		e.Policy = custody.HashOf([]byte("policy"))
		_, err := custody.ParseEntry(e.Marshal())
		if may := slices.Contains(asked, e.Kind); may != (err == nil) {
			t.Errorf("the entry of a %s with a policy: %v", e.Kind, err)
		}
		seen[e.Kind] = true
	}
	for _, k := range append(asked, custody.KindRevocation, custody.KindReceipt, custody.KindDenied, custody.KindDirectory) {
		if !seen[k] {
			t.Errorf("no line is of a %s", k)
		}
	}
}
