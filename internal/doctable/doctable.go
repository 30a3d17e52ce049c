// Package doctable keeps tables in documents as the tests that own them have them.
//
// A table stands between two comments that name it. It is for tests alone, and writes a
// document only when it is told to (-update); else one that is stale fails the test.
package doctable

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables into the documents")

// Check fails the test unless the table of a document, of the name given, is want; with
// -update it writes it. Of one document only one table at a time may be checked.
func Check(t *testing.T, document, name, want string) {
	t.Helper()
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := fmt.Sprintf("<!-- %s: written by %s, with -update -->\n", name, t.Name()), fmt.Sprintf("<!-- end of %s -->\n", name)
	head, rest, ok := strings.Cut(string(data), begin)
	shown, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s lacks the lines %q and %q", document, begin, end)
	}
	if shown == want {
		return
	}
	if !*update {
		t.Fatalf("%s does not show %s as they are: run this test with -update", document, name)
	}
	if err := os.WriteFile(document, []byte(head+begin+want+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// File fails the test unless a file is want, all of it; with -update it writes it.
func File(t *testing.T, name, want string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err == nil && string(data) == want {
		return
	}
	if !*update {
		t.Fatalf("%s is not what %s makes: run this test with -update (%v)", name, t.Name(), err)
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
