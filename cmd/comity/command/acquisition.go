package command

import (
	"fmt"
	"io"
	"os"
	"strings"

	"comity.example/comity/config"
)

// maxLines bounds what is said of one acquisition record; all of it is in its file.
const maxLines = 30

// acquisitionFile reads what an examiner says of how exhibits came to be; nil if no
// file is named.
func acquisitionFile(path string) (*config.Acquisition, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, config.MaxAcquisitionFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", path, err)
	}
	return config.LoadAcquisition(path, b)
}

// acquired says what came with a package about how its exhibits came to be.
func (a *app) acquired(lines []string) {
	for i, s := range lines {
		if i == maxLines {
			a.say("  and %d lines more", len(lines)-i)
			return
		}
		a.say("  %s", line(s))
	}
}

// teller lets an agent say sentences to people, beside the meter of a transfer.
type teller struct{ a *app }

// Write implements io.Writer: one call is one line.
func (t teller) Write(b []byte) (int, error) {
	t.a.say("%s", strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}
