package documents

import (
	_ "embed"
	"strings"

	"comity.example/comity/custody/display"
)

// howTo is VERIFY.txt but for what names the case. A test runs its commands as they
// stand.
//
//go:embed verify.txt
var howTo string

func instructions(f *Facts) []byte {
	s := strings.NewReplacer("{{SUBJECT}}", display.Line(f.subject()), "{{IDENTITY}}", display.Text(f.identity())).Replace(howTo)
	return []byte(s)
}
