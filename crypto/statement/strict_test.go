package statement_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"comity.example/comity/crypto/statement"
)

type base struct {
	Type  string `json:"_type"`
	After *inner `json:"after,omitempty"`
}

type inner struct {
	N    int64    `json:"n"`
	List []inner  `json:"list,omitempty"`
	Text []string `json:"text,omitempty"`
}

type doc struct {
	base2
	base
	Flag  bool             `json:"flag,omitempty"`
	Bytes []byte           `json:"bytes,omitempty"`
	Sum   statement.Digest `json:"sum,omitzero"`
	Time  *statement.Time  `json:"time,omitempty"`
	Map   map[string]int   `json:"map,omitempty"`
	Any   any              `json:"any,omitempty"`
	Fixed [2]int           `json:"fixed,omitzero"`
	Deep  [][]int          `json:"deep,omitempty"`
	Plain string           `json:"plain,omitempty"`
	None  string           `json:"-"`
	local string
}

type base2 struct {
	Second int64 `json:"second,omitempty"`
}

func nested(open, close string, n int) string {
	return strings.Repeat(open, n) + strings.Repeat(close, n)
}

// TestDecode lists what one reader could take for another.
func TestDecode(t *testing.T) {
	sum := `"` + strings.Repeat("0a", 32) + `"`
	for in, ok := range map[string]bool{
		`{"_type":"x"}`:                                 true,
		" {\n\t\"_type\" : \"x\" }\r\n":                 true,
		`{"\u005ftype":"x"}`:                            true, // the bytes are signed as they are
		`{"_type":"x","second":1,"flag":true}`:          true,
		`{"_type":"\ud83d\ude00 é \u0000"}`:             true,
		`{"_type":"x","after":{"n":9007199254740991}}`:  true,
		`{"_type":"x","after":{"n":-9007199254740991}}`: true,
		`{"_type":"x","sum":` + sum + `}`:               true,
		`{"_type":"x","time":"2026-03-01T10:00:00.5Z"}`: true,
		`{"_type":"x","bytes":"AAE="}`:                  true,
		`{"_type":"x","deep":[[1],[2,3],[]]}`:           true,
		`{"_type":"x","after":{"n":1,"text":["a"]}}`:    true,

		"":                                    false,
		"{":                                   false,
		`{"_type":"x"`:                        false,
		`{"_type":`:                           false,
		`{"_type"`:                            false,
		`{}`:                                  false,
		`[]`:                                  false,
		`null`:                                false,
		`"x"`:                                 false,
		`1`:                                   false,
		`{"_type":"x"}{}`:                     false,
		`{"_type":"x"} x`:                     false,
		`{"_type":"x"}}`:                      false,
		`{"_type":"x",}`:                      false,
		`{,"_type":"x"}`:                      false,
		`{"_type":"x" "flag":1}`:              false,
		`{'_type':'x'}`:                       false,
		`{_type:"x"}`:                         false,
		`{1:"x"}`:                             false,
		"\ufeff" + `{"_type":"x"}`:            false,
		"{\"_type\":\"x\"}\x00":               false,
		"{\"_type\":\"\xff\"}":                false,
		"{\"_type\":\"\xc0\x80\"}":            false,
		"{\"_type\":\"\xed\xa0\x80\"}":        false,
		"{\"_type\":\"a\nb\"}":                false,
		`{"_type":"\ud800"}`:                  false,
		`{"_type":"\udc00\ud800"}`:            false,
		`{"_type":"\ufffd"}`:                  false,
		"{\"_type\":\"\ufffd\"}":              false,
		`{"_type":"\x41"}`:                    false,
		`{"_type":"x","_type":"x"}`:           false,
		`{"_type":"x","\u005ftype":"y"}`:      false,
		`{"_type":"x","after":{"n":1,"n":2}}`: false,
		`{"_type":"x","after":{"list":[{"n":1,"n":1}],"n":1}}`: false,
		`{"_Type":"x"}`:                                    false,
		`{"_type":"x","Flag":true}`:                        false,
		`{"_type":"x","after":{"N":1}}`:                    false,
		`{"_type":"x","ſecond":1}`:                         false, // folds to s
		`{"_type":"x","unknown":1}`:                        false,
		`{"_type":"x","after":{"n":1,"x":1}}`:              false,
		`{"_type":"x","base":{"_type":"x"}}`:               false,
		`{"_type":"x","Bare":"x"}`:                         false,
		`{"_type":"x","None":"x"}`:                         false,
		`{"_type":"x","-":"x"}`:                            false,
		`{"_type":"x","local":"x"}`:                        false,
		`{"_type":"x","":"x"}`:                             false,
		`{"_type":null}`:                                   false,
		`{"_type":"x","after":null}`:                       false,
		`{"_type":"x","after":{}}`:                         false,
		`{"_type":"x","after":{"n":1,"list":[null]}}`:      false,
		`{"_type":"x","after":{"n":1.0}}`:                  false,
		`{"_type":"x","after":{"n":1e3}}`:                  false,
		`{"_type":"x","after":{"n":-0}}`:                   false,
		`{"_type":"x","after":{"n":+1}}`:                   false,
		`{"_type":"x","after":{"n":01}}`:                   false,
		`{"_type":"x","after":{"n":9007199254740992}}`:     false,
		`{"_type":"x","after":{"n":99999999999999999999}}`: false,
		`{"_type":"x","after":{"n":NaN}}`:                  false,
		`{"_type":"x","after":{"n":"1"}}`:                  false,
		`{"_type":"x","after":{"n":true}}`:                 false,
		`{"_type":1}`:                                      false,
		`{"_type":["x"]}`:                                  false,
		`{"_type":{"x":1}}`:                                false,
		`{"_type":"x","after":[{"n":1}]}`:                  false,
		`{"_type":"x","after":{"n":1,"list":{"n":1}}}`:     false,
		`{"_type":"x","flag":1}`:                           false,
		`{"_type":"x","flag":"true"}`:                      false,
		`{"_type":"x","map":{"a":1}}`:                      false,
		`{"_type":"x","any":{"a":1}}`:                      false,
		`{"_type":"x","any":[1]}`:                          false,
		`{"_type":"x","fixed":[1,2]}`:                      false,
		`{"_type":"x","bytes":[0,1]}`:                      false,
		`{"_type":"x","bytes":"AAE"}`:                      false,
		`{"_type":"x","bytes":"AAF="}`:                     false, // bits that say nothing
		`{"_type":"x","bytes":"AA\nE="}`:                   false,
		`{"_type":"x","bytes":"_-E="}`:                     false,
		`{"_type":"x","sum":"00"}`:                         false,
		`{"_type":"x","sum":` + strings.ToUpper(sum) + `}`: false,
		`{"_type":"x","sum":{"a":1}}`:                      false,
		`{"_type":"x","sum":[1]}`:                          false,
		`{"_type":"x","sum":0}`:                            false,
		`{"_type":"x","time":"2026-03-01T10:00:00+00:00"}`: false,
		`{"_type":"x","time":"2026-03-01T10:00:00.50Z"}`:   false,
		`{"_type":"x","time":{}}`:                          false,
	} {
		var d doc
		if err := statement.Decode([]byte(in), &d); (err == nil) != ok {
			t.Errorf("Decode(%q): %v, want ok %t", in, err, ok)
		}
		_ = d.local
	}
}

// TestDecodeReads checks that what is accepted is read, embedded fields included.
func TestDecodeReads(t *testing.T) {
	var d doc
	in := `{"second":2,"_type":"x","after":{"n":-5,"list":[{"n":6,"text":["a","b"]}]},"flag":true,"bytes":"AAE=","deep":[[1],[]],"plain":"<&>"}`
	if err := statement.Decode([]byte(in), &d); err != nil {
		t.Fatal(err)
	}
	if d.Type != "x" || d.Second != 2 || d.After.N != -5 || d.After.List[0].Text[1] != "b" || !d.Flag || d.Bytes[1] != 1 || d.Deep[0][0] != 1 || d.Plain != "<&>" {
		t.Errorf("read %+v", d)
	}
}

type tree struct {
	C []tree `json:"c,omitempty"`
}

// TestDepth checks eight levels and nine, and that depth costs no stack.
func TestDepth(t *testing.T) {
	for levels, ok := range map[int]bool{7: true, 8: true, 9: false, 2_000_000: false} {
		in := strings.Repeat(`{"c":[`, levels/2) + strings.Repeat(`]}`, levels/2)
		if levels%2 == 1 {
			in = strings.Repeat(`{"c":[`, levels/2) + `{}` + strings.Repeat(`]}`, levels/2)
		}
		var v tree
		if err := statement.Decode([]byte(in), &v); (err == nil) != ok {
			t.Errorf("%d levels: %v, want ok %t", levels, err, ok)
		}
	}
	var v tree
	for _, in := range []string{nested("[", "]", 1_000_000), strings.Repeat(`{"c":`, 1_000_000), strings.Repeat("[", 3_000_000)} {
		if err := statement.Decode([]byte(in), &v); err == nil {
			t.Error("a million levels are accepted")
		}
	}
}

// TestMemory checks that hostile input of the largest size is not turned into a
// much larger tree before it is refused.
func TestMemory(t *testing.T) {
	for name, in := range map[string]string{
		"numbers":  `{"_type":"x","any":[` + strings.Repeat("0,", 2<<20) + `0]}`,
		"lists":    `{"_type":"x","any":[` + strings.Repeat("[],", 4<<20/3) + `[]]}`,
		"strings":  `{"_type":"x","unknown":["` + strings.Repeat(`","`, 4<<20/3) + `"]}`,
		"unknown":  `{"` + strings.Repeat("x", 4<<20) + `":1}`,
		"number":   `{"_type":"x","after":{"n":` + strings.Repeat("9", 4<<20) + `}}`,
		"one name": `{"_type":"x"` + strings.Repeat(`,"flag":true`, 4<<20/12) + `}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var d doc
		err := statement.Decode([]byte(in), &d)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 40<<20 {
			t.Errorf("%s: %d bytes of input cost %d of memory", name, len(in), used)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"_type":"x","after":{"n":1,"list":[{"n":2}]},"bytes":"AAE=","deep":[[1]]}`))
	f.Add([]byte(`{"_type":"\ud800","time":"2026-03-01T10:00:00Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d, again doc
		if statement.Decode(data, &d) != nil {
			return
		}
		var loose doc
		if err := json.Unmarshal(data, &loose); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		printed := statement.Encode(d)
		if err := statement.Decode(printed, &again); err != nil {
			t.Fatalf("%s prints as %s, which is refused: %v", data, printed, err)
		}
		if string(statement.Encode(again)) != string(printed) {
			t.Errorf("%s prints as %s", printed, statement.Encode(again))
		}
	})
}
