package deliver_test

import (
	"fmt"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/deliver"
	"comity.example/comity/internal/wire"
)

func TestParseRange(t *testing.T) {
	part := func(off, length int64) deliver.Span {
		return deliver.Span{Off: off, Length: length, Size: 100, Partial: true}
	}
	for _, row := range []struct {
		header string
		want   deliver.Span
		code   custody.Code
	}{
		{"", deliver.Span{Length: 100, Size: 100}, ""},
		{"bytes=0-0", part(0, 1), ""}, {"bytes=10-19", part(10, 10), ""}, {"bytes=90-", part(90, 10), ""},
		{"bytes=90-200", part(90, 10), ""}, {"bytes=-10", part(90, 10), ""}, {"bytes=-1000", part(0, 100), ""},
		{"bytes=100-", deliver.Span{}, wire.CodeRange}, {"bytes=100-200", deliver.Span{}, wire.CodeRange}, {"bytes=-0", deliver.Span{}, wire.CodeRange},
		{"bytes=9-8", deliver.Span{}, wire.CodeMalformed}, {"bytes=-", deliver.Span{}, wire.CodeMalformed}, {"bytes=", deliver.Span{}, wire.CodeMalformed},
		{"bytes=1-2,4-5", deliver.Span{}, wire.CodeMalformed}, {"bytes=+1-2", deliver.Span{}, wire.CodeMalformed}, {"Bytes=1-2", deliver.Span{}, wire.CodeMalformed},
		{"bytes= 1-2", deliver.Span{}, wire.CodeMalformed}, {"bytes=99999999999999999999-", deliver.Span{}, wire.CodeMalformed}, {"bytes=1--2", deliver.Span{}, wire.CodeMalformed},
	} {
		got, err := deliver.ParseRange(row.header, 100)
		if got != row.want || wire.CodeOf(err) != row.code {
			t.Errorf("ParseRange(%q) = %+v, %v; want %+v, %q", row.header, got, err, row.want, row.code)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"", "bytes=0-0", "bytes=-5", "bytes=5-", "bytes=1-2,3-4", "bytes=99999999999999999999-"} {
		f.Add(s, int64(100))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 1 {
			return
		}
		s, err := deliver.ParseRange(header, size)
		if err != nil {
			return
		}
		if s.Off < 0 || s.Length < 1 || s.Off > size-s.Length {
			t.Errorf("ParseRange(%q, %d) = %+v", header, size, s)
		}
		again, err := deliver.ParseRange(fmt.Sprintf("bytes=%d-%d", s.Off, s.Off+s.Length-1), size)
		if again.Partial = s.Partial; err != nil || again != s {
			t.Errorf("%+v reads back as %+v, %v", s, again, err)
		}
	})
}
