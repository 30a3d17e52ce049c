package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// manyRequests is the index of an authority with so many requests, as a home keeps it.
func manyRequests(b *testing.B, n int) []byte {
	b.Helper()
	x := &agent.Index{Relay: "relay.example", Suspended: []agent.Held{{By: "fr", With: "nl", Reason: "incident"}}}
	filed := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		r := &agent.Indexed{Request: custody.RequestID(statement.NewNonce()), Reference: fmt.Sprintf("NL-2026-%05d", i), Learned: true, From: "nl", To: []string{"de", "fr", "at"}[i%3],
			Categories: []string{"stored-data", "traffic-data"}[:1+i%2], Urgency: "routine", Filed: statement.At(filed.Add(time.Duration(i) * time.Hour)),
			Expires: statement.At(filed.AddDate(2, 0, 0)), States: []agent.StateFrom{{State: []string{"open", "waits for a decision"}[i%2]}, {From: statement.At(filed.AddDate(2, 0, 0)), State: "expired"}}}
		if i%2 == 0 {
			r.From, r.To = r.To, r.From
		}
		x.Requests = append(x.Requests, r)
	}
	data, err := x.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	return data
}

// BenchmarkRequestList lists, filters and searches 10,000 requests from the file that a
// home keeps, to the last line of output.
func BenchmarkRequestList(b *testing.B) {
	h, err := agent.CreateHome(filepath.Join(b.TempDir(), "home"), "nl")
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "requests")
	if err := os.WriteFile(path, manyRequests(b, 10_000), 0o600); err != nil {
		b.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent)) // as the program runs
	now := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name string
		p    picked
		json bool
		want int
	}{
		{"list", picked{}, false, 10_000},
		{"list-json", picked{}, true, 10_000},
		{"filter", picked{state: "open", with: "de", direction: "received", category: "stored-data", since: now.AddDate(0, -9, 0)}, false, 0},
		{"search", picked{words: []string{"2026-09999"}}, false, 1},
	} {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				var out bytes.Buffer
				a := &app{stdout: &out, stderr: &out, now: func() time.Time { return now }, json: row.json}
				data, err := os.ReadFile(path)
				if err != nil {
					b.Fatal(err)
				}
				x, err := agent.ParseIndex(data)
				if err != nil {
					b.Fatal(err)
				}
				list, err := a.pick(h, x, row.p)
				if err != nil {
					b.Fatal(err)
				}
				if err := a.printListed(list); err != nil {
					b.Fatal(err)
				}
				if row.want > 0 && len(list) != row.want || len(list) == 0 {
					b.Fatalf("%d requests, want %d", len(list), row.want)
				}
			}
		})
	}
}
