package gateway_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// tap is a connection that remembers the last answer.
type tap struct {
	*link.Conn
	t    testing.TB
	last answer
}

// RoundTrip implements http.RoundTripper.
func (c *tap) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.Conn.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	c.last = answerOf(c.t, resp)
	resp.Body = inMemory{strings.NewReader(c.last.body)}
	return resp, nil
}

// inMemory is a body that is in memory.
type inMemory struct{ *strings.Reader }

// Close implements io.Closer.
func (inMemory) Close() error { return nil }

// kept is all that a relay keeps and serves, as far as refusals may not change it.
// Entries of the relay's own events, and the log that holds them, may grow.
type kept map[string]string

// keptTables are the tables that hold what parties brought. Of the entries only
// those of statements count: an event has no envelope.
var keptTables = map[string]string{
	"statements": "SELECT idx, record, seq, kind, statement_sha256, entry, envelope, salt, leaf FROM entries WHERE length(envelope) > 0 ORDER BY idx",
	"parties":    "SELECT * FROM parties ORDER BY 1, 2",
	"packages":   "SELECT * FROM packages ORDER BY 1",
	"uploads":    "SELECT * FROM uploads ORDER BY 1, 2",
	"parts":      "SELECT * FROM parts ORDER BY 1, 2",
	"recalled":   "SELECT * FROM recalled ORDER BY 1",
	"holds":      "SELECT * FROM holds ORDER BY 1",
	"annexes":    "SELECT * FROM annexes ORDER BY 1, 2",
	"proposals":  "SELECT * FROM proposals ORDER BY 1",
	"pins":       "SELECT * FROM pins ORDER BY 1",
}

// keep takes down what the relay keeps and serves now.
func (f *faults) keep() kept {
	f.t.Helper()
	k := kept{}
	for name, query := range keptTables {
		k["table "+name] = fmt.Sprintf("%x", f.rows(query))
	}
	for name, data := range f.files("store") {
		switch {
		case strings.HasPrefix(name, "store/objects/log/"), strings.HasPrefix(name, "store/objects/records/"):
		default:
			k["file "+name] = sum(data).String()
		}
	}
	for _, m := range []*machine{f.nl.lab, f.fr.lab} {
		p := f.party(m, link.H2)
		for _, path := range f.gets() {
			k["GET "+path+" by "+string(m.id)] = served(f.t, send(f.t, p.tap, http.MethodGet, path, nil))
		}
	}
	return k
}

// gets lists what can be read about the cases and packages of the world.
func (f *faults) gets() []string {
	list := []string{"/v1/relay", "/v1/directory/nl", "/v1/proposals", "/v1/records/authority/nl"}
	for _, s := range f.cases() {
		list = append(list, "/v1/records/"+string(s.id()), "/v1/annexes/"+sum(s.annexes[s.request]).String())
	}
	for _, b := range []*bundle{f.waiting, f.sealed, f.recalled, f.second} {
		for _, of := range []string{"", "/head", "/inner", "/payload"} {
			list = append(list, "/v1/packages/"+b.id+of)
		}
	}
	return list
}

// served is an answer, of a record only the envelopes in it.
func served(t testing.TB, a answer) string {
	t.Helper()
	var p wire.RecordProof
	if json.Unmarshal([]byte(a.body), &p) != nil || p.Record == "" {
		return fmt.Sprintf("%d %s", a.status, a.body)
	}
	var list [][]byte
	for _, l := range p.Lines {
		if len(l.Envelope) > 0 {
			list = append(list, l.Envelope)
		}
	}
	return fmt.Sprintf("%d %x", a.status, list)
}

// rows returns all values of a query, through a connection of its own.
func (f *faults) rows(query string) (list [][]byte) {
	f.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(f.dir, "relay.db"))+"?mode=ro&_pragma=busy_timeout(30000)")
	check(f.t, err)
	defer db.Close()
	rows, err := db.Query(query)
	check(f.t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	check(f.t, err)
	for rows.Next() {
		row, to := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
		for i := range row {
			to[i] = &row[i]
		}
		check(f.t, rows.Scan(to...))
		for _, v := range row {
			list = append(list, bytes.Clone(v))
		}
	}
	check(f.t, rows.Err())
	return list
}

// files returns every file below a folder of the relay's, by its path. One that
// vanishes meanwhile is no longer kept.
func (f *faults) files(folder string) map[string][]byte {
	f.t.Helper()
	list := map[string][]byte{}
	root := os.DirFS(f.dir)
	check(f.t, fs.WalkDir(root, folder, func(name string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		if os.IsNotExist(err) {
			return nil
		}
		list[name] = data
		return err
	}))
	return list
}

// holds says where bytes stand: in a file of the relay's, its database and the
// database's journal among them, or in a value of a table. It looks for some bytes
// near the end, which in an envelope are of a signature: in the middle of two
// directories stand the same enrolments.
func (f *faults) holds(b []byte) (where []string) {
	f.t.Helper()
	needle := b[len(b)-90:][:48]
	for name, data := range f.files(".") {
		if bytes.Contains(data, needle) {
			where = append(where, name)
		}
	}
	for _, table := range f.rows("SELECT name FROM sqlite_schema WHERE type = 'table'") {
		if slices.ContainsFunc(f.rows(fmt.Sprintf("SELECT * FROM %q", table)), func(v []byte) bool { return bytes.Contains(v, needle) }) {
			where = append(where, fmt.Sprintf("table %s", table))
		}
	}
	return where
}

// same compares what is kept with what was kept before.
func (k kept) same(t testing.TB, what string, before kept) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if now, ok := k[name]; !ok || now != before[name] {
			t.Errorf("%s: %s has changed", what, name)
		}
	}
	for name := range k {
		if _, ok := before[name]; !ok {
			t.Errorf("%s: %s is new", what, name)
		}
	}
}
