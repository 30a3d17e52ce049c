package bench_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
)

// hundred is a set of a hundred policies as operators write them: on authorities, agents,
// sizes, hours, categories, conditions and dates. None forbids what question asks, so
// each is evaluated to its end.
func hundred(tb testing.TB) *gateway.Policy {
	tb.Helper()
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, `
@id("authority-%[1]d") forbid (principal in Authority::"zz%[1]d", action in [Action::"request", Action::"reserve"], resource);
@id("agent-%[1]d") forbid (principal, action == Action::"reserve", resource) when { principal == Agent::"nl/agent/lab-%[2]d" && context.bytes > 1073741824 };
@id("size-%[1]d") forbid (principal, action == Action::"reserve", resource) when { context.grant.usedBytes + context.bytes > 10995116277760 + %[1]d } unless { resource.urgency == "urgent" };
@id("hours-%[1]d") forbid (principal, action in [Action::"reserve", Action::"part"], resource) when { context.now.toTime() >= duration("1h%[1]dm") && context.now.toTime() < duration("4h") && !(resource has deadline) };
@id("marks-%[1]d") forbid (principal, action == Action::"reserve", resource) when { context.grant.sensitive.containsAny(["privileged", "press"]) && !context.grant.conditions.containsAll(["confidentiality", "use-limitation"]) };
`, i, i+100)
	}
	p, err := gateway.ParsePolicy([]gateway.PolicyFile{{Name: "bench.cedar", Data: []byte(b.String())}})
	if err != nil {
		tb.Fatal(err)
	}
	if p.Len() != 100 {
		tb.Fatalf("the set has %d policies", p.Len())
	}
	return p
}

func question() *gateway.PolicyQuestion {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	return &gateway.PolicyQuestion{
		Action: "reserve", Agent: "nl/agent/lab-1", Duties: []string{"lab"}, ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Now: noon,
		Request: &custody.Request{
			Header: custody.Header{By: "fr"}, To: "nl", Instrument: "eio", Assistance: "disclosure", Urgency: "routine",
			Categories: []string{"content-data", "stored-data"}, Sensitive: []string{"press"}, Expires: statement.At(noon.AddDate(0, 2, 0)),
		},
		Terms: &custody.Terms{
			Senders: []custody.PartyID{"nl/agent/lab-1"}, Recipients: []custody.PartyID{"fr/recipient/backup", "fr/recipient/lab"},
			Categories: []string{"content-data", "stored-data"}, Sensitive: []string{"press"}, Conditions: []string{"confidentiality", "use-limitation"},
			MaxBytes: 1 << 43, MaxPackages: 10, NotBefore: statement.At(noon.AddDate(0, 0, -1)), Expires: statement.At(noon.AddDate(0, 1, 0)),
		},
		Bytes: 5 << 30, UsedBytes: 1 << 40, UsedPackages: 2,
	}
}

// BenchmarkPolicy decides one reservation by a hundred policies, and reports the time
// under which 99 of 100 decisions stay. It is to be below a millisecond.
func BenchmarkPolicy(b *testing.B) {
	p, q := hundred(b), question()
	if against := p.Decide(q); len(against) != 0 {
		b.Fatalf("forbidden by %+v", against)
	}
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		begun := time.Now()
		p.Decide(q)
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns/op")
}

// BenchmarkPolicyLoad checks and compiles the same set.
func BenchmarkPolicyLoad(b *testing.B) {
	for b.Loop() {
		hundred(b)
	}
}
