// Package law holds what instruments ask and which periods they set, as one reviewed
// table: titles, the contents of requests form by form, clocks. Each row says where it is
// from and whether that text was read.
//
// It refuses a table with unknown keys, unknown codes or rows without a source, and it
// decides nothing: what may move is the rule book's (package custody), which knows no
// paragraph.
package law

import (
	"bytes"
	_ "embed"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed law.yaml
var table []byte

// Table is the whole of it.
type Table struct {
	Instruments []Instrument `yaml:"instruments"`
	Forms       []Form       `yaml:"forms"`
	Clocks      []Clock      `yaml:"clocks"`
}

// Source is where a row is from.
type Source struct {
	Cite string `yaml:"cite"`
	Read bool   `yaml:"read"` // its text was read; else it is to be checked before it is relied on
}

// Instrument is what a request may rest on. Its code is custody.Request.Instrument.
type Instrument struct {
	Code   string `yaml:"code"`
	Title  string `yaml:"title"`
	Source `yaml:",inline"`
}

// Form is what an instrument asks a request to say, in its order.
type Form struct {
	Code     string `yaml:"code"`
	Title    string `yaml:"title"`
	Source   `yaml:",inline"`
	Sections []Section `yaml:"sections"`
}

// Section is one thing that a form asks, and the keys of a request that answer it.
type Section struct {
	Mark string   `yaml:"mark"`
	Asks string   `yaml:"asks"`
	From []string `yaml:"from"`
}

// Get returns the table. It is built into the program, so an error in it is one of the
// program, which the tests find.
var Get = sync.OnceValue(func() *Table {
	t, err := parse(table)
	if err != nil {
		panic(err)
	}
	return t
})

func parse(data []byte) (*Table, error) {
	var t Table
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&t); err != nil {
		return nil, fmt.Errorf("reading law.yaml: %v", err)
	}
	for i := range t.Clocks {
		if err := t.Clocks[i].check(); err != nil {
			return nil, fmt.Errorf("reading law.yaml: clock %q: %v", t.Clocks[i].Code, err)
		}
	}
	return &t, nil
}

// Form returns the form of a code.
func (t *Table) Form(code string) (*Form, bool) {
	for i := range t.Forms {
		if t.Forms[i].Code == code {
			return &t.Forms[i], true
		}
	}
	return nil, false
}

// Instrument returns the instrument of a code.
func (t *Table) Instrument(code string) (*Instrument, bool) {
	for i := range t.Instruments {
		if t.Instruments[i].Code == code {
			return &t.Instruments[i], true
		}
	}
	return nil, false
}
