// Package vectors makes the files below it, which define Comity's own formats for
// readers in any language: one file is one input that every reader must take, or one
// that it must refuse. README.md says what each folder holds.
//
// A file is UTF-8 lines up to the first empty line, then the input, to the end of the
// file, byte for byte:
//
//	# Written by go run ./test/vectors/generate. DO NOT EDIT.
//	comment: what this is, in one line
//	expect: success, or refused
//	KEY: VALUE, as many as its folder needs
//
// Inputs are made here and not by the code under test, as far as that is bearable:
// tar headers, envelopes, heads, zip members and index lines are written a second
// time. There is no randomness and no clock; the same tree gives the same bytes.
package vectors

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// firstLine begins every file.
const firstLine = "# Written by go run ./test/vectors/generate. DO NOT EDIT.\n"

// Vector is one file.
type Vector struct {
	Name    string // "FOLDER/NAME"
	Comment string // one line
	Refused bool   // by every reader; else every reader takes it
	Keys    []Key
	Data    []byte
}

// Key is one further line of the header.
type Key struct{ Name, Value string }

// Get returns the first value of a key, or "".
func (v *Vector) Get(name string) string {
	for _, k := range v.Keys {
		if k.Name == name {
			return k.Value
		}
	}
	return ""
}

// with returns a copy with one more key.
func (v Vector) with(name string, value any) Vector {
	v.Keys = append(append([]Key{}, v.Keys...), Key{name, fmt.Sprint(value)})
	return v
}

// Marshal returns the file.
func (v *Vector) Marshal() []byte {
	expect := "success"
	if v.Refused {
		expect = "refused"
	}
	b := fmt.Appendf(nil, "%scomment: %s\nexpect: %s\n", firstLine, v.Comment, expect)
	for _, k := range v.Keys {
		b = fmt.Appendf(b, "%s: %s\n", k.Name, k.Value)
	}
	return append(append(b, '\n'), v.Data...)
}

// Parse reads a file.
func Parse(name string, b []byte) (*Vector, error) {
	head, data, ok := bytes.Cut(b, []byte("\n\n"))
	text, first := strings.CutPrefix(string(head)+"\n", firstLine)
	if !ok || !first {
		return nil, fmt.Errorf("reading vector %q: no header", name)
	}
	v := &Vector{Name: name, Data: data}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case !ok:
			return nil, fmt.Errorf("reading vector %q: line %q is no key and value", name, line)
		case key == "comment":
			v.Comment = value
		case key == "expect":
			v.Refused = value == "refused"
		default:
			v.Keys = append(v.Keys, Key{key, value})
		}
	}
	if !bytes.Equal(v.Marshal(), b) {
		return nil, fmt.Errorf("reading vector %q: not in the form of the grammar", name)
	}
	return v, nil
}

// All makes every vector.
func All() ([]Vector, error) {
	var all []Vector
	for _, f := range []func() ([]Vector, error){envelopes, inners, entries, leaves, manifests, bags, heads, pins, dossiers, acquisitions, checkpoints, policies} {
		list, err := f()
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	seen := map[string]bool{}
	for _, v := range all {
		if seen[v.Name] {
			return nil, errors.New("making vectors: two are called " + v.Name)
		}
		seen[v.Name] = true
	}
	return all, nil
}

// set is the vectors of one folder.
type set struct {
	folder string
	list   []Vector
}

func (s *set) add(name, comment string, refused bool, data []byte) *Vector {
	s.list = append(s.list, Vector{Name: s.folder + "/" + name, Comment: comment, Refused: refused, Data: data})
	return &s.list[len(s.list)-1]
}

// take adds an input that every reader takes.
func (s *set) take(name, comment string, data []byte) *Vector {
	return s.add(name, comment, false, data)
}

// refuse adds an input that every reader refuses.
func (s *set) refuse(name, comment string, data []byte) *Vector {
	return s.add(name, comment, true, data)
}

// set adds a key.
func (v *Vector) set(name string, value any) *Vector {
	*v = v.with(name, value)
	return v
}

// noise is n bytes that look random and are always the same for a label.
func noise(label string, n int) []byte {
	var b []byte
	for i := uint64(0); len(b) < n; i++ {
		h := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("comity/test/vectors "+label), i))
		b = append(b, h[:]...)
	}
	return b[:n]
}

func digest(label string) (d [32]byte) {
	copy(d[:], noise(label, 32))
	return d
}

// swap replaces the first old in b, which must be there.
func swap(b []byte, old, new string) []byte {
	if !bytes.Contains(b, []byte(old)) {
		panic("vectors: internal error: nothing to replace: " + old)
	}
	return bytes.Replace(b, []byte(old), []byte(new), 1)
}
