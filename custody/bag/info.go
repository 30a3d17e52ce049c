package bag

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Field is one line of bag-info.txt, "Label: Value" (RFC 8493, section
// 2.2.2). Labels may repeat. Neither part may be empty, start or end with
// white space or hold a control character, and a label holds no colon:
// values are never folded over several lines.
type Field struct{ Label, Value string }

const (
	oxumLabel = "Payload-Oxum"
	infoMax   = 64 << 10 // bytes of bag-info.txt
)

// oxum is the value of Payload-Oxum, "bytes.files".
func oxum(bytes int64, files int) string { return fmt.Sprintf("%d.%d", bytes, files) }

// check says what is wrong with the field, or "".
func (f Field) check() string {
	for _, s := range []string{f.Label, f.Value} {
		switch {
		case s == "":
			return "has an empty part"
		case !utf8.ValidString(s):
			return "is not valid UTF-8"
		case strings.TrimSpace(s) != s:
			return "starts or ends with white space"
		case strings.ContainsFunc(s, unicode.IsControl):
			return "holds a control character"
		}
	}
	if strings.Contains(f.Label, ":") {
		return "has a colon in its label"
	}
	return ""
}

// formatInfo is bag-info.txt: the sender's fields, then Payload-Oxum.
func formatInfo(fields []Field, bytes int64, files int) ([]byte, error) {
	var b []byte
	for _, f := range fields {
		if r := f.check(); r != "" {
			return nil, fmt.Errorf("writing bag-info field %q: %s", f.Label, r)
		}
		if strings.EqualFold(f.Label, oxumLabel) {
			return nil, fmt.Errorf("writing bag-info field %q: is computed, not given", f.Label)
		}
		b = fmt.Appendf(b, "%s: %s\n", f.Label, f.Value)
	}
	b = fmt.Appendf(b, "%s: %s\n", oxumLabel, oxum(bytes, files))
	if len(b) > infoMax {
		return nil, fmt.Errorf("writing bag-info: %d bytes, at most %d are allowed", len(b), infoMax)
	}
	return b, nil
}

// parseInfo reads what formatInfo writes and returns the fields before
// Payload-Oxum and the value of that.
func parseInfo(b []byte) (fields []Field, sum string, err error) {
	for len(b) > 0 {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			return nil, "", fmt.Errorf("parsing bag-info: no line end after %q", line)
		}
		b = rest
		label, value, ok := strings.Cut(string(line), ": ")
		if !ok {
			return nil, "", fmt.Errorf("parsing bag-info line %q: is not \"label: value\"", line)
		}
		f := Field{Label: label, Value: value}
		if r := f.check(); r != "" {
			return nil, "", fmt.Errorf("parsing bag-info line %q: %s", line, r)
		}
		if strings.EqualFold(label, oxumLabel) && (label != oxumLabel || len(b) > 0) {
			return nil, "", fmt.Errorf("parsing bag-info line %q: must be the last one and %s", line, oxumLabel)
		}
		fields = append(fields, f)
	}
	if len(fields) == 0 || fields[len(fields)-1].Label != oxumLabel {
		return nil, "", fmt.Errorf("parsing bag-info: has no %s", oxumLabel)
	}
	last := len(fields) - 1
	return fields[:last], fields[last].Value, nil
}
