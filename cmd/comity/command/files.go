package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/term"
)

// maxInput bounds the files with envelopes, claims and challenges.
const maxInput = 4 << 20

// input reads a small file; - is standard input.
func (a *app) input(name string) ([]byte, error) {
	if name == "-" {
		return readLimited(a.stdin, name, maxInput)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, plain(err))
	}
	defer f.Close()
	return readLimited(f, name, maxInput)
}

// readLimited reads all of r, at most so many bytes.
func readLimited(r io.Reader, name string, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, plain(err))
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("reading %q: more than %d bytes", name, most)
	}
	return data, nil
}

// plain takes the file name out of an error that will name it itself.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// output writes a file of data to standard output, but not to a terminal, where
// it would be of no use.
func (a *app) output(data []byte, example string) error {
	if isTerminal(a.stdout) {
		return hintf(usagef("the output is a file, not a text for people"), "send it to a file: %s > FILE", example)
	}
	if _, err := a.stdout.Write(data); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return nil
}

// isTerminal reports whether a stream is a person's terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// printLine writes data as JSON in one line, safe for terminals.
func (a *app) printLine(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing JSON: %v", err)
	}
	_, err = fmt.Fprintln(a.stdout, jsonSafe(string(data)))
	return err
}

// printJSON writes data as indented JSON, safe for terminals.
func (a *app) printJSON(v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("writing JSON: %v", err)
	}
	_, err = fmt.Fprintln(a.stdout, jsonSafe(string(data)))
	return err
}
