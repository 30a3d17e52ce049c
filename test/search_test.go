package test_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	_ "modernc.org/sqlite" // reads the relay's database
)

// hay is something that is searched: a file, or a value of a database.
type hay struct {
	name string
	data []byte
}

// files returns every file below a folder, and the names of all.
func files(t *testing.T, dir string) []hay {
	t.Helper()
	var list []hay
	var names strings.Builder
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintln(&names, name)
		if d.IsDir() {
			return nil
		}
		data, err := fs.ReadFile(root, name)
		list = append(list, hay{name, data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(list, hay{"the names of its files", []byte(names.String())})
}

// values returns every value of a SQLite database. In the file a long one is
// spread over pages, and a word may stand across two.
func values(t *testing.T, path string) []hay {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tables, err := column(db, "SELECT name FROM sqlite_schema WHERE type = 'table'")
	if err != nil || len(tables) == 0 {
		t.Fatalf("%s: %d tables, %v", path, len(tables), err)
	}
	var list []hay
	for _, table := range tables {
		rows, err := column(db, fmt.Sprintf("SELECT * FROM %q", table))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range rows {
			list = append(list, hay{fmt.Sprintf("table %s of %s", table, filepath.Base(path)), v})
		}
	}
	return list
}

// column returns all values of a query's rows, as bytes.
func column(db *sql.DB, query string) (list [][]byte, err error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row := make([]sql.RawBytes, len(columns))
		to := make([]any, len(columns))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			return nil, err
		}
		for _, v := range row {
			list = append(list, bytes.Clone(v))
		}
	}
	return list, rows.Err()
}

// find says where a word stands, in any form in which it can be read, and in which
// form. Of a word that can be guessed the hash is a form too.
func find(list []hay, word string) (hits []string) {
	for form, needle := range needles(word) {
		for _, h := range list {
			if bytes.Contains(h.data, needle) {
				hits = append(hits, fmt.Sprintf("%s, %s", h.name, form))
			}
		}
	}
	return hits
}

// needles returns what to look for, by the name of the form.
func needles(word string) map[string][]byte {
	m := map[string][]byte{}
	for of, s := range map[string]string{"": word, "lower case ": strings.ToLower(word), "upper case ": strings.ToUpper(word)} {
		m[of+"plain"] = []byte(s)
		m[of+"UTF-16"] = wide(s)
		encodings(m, of, []byte(s))
	}
	sum := sha256.Sum256([]byte(word))
	m["SHA-256"] = sum[:]
	encodings(m, "SHA-256 in ", sum[:])
	return m
}

// encodings adds hexadecimal, base64, and the base64 of base64: what stands in a
// statement and again in its envelope.
func encodings(m map[string][]byte, of string, b []byte) {
	lower := hex.EncodeToString(b)
	m[of+"hexadecimal"], m[of+"hexadecimal, upper case"] = []byte(lower), []byte(strings.ToUpper(lower))
	for name, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		for i := range 3 {
			once := aligned(enc, b, i)
			m[fmt.Sprintf("%s%s, alignment %d", of, name, i)] = once
			for j := range 3 {
				m[fmt.Sprintf("%s%s twice, alignments %d and %d", of, name, i, j)] = aligned(enc, once, j)
			}
		}
	}
}

// aligned is how bytes look in base64 when n other bytes (modulo 3) stand before
// them, without the characters that depend on the neighbours.
func aligned(enc *base64.Encoding, b []byte, n int) []byte {
	whole := enc.EncodeToString(append(make([]byte, n), b...))
	first := (n*8 + 5) / 6       // characters that hold bits of what stands before
	last := (n + len(b)) * 8 / 6 // characters that are full
	return []byte(whole[first:last])
}

// wide is UTF-16, little-endian, without the last zero: so it is found in
// big-endian too.
func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b[:len(b)-1]
}

// TestSearch plants a word, in each form and among other bytes, in a file, in a
// file's name, and in a database, and wants the search to find it there.
func TestSearch(t *testing.T) {
	const word = "CanaryOfTheSearchZ8mQ4"
	wide := func(s string, low int) []byte {
		b := make([]byte, 2*len(s))
		for i := range s {
			b[2*i+low] = s[i]
		}
		return b
	}
	sum := sha256.Sum256([]byte(word))
	planted := map[string][]byte{
		"plain": []byte(word), "lower case": []byte(strings.ToLower(word)), "upper case": []byte(strings.ToUpper(word)),
		"UTF-16LE": wide(word, 0), "UTF-16BE": wide(word, 1), "UTF-16LE in upper case": wide(strings.ToUpper(word), 0),
		"hex": []byte(hex.EncodeToString([]byte(word))), "HEX": fmt.Appendf(nil, "%X", word), "hex of lower case": fmt.Appendf(nil, "%x", strings.ToLower(word)),
		"SHA-256": sum[:], "SHA-256 in hex": fmt.Appendf(nil, "%x", sum), "SHA-256 in base64": []byte(base64.StdEncoding.EncodeToString(sum[:])),
	}
	for i := range 3 {
		text := []byte(strings.Repeat(">", i) + word + "~?~?")
		std, url := base64.StdEncoding.EncodeToString(text), base64.URLEncoding.EncodeToString(text)
		planted[fmt.Sprintf("base64 after %d", i)] = []byte(std)
		planted[fmt.Sprintf("base64url after %d", i)] = []byte(url)
		for j := range 3 {
			planted[fmt.Sprintf("base64 of base64 after %d and %d", i, j)] = []byte(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("?", j) + std)))
		}
	}
	dir := t.TempDir()
	noise := bytes.Repeat([]byte("\x00\xffnoise ABCD "), 1000)
	path := filepath.Join(dir, "store", "object")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	plant := func(data ...[]byte) []hay {
		if err := os.WriteFile(path, bytes.Join(data, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		return files(t, dir)
	}
	if hits := find(plant(noise), word); len(hits) > 0 {
		t.Errorf("the search finds what is not there: %v", hits)
	}
	for form, data := range planted {
		if len(find(plant(noise, data, noise), word)) == 0 {
			t.Errorf("%s is not found", form)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, word), 0o700); err != nil {
		t.Fatal(err)
	}
	if len(find(plant(noise), word)) == 0 {
		t.Error("a folder's name is not found")
	}
	searchDatabase(t, word)
}

// searchDatabase plants a word at every place of a long value, so that in some of
// them it stands across two pages of the file.
func searchDatabase(t *testing.T, word string) {
	path := filepath.Join(t.TempDir(), "planted.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE planted (value BLOB)"); err != nil {
		t.Fatal(err)
	}
	for n := 4000; n < 4200; n += 10 {
		if _, err := db.Exec("DELETE FROM planted"); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("INSERT INTO planted VALUES (?)", []byte(strings.Repeat("x", n)+word+strings.Repeat("x", 5000))); err != nil {
			t.Fatal(err)
		}
		if len(find(values(t, path), word)) == 0 {
			t.Errorf("the word is not found behind %d bytes of a value", n)
		}
	}
}
