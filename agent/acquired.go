package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"comity.example/comity/custody/acquisition"
	"comity.example/comity/custody/bag"
)

// fileAcquisition is the name of an acquisition record in a bag.
const fileAcquisition = "acquisition.jsonld"

// acquired says what the acquisition record in a verified bag says, a line for each
// act, image and assertion, and where the bag says otherwise; nothing if there is none. A record that cannot be read is
// no fault of the exhibits: it may be of a newer version, and lies there for others.
func acquired(folder string) []string {
	b, err := readAcquisition(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var r *acquisition.Record
	if err == nil {
		r, err = acquisition.Parse(b)
	}
	var wrong []string
	if err == nil {
		wrong, err = contradictions(folder, r)
	}
	if err != nil {
		return []string{fmt.Sprintf("acquisition data that cannot be read here: %v", err)}
	}
	return describe(r, wrong)
}

// readAcquisition reads no more than a record can have.
func readAcquisition(folder string) ([]byte, error) {
	f, err := os.Open(filepath.Join(folder, fileAcquisition))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, bag.MaxAcquisition+1))
}

// describe puts first what seems wrong: who shows few lines shows these.
func describe(r *acquisition.Record, wrong []string) []string {
	lines := []string{fmt.Sprintf("acquisition data from %s, in %s", r.Examiner, fileAcquisition)}
	lines = append(lines, wrong...)
	for _, m := range r.Images {
		for _, f := range m.Findings {
			lines = append(lines, fmt.Sprintf("warning of the sender: image %q: %s", m.Segments[0], f))
		}
	}
	for i := range r.Acquisitions {
		lines = append(lines, r.Acquisitions[i].String())
	}
	for _, m := range r.Images {
		lines = append(lines, fmt.Sprintf("%q: %s image, %s", m.Segments[0], m.Format, segments(len(m.Segments))))
	}
	for _, a := range r.Assertions {
		lines = append(lines, fmt.Sprintf("the sender says that %q read image %q and ended with status %d", a.Program, a.Segment, a.Exit))
	}
	return lines
}
