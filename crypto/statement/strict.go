package statement

import (
	"bytes"
	"encoding"
	"encoding/base64"
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
// below 2^53, bytes in any spelling but canonical base64, more than eight
// levels, anything after the value. A field without omitempty or omitzero in its
// tag must be present. It stops at the first value that has no place in v, so
// that hostile input costs no more memory than a statement of its size.
func Decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("not valid UTF-8")
	}
	r := reader{json.NewDecoder(bytes.NewReader(data))}
	r.UseNumber()
	if err := r.value(reflect.TypeOf(v), 0); err != nil {
		return err
	}
	if _, err := r.Token(); err != io.EOF {
		return errors.New("data after the end of the JSON value")
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("reading JSON: %v", err)
	}
	return nil
}

// reader walks a JSON text beside the type that it is for, since encoding/json
// by itself takes names in another case, repeated and absent ones, and nulls.
type reader struct{ *json.Decoder }

// next returns the next token. Inside a value the end of the text is an error.
func (r reader) next() (json.Token, error) {
	t, err := r.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("reading JSON: %v", err)
	}
	return t, nil
}

func (r reader) value(t reflect.Type, depth int) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	tok, err := r.next()
	if err != nil {
		return err
	}
	switch tok := tok.(type) {
	case json.Delim:
		switch {
		case depth == maxDepth:
			return fmt.Errorf("nested deeper than %d", maxDepth)
		case tok == '{':
			return r.object(t, depth+1)
		}
		return r.list(t, depth+1)
	case string:
		return checkString(tok, t)
	case json.Number:
		return checkNumber(string(tok))
	case bool:
		return nil
	}
	return errors.New("null is not allowed")
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

func (r reader) object(t reflect.Type, depth int) error {
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(textUnmarshaler) {
		return errors.New("an object does not belong here")
	}
	due := fields(t)
	seen := map[string]bool{}
	for r.More() {
		tok, err := r.next()
		if err != nil {
			return err
		}
		name, ok := tok.(string)
		f, known := due[name]
		switch {
		case !ok:
			return fmt.Errorf("field name %v is not a string", tok)
		case !known:
			return fmt.Errorf("unknown field %.40q", name)
		case seen[name]:
			return fmt.Errorf("field %q stands twice", name)
		}
		seen[name] = true
		if err := r.value(f.t, depth); err != nil {
			return fmt.Errorf("%s: %v", name, err)
		}
	}
	for name, f := range due {
		if !f.optional && !seen[name] {
			return fmt.Errorf("field %q is missing", name)
		}
	}
	_, err := r.next() // the closing brace
	return err
}

func (r reader) list(t reflect.Type, depth int) error {
	if t.Kind() != reflect.Slice || isBytes(t) {
		return errors.New("a list does not belong here")
	}
	for i := 0; r.More(); i++ {
		if err := r.value(t.Elem(), depth); err != nil {
			return fmt.Errorf("[%d]: %v", i, err)
		}
	}
	_, err := r.next() // the closing bracket
	return err
}

type field struct {
	t        reflect.Type
	optional bool
}

// fields lists the fields of a struct, those of embedded structs included, by
// their names in JSON.
func fields(t reflect.Type) map[string]field {
	m := map[string]field{}
	for _, f := range reflect.VisibleFields(t) {
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			m[name] = field{f.Type, strings.Contains(opts, "omit")}
		}
	}
	return m
}

// isBytes reports whether encoding/json writes a type as base64; it would also
// read it from a list of numbers.
func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

func checkString(s string, t reflect.Type) error {
	if strings.ContainsRune(s, utf8.RuneError) {
		return fmt.Errorf("string %.40q holds a replacement character or a lone surrogate", s)
	}
	if !isBytes(t) {
		return nil
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || b64(b) != s { // Strict skips line breaks
		return errors.New("not canonical base64")
	}
	return nil
}

func checkNumber(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxInt || n < -maxInt || strconv.FormatInt(n, 10) != s {
		return fmt.Errorf("number %.40q is not an integer below 2^53", s)
	}
	return nil
}
