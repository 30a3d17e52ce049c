package deliver

import (
	"strconv"
	"strings"

	"comity.example/comity/internal/wire"
)

// Span is a run of bytes of something of Size bytes.
type Span struct {
	Off, Length int64
	Size        int64
	Partial     bool // asked for by a Range
}

// ParseRange reads a Range field (RFC 9110, section 14.2) of exactly one range
// of bytes; the empty field means the whole. A range that ends beyond the end is
// cut there, one that begins beyond it is refused with range-not-satisfiable,
// and several ranges are refused: nobody here asks for them.
func ParseRange(header string, size int64) (Span, error) {
	if header == "" {
		return Span{Length: size, Size: size}, nil
	}
	malformed := wire.NewProblem(wire.CodeMalformed, "the Range is not one range of bytes")
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, ok2 := strings.Cut(spec, "-")
	if !ok || !ok2 {
		return Span{}, malformed
	}
	if first == "" {
		n, ok := number(last)
		if !ok {
			return Span{}, malformed
		}
		return span(max(0, size-n), size-1, size)
	}
	off, ok := number(first)
	end := size - 1
	if last != "" && ok {
		end, ok = number(last)
	}
	if !ok || last != "" && end < off {
		return Span{}, malformed
	}
	return span(off, min(end, size-1), size)
}

func span(off, last, size int64) (Span, error) {
	if off >= size || last < off {
		return Span{}, wire.NewProblem(wire.CodeRange, "")
	}
	return Span{Off: off, Length: last - off + 1, Size: size, Partial: true}, nil
}

// number reads digits and nothing else.
func number(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
