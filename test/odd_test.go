package test_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oddNames are names that files may have on Linux and that programs get wrong.
func oddNames() []string {
	return []string{
		"plain.txt", ".hidden", "..two dots", "no extension.", " blanks ", "tab\there", "bell\a",
		"line\nbreak", "\n", "carriage\rreturn", "100%", "%0A literal", "%25 twice %%", "-rf", "--help", "-",
		`back\slash`, `\leading`, `\n`, `"quoted"`, "it's `$(x)` & ; | <y>", "*?[a-z]{b}", "~", "#", "!", "a:b", "con.txt",
		"Zürich — Straße.txt", "caf\u00e9", "cafe\u0301", "тема 1", "日本語のファイル", "ملف", "right \u202e left", "🗂 evidence 👩\u200d🔬",
		strings.Repeat("n", 255), strings.Repeat("語", 85), strings.Repeat("\u0301", 127),
	}
}

// makeOdd fills a folder with some 400 small files, a tenth of them empty, and
// empty folders, below folders that have odd names too. The longest path has more
// than 3,000 bytes; with all before it, it stays below PATH_MAX, for tar.
func makeOdd(t *testing.T, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	names := oddNames()
	folders := []string{"", "folder", "folder/with % and\nbreak", "-leading/dash", `folder/reverse\solidus`, " ", "空", "空/深い/もっと深い", "photos", "photos/1"}
	files := 0
	for i, folder := range folders {
		folder = filepath.Join(dir, folder)
		must(os.MkdirAll(folder, 0o755))
		for j, name := range names {
			content := strings.Repeat(fmt.Sprintf("file %d of folder %d\n", j, i), (i*j)%90)
			must(os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644))
			files++
		}
		must(os.MkdirAll(filepath.Join(folder, "empty folder", "100% empty\n"), 0o755))
	}
	must(os.WriteFile(filepath.Join(dir, "photos.zip"), []byte("sorts between photos and what is in it"), 0o644))
	long := strings.Repeat(strings.Repeat("p", 250)+"/", 12) + "the end"
	must(os.MkdirAll(filepath.Join(dir, filepath.Dir(long)), 0o755))
	must(os.WriteFile(filepath.Join(dir, long), []byte("far down"), 0o644))
	if len(long) <= 3000 || files < 350 {
		t.Fatalf("the longest path has %d bytes, there are %d files", len(long), files)
	}
}
