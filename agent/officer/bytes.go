package officer

import (
	"fmt"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// maxBytes is the largest number that every JSON reader holds exactly.
const maxBytes = 1<<53 - 1

// Bytes is a number of bytes that people write like 500 GiB, 2 TB or 1048576.
type Bytes int64

var (
	bytesPattern = regexp.MustCompile(`^([0-9]{1,19}) ?([kKMGTP]i?)?B?$`)
	byteUnits    = map[string]int64{"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
		"ki": 1 << 10, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50}
)

// ParseBytes reads a number of bytes, at least 1.
func ParseBytes(s string) (Bytes, error) {
	m := bytesPattern.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("malformed size %q: want bytes like 500 GiB or 1048576", s)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	unit := byteUnits[m[2]]
	if err != nil || n < 1 || n > maxBytes/unit {
		return 0, fmt.Errorf("size %q is out of range", s)
	}
	return Bytes(n * unit), nil
}

// String writes the size in the largest binary unit that divides it, exactly.
func (b Bytes) String() string {
	for _, u := range []string{"Pi", "Ti", "Gi", "Mi", "Ki"} {
		if n := byteUnits[u]; b != 0 && int64(b)%n == 0 {
			return fmt.Sprintf("%d %sB", int64(b)/n, u)
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// About writes a size for people, in three digits or so.
func About(n int64) string {
	for _, u := range []string{"Pi", "Ti", "Gi", "Mi", "Ki"} {
		if n >= byteUnits[u] {
			return fmt.Sprintf("%.1f %sB", float64(n)/float64(byteUnits[u]), u)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// UnmarshalYAML reads a number or a text.
func (b *Bytes) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a size does not belong here", n.Line)
	}
	v, err := ParseBytes(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %v", n.Line, err)
	}
	*b = v
	return nil
}
