package command

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"comity.example/comity/custody/dossier/page"
	"comity.example/comity/test/need"
)

// TestVerifyDocument runs the commands of docs/verify.md by a shell, those with stock
// tools included.
func TestVerifyDocument(t *testing.T) {
	for _, program := range []string{"bash", "unzip", "jq", "openssl", "sha256sum", "base64"} {
		need.Program(t, program)
	}
	text, err := os.ReadFile("../../../docs/verify.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	blocks := strings.Split(string(text), "```sh\n")[1:]
	for _, b := range blocks {
		code, _, _ := strings.Cut(b, "```")
		script.WriteString(code)
	}
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of commands, want 2: what this test cannot run as it stands is indented instead", len(blocks))
	}
	world := t.TempDir()
	build(t, world)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/document",
		Setup: func(e *testscript.Env) error {
			at := func(name string) string { return filepath.Join(e.WorkDir, name) }
			return errors.Join(os.CopyFS(e.WorkDir, os.DirFS(world)), os.Rename(at("good.dossier"), at("case.comity")), os.Rename(at("pins"), at("pins.txt")),
				os.Rename(at("src"), at("exhibits")), os.WriteFile(at("verify.sh"), []byte(script.String()), 0o600))
		},
	})
}

// TestPage: the program prints the page, and nothing else with it.
func TestPage(t *testing.T) {
	var out, said bytes.Buffer
	if status := run([]string{"--page"}, &out, &said); status != 0 || !bytes.Equal(out.Bytes(), page.HTML()) || said.Len() > 0 {
		t.Errorf("--page: status %d, %d bytes, %s", status, out.Len(), said.String())
	}
	for _, args := range [][]string{{"--page", "case.comity"}, {"case.comity", "--page"}, {"--page", "--json"}} {
		if status := run(args, &out, &said); status != 2 {
			t.Errorf("%v: status %d, want 2", args, status)
		}
	}
}
