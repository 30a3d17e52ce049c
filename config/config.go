// Package config reads the files that people write: strict YAML, one struct a
// file, every key documented where it is declared, zero values that work.
//
// It refuses unknown and repeated keys, more than one document, and secrets:
// a secret is always the path of a file.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// load reads one YAML document into v. The name is for messages.
func load(name string, data []byte, v any) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %q: %v", name, err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %q: more than one document", name)
	}
	return nil
}
