package custody_test

import (
	"bytes"
	"strings"
	"testing"

	"comity.example/comity/custody"
)

// FuzzParseGap: what is read is written back byte for byte, so a gap has one spelling.
func FuzzParseGap(f *testing.F) {
	l := custody.Line{Entry: []byte("{}")}
	good := custody.NewGap(&l, custody.GapErased, origin).Marshal()
	f.Add(good)
	f.Add(bytes.ReplaceAll(good, []byte("\n"), nil))
	f.Add(bytes.Replace(good, []byte("erased"), []byte("redacted"), 1))
	f.Add([]byte(strings.Repeat("[", 99)))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := custody.ParseGap(b)
		if err == nil && !bytes.Equal(g.Marshal(), b) {
			t.Fatalf("%q is read, and written as %q", b, g.Marshal())
		}
	})
}
