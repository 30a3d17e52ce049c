package dossier_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// mutant is a forged dossier, made when it is its turn: a file that Write would
// not make, or contents that it would.
type mutant struct {
	name string
	file func() []byte
	made func() *dossier.Dossier
}

// passes reports whether a mutant is taken for verified, and all of it as checked.
func (m mutant) passes(good *dossier.Dossier, raw []byte, pins dossier.Pins) bool {
	var d *dossier.Dossier
	if m.made != nil {
		if d = m.made(); reflect.DeepEqual(d, good) {
			return true // not altered at all: a fault of the test
		}
	} else {
		b := m.file()
		if bytes.Equal(b, raw) {
			return true
		}
		var err error
		if d, err = read(b); err != nil {
			return false
		}
	}
	v, err := dossier.Verify(d, pins)
	return err == nil && v.Documents != dossier.DocumentsNotChecked
}

// TestMutants alters a good dossier in every way this file knows, and demands
// that each of them fails, with the pins of the good one.
//
// There is one declared exception, which is not a mutant but a limit of the
// format: whole entries cut off the end of a record. See TestTailCut.
func TestMutants(t *testing.T) {
	s, d, raw := wholeTale(t)
	var all []mutant
	n := 0
	for _, make := range []func(testing.TB, *env.Story, *dossier.Dossier) []mutant{
		fieldMutants, repairedMutants, lineMutants, signatureMutants, proofMutants, checkpointMutants, fileMutants, graftMutants,
	} {
		all = append(all, make(t, s, d)...)
	}
	all = append(all, zipMutants(raw)...)
	made, step := len(all), stride()
	all = slices.DeleteFunc(all, func(mutant) bool { n++; return n%step != 0 })
	pins := s.Pins()
	survivors := parallel(all, func(m mutant) bool { return m.passes(d, raw, pins) })
	for _, name := range survivors {
		t.Errorf("mutant passes: %s", name)
	}
	t.Logf("%d mutants, %d tried, %d pass", made, len(all), len(survivors))
	if made <= 2000 || !testing.Short() && len(all) <= 500 {
		t.Errorf("only %d mutants, %d tried: want more than 2000, and 500 tried", made, len(all))
	}
}

// stride says which part of the mutants is tried: all of them before a release,
// every fourth by default, every twentieth in short runs, as under the race
// detector. The sorts overlap: each value is changed alone, with its copy, and
// with everything made to fit, so a part still meets every check.
func stride() int {
	switch {
	case os.Getenv("COMITY_TEST_REQUIRE") == "all":
		return 1
	case testing.Short():
		return 20
	}
	return 4
}

// parallel returns the names of the mutants that pass.
func parallel(all []mutant, passes func(mutant) bool) []string {
	var mu sync.Mutex
	var names []string
	var wg sync.WaitGroup
	for w := range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := w; i < len(all); i += runtime.GOMAXPROCS(0) {
				if passes(all[i]) {
					mu.Lock()
					names = append(names, all[i].name)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return names
}

// scalars returns, for each scalar of a JSON text, the text with that scalar
// changed to another of its kind and length, so that only its meaning is wrong.
func scalars(t testing.TB, text []byte) [][]byte {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var out [][]byte
	for {
		from := dec.InputOffset()
		tok, err := dec.Token()
		if err != nil {
			return out
		}
		to := dec.InputOffset()
		if rest := bytes.TrimLeft(text[to:], " \n"); len(rest) > 0 && rest[0] == ':' {
			continue // a field's name
		}
		raw := bytes.TrimLeft(text[from:to], " \n:,")
		if changed := change(tok, raw); changed != nil {
			out = append(out, slices.Concat(text[:int(to)-len(raw)], changed, text[to:]))
		}
	}
}

func change(tok json.Token, raw []byte) []byte {
	switch v := tok.(type) {
	case json.Number:
		n, _ := strconv.ParseInt(string(v), 10, 64)
		return strconv.AppendInt(nil, n+1, 10)
	case bool:
		return strconv.AppendBool(nil, !v)
	case string:
		b := bytes.Clone(raw)
		i := len(b) / 2
		switch c := b[i]; {
		case len(v) == 0:
			return []byte(`"x"`)
		case c >= '0' && c <= '8', c >= 'a' && c < 'f', c >= 'A' && c < 'Z':
			b[i]++
		case c == '"' || c == '\\':
			return nil
		default:
			b[i] = '1'
		}
		return b
	}
	return nil
}

// swapFile returns the dossier's files with one of them replaced.
func swapFile(files []dossier.File, name string, data []byte) []dossier.File {
	files = slices.Clone(files)
	for i, f := range files {
		if f.Name == name {
			files[i].Data = data
		}
	}
	return files
}

func base(name string) string { return name[strings.LastIndex(name, "/")+1:] }

// fieldMutants: each value of each JSON file, changed there alone; and each value
// of each signed payload, changed in the envelope and the readable copy alike.
func fieldMutants(t testing.TB, _ *env.Story, d *dossier.Dossier) (out []mutant) {
	files := dossier.Files(d)
	for _, f := range files {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		for i, text := range scalars(t, f.Data) {
			out = append(out, packed(fmt.Sprintf("%s: value %d", f.Name, i), swapFile(files, f.Name, text)))
		}
		if b := base(f.Name); b != "envelope.json" && b != "inner.json" {
			continue
		}
		e, err := statement.Parse(f.Data)
		fatalIfErr(t, err)
		for i, text := range scalars(t, e.Payload) {
			both := swapFile(swapFile(files, f.Name, repayload(f.Data, text)), strings.Replace(f.Name, "envelope", "statement", 1), text)
			out = append(out, packed(fmt.Sprintf("%s: value %d of the payload", f.Name, i), both))
		}
	}
	return out
}

// repayload returns the envelope with another payload under the old signatures.
func repayload(envelope, payload []byte) []byte {
	old, err := statement.Parse(envelope)
	must(err)
	b := base64.StdEncoding.EncodeToString
	return bytes.Replace(envelope, []byte(b(old.Payload)), []byte(b(payload)), 1)
}

// repairedMutants: as above, but by the relay: it owns the log and its key, so it
// makes entries, chain, leaves, proofs and checkpoint fit the changed payload. What
// it lacks are the parties' keys.
func repairedMutants(t testing.TB, s *env.Story, d *dossier.Dossier) (out []mutant) {
	for id, lines := range d.Records {
		for seq, l := range lines {
			e, err := statement.Parse(l.Envelope)
			fatalIfErr(t, err)
			for i, text := range scalars(t, e.Payload) {
				out = append(out, altered(fmt.Sprintf("record %s entry %d: value %d, relogged", id, seq, i), d, func(c *dossier.Dossier) {
					c.Records[id][seq].Envelope = repayload(l.Envelope, text)
					relog(s, c)
				}))
			}
		}
	}
	return out
}

// relog makes everything that the relay makes itself fit the envelopes of d.
func relog(s *env.Story, d *dossier.Dossier) {
	var log env.Log
	type at struct {
		id  custody.RecordID
		seq int
	}
	order := map[int64]at{}
	for id, lines := range d.Records {
		for seq, l := range lines {
			order[l.Index] = at{id, seq}
		}
	}
	for i := range int64(len(order)) {
		a := order[i]
		lines := d.Records[a.id]
		l := &lines[a.seq]
		e, err := custody.ParseEntry(l.Entry)
		must(err)
		first, err := statement.Parse(lines[0].Envelope)
		must(err)
		if e.Event == nil {
			env, err := statement.Parse(l.Envelope)
			must(err)
			e.Statement, e.Envelope = env.SHA256(), sum(l.Envelope)
		}
		if a.seq > 0 {
			e.Prev = lines[a.seq-1].Salted()
		}
		l.Entry = e.Marshal()
		_, err = log.Append(l.Leaf(first.SHA256(), e.Seq))
		must(err)
	}
	resign(s, d, &log)
}

func resign(s *env.Story, d *dossier.Dossier, log *env.Log) {
	var err error
	d.Checkpoint, err = log.Sign(s.LogSigner, s.Now().Time())
	must(err)
	for _, lines := range d.Records {
		for i := range lines {
			lines[i].Proof, err = log.Prove(lines[i].Index)
			must(err)
		}
	}
}

// must is for what runs beside the test's goroutine, where FailNow may not.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// TestRelog: the forger's tool itself is sound; relogging a good dossier gives a
// good dossier, so the mutants above fail by what was changed in them.
func TestRelog(t *testing.T) {
	s, d, _ := wholeTale(t)
	c := clone(d)
	c.Records["relay"][0].Salt[0] ^= 1 // the relay's own choice
	relog(s, c)
	v, err := dossier.Verify(c, s.Pins())
	fatalIfErr(t, err)
	if !v.Verified() {
		t.Error("a relogged dossier is not verified")
	}
}

// packed is the mutant of some files.
func packed(name string, files []dossier.File) mutant {
	return mutant{name: name, file: func() []byte { return dossier.Pack(files) }}
}

// altered is the mutant of a change.
func altered(name string, d *dossier.Dossier, f func(*dossier.Dossier)) mutant {
	return mutant{name: name, made: func() *dossier.Dossier {
		c := clone(d)
		f(c)
		return c
	}}
}

// path returns the name of a file of an entry.
func path(d *dossier.Dossier, id custody.RecordID, seq int, name string) string {
	folder := strings.Replace(string(id), "/", "-", 1)
	if string(id) == d.Request {
		folder = "request"
	}
	return fmt.Sprintf("records/%s/%06d/%s", folder, seq, name)
}
