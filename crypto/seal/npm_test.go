package seal_test

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/test/need"
)

//go:embed testdata/open.mjs
var openScript []byte

// npmFolder is a folder in which the npm package age-encryption is installed: an
// implementation of age in another language, by other code down to the primitives.
func npmFolder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("COMITY_TEST_AGE_NPM")
	_, err := exec.LookPath("node")
	if dir == "" || err != nil {
		need.Missing(t, "a second implementation of age: COMITY_TEST_AGE_NPM is %q, node: %v; to make one: npm install --prefix FOLDER age-encryption@0.3.1", dir, err)
	}
	return dir
}

// TestOpenByNPM opens what we seal with age-encryption: a payload of several parts,
// for each recipient, and a small file.
func TestOpenByNPM(t *testing.T) {
	dir := npmFolder(t)
	id1, r1 := newKey(t)
	id2, r2 := newKey(t)
	other, _ := newKey(t)
	plain := noise(seal.PartPlain + 3*seal.ChunkSize + 7)
	s, err := seal.NewSealer(int64(len(plain)), r1, r2)
	fatalIfErr(t, err)
	large := append(s.Head(), sealAll(t, s, plain)...)
	small, err := seal.SealSmall([]byte("inner statement"), 1<<20, r1, r2)
	fatalIfErr(t, err)
	for _, tt := range []struct {
		name        string
		file, plain []byte
		id          string
		opens       bool
	}{
		{"large, first recipient", large, plain, id1.String(), true},
		{"large, second recipient", large, plain, id2.String(), true},
		{"small", small, []byte("inner statement"), id2.String(), true},
		{"small, nobody", small, nil, other.String(), false},
		{"large, cut", large[:len(large)-1], nil, id1.String(), false},
	} {
		file, keys := filepath.Join(t.TempDir(), "file.age"), filepath.Join(t.TempDir(), "keys.txt")
		fatalIfErr(t, os.WriteFile(file, tt.file, 0o600))
		fatalIfErr(t, os.WriteFile(keys, []byte(tt.id+"\n"), 0o600))
		cmd := exec.Command("node", "--input-type=module", "-", file, keys)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(openScript)
		out, err := cmd.CombinedOutput()
		want := fmt.Sprintf("%d %x", len(tt.plain), sha256.Sum256(tt.plain))
		if got := strings.TrimSpace(string(out)); (err == nil) != tt.opens || tt.opens && got != want {
			t.Errorf("%s: %v, %s; want %t, %s", tt.name, err, got, tt.opens, want)
		}
	}
}
