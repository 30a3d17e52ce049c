package statement

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxDepth = 8
	maxInt   = 1<<53 - 1 // the integers that every JSON reader holds exactly
)

// Decode reads exactly one JSON value from data into v, which points to a
// struct with json tags, and refuses all that is ambiguous: repeated, unknown,
// missing or differently cased fields, null, invalid UTF-8, replacement
// characters (what a lone surrogate turns into), numbers other than integers
// below 2^53, more than eight levels, anything after the value. A field without
// omitempty or omitzero in its tag must be present.
func Decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	tree, err := readValue(d, 0)
	if err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("data after the end of the JSON value")
	}
	if err := match(tree, reflect.TypeOf(v), "$"); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("reading JSON: %v", err)
	}
	return nil
}

// readValue builds a tree of map[string]any, []any, string, bool, json.Number.
func readValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("reading JSON: %v", noEOF(err))
	}
	switch t := t.(type) {
	case json.Delim:
		if depth == maxDepth {
			return nil, fmt.Errorf("nested deeper than %d", maxDepth)
		}
		if t == '{' {
			return readObject(d, depth+1)
		}
		return readArray(d, depth+1)
	case string:
		return t, checkString(t)
	case json.Number:
		n, err := strconv.ParseInt(string(t), 10, 64)
		if err != nil || n > maxInt || n < -maxInt || strconv.FormatInt(n, 10) != string(t) {
			return nil, fmt.Errorf("number %q is not an integer below 2^53", string(t))
		}
		return t, nil
	case bool:
		return t, nil
	}
	return nil, errors.New("null is not allowed")
}

func readObject(d *json.Decoder, depth int) (any, error) {
	m := map[string]any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("reading JSON: %v", noEOF(err))
		}
		k, ok := t.(string)
		if !ok {
			return nil, fmt.Errorf("reading JSON: field name %v is not a string", t)
		}
		if _, dup := m[k]; dup {
			return nil, fmt.Errorf("field %q stands twice", k)
		}
		if m[k], err = readValue(d, depth); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return m, err
}

func readArray(d *json.Decoder, depth int) (any, error) {
	var a []any
	for d.More() {
		v, err := readValue(d, depth)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	_, err := d.Token()
	return a, err
}

func checkString(s string) error {
	if strings.ContainsRune(s, utf8.RuneError) {
		return fmt.Errorf("string %.40q holds a replacement character or a lone surrogate", s)
	}
	return nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// match compares the names in a tree with the tags of a type, since
// encoding/json also accepts names in another case and absent ones.
func match(tree any, t reflect.Type, at string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(textUnmarshaler) {
		return nil
	}
	switch tree := tree.(type) {
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return fmt.Errorf("%s: an object does not belong here", at)
		}
		return matchObject(tree, t, at)
	case []any:
		if t.Kind() != reflect.Slice {
			return fmt.Errorf("%s: a list does not belong here", at)
		}
		for i, e := range tree {
			if err := match(e, t.Elem(), fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func matchObject(m map[string]any, t reflect.Type, at string) error {
	known := map[string]bool{}
	for _, f := range reflect.VisibleFields(t) {
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		known[name] = true
		v, ok := m[name]
		if !ok {
			if !strings.Contains(opts, "omit") {
				return fmt.Errorf("%s: field %q is missing", at, name)
			}
			continue
		}
		if err := match(v, f.Type, at+"."+name); err != nil {
			return err
		}
	}
	for k := range m {
		if !known[k] {
			return fmt.Errorf("%s: unknown field %q", at, k)
		}
	}
	return nil
}
