package keyfile

import (
	"fmt"
	"io"
	"log/slog"
)

const hidden = "[secret]"

// Secret is a secret as text, without line ends after its last line. Whoever
// prints, logs or marshals it gets a placeholder; convert it to []byte to use
// it.
type Secret []byte

var (
	_ fmt.Formatter  = Secret(nil)
	_ slog.LogValuer = Secret(nil)
)

// String returns a placeholder.
func (s Secret) String() string { return hidden }

// Format writes a placeholder for every verb, %x and %d among them.
func (s Secret) Format(f fmt.State, verb rune) { io.WriteString(f, hidden) }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText returns a placeholder, also for encoding/json.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
