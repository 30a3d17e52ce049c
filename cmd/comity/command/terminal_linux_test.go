package command

import (
	"errors"
	"os"
	"strings"
	"testing"

	"comity.example/comity/test/need"
)

// TestTerminal: what is typed is no exhibit.
func TestTerminal(t *testing.T) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		need.Missing(t, "no terminal can be made here: %v", err)
	}
	defer f.Close()
	err = piped(f, "0412", "disk.img")
	var usage usageError
	if !errors.As(err, &usage) || hintFor(err) != "SOME-TOOL | comity send 0412 - --name disk.img" {
		t.Errorf("piped = %v, hint %q", err, hintFor(err))
	}
	if err := piped(strings.NewReader(""), "0412", "disk.img"); err != nil {
		t.Errorf("a pipe: %v", err)
	}
}
