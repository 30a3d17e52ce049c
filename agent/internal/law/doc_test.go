package law

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table into docs/legal.md")

const (
	legal = "../../../docs/legal.md"
	begin = "<!-- The table below is law.yaml: go test ./agent/internal/law -run TestDocument -update -->\n"
	end   = "<!-- end of law.yaml -->\n"
)

// markdown writes the table for people.
func (t *Table) markdown() string {
	var b strings.Builder
	read := map[bool]string{true: "read", false: "**to be checked**"}
	b.WriteString("\n### Instruments\n\n| code | title | source | text |\n|---|---|---|---|\n")
	for _, i := range t.Instruments {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", i.Code, i.Title, i.Cite, read[i.Read])
	}
	for _, f := range t.Forms {
		fmt.Fprintf(&b, "\n### %s (`--as %s`)\n\n%s; text %s.\n\n| | asks for | answered by |\n|---|---|---|\n", f.Title, f.Code, f.Cite, read[f.Read])
		for _, s := range f.Sections {
			fmt.Fprintf(&b, "| %s | %s | `%s` |\n", s.Mark, s.Asks, strings.Join(s.From, "`, `"))
		}
	}
	b.WriteString("\n### Clocks\n\n| code | of requests under | the State | period | from, to | source | text |\n|---|---|---|---|---|---|---|\n")
	for _, c := range t.Clocks {
		sense, kind := "within", "advisory"
		if c.Sense == AtLeast {
			sense = "for at least"
		}
		if c.Binding {
			kind = "binding"
		}
		what := strings.Join(c.Instrument, ", ") + ", " + c.Assistance
		if len(c.Categories) > 0 {
			what += " of " + strings.Join(c.Categories, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | that is %s %s | %s %d %s, %s | %s to %s, calendar of the %s State | %s | %s |\n",
			c.Code, what, c.Who, c.What, sense, c.N, c.Unit, kind, c.Starts, c.Stops, c.Calendar, c.Cite, read[c.Read])
	}
	return b.String() + "\n"
}

// TestDocument: docs/legal.md shows the table as it is.
func TestDocument(t *testing.T) {
	data, err := os.ReadFile(legal)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	shown, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/legal.md lacks the marks of the table")
	}
	want := Get().markdown()
	if shown == want {
		return
	}
	if !*update {
		t.Fatal("docs/legal.md is not law.yaml: run go test ./agent/internal/law -run TestDocument -update")
	}
	if err := os.WriteFile(legal, []byte(head+begin+want+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
