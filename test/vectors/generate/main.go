// Command generate writes the test vectors anew: go run ./test/vectors/generate, from
// the root of the tree. It removes those that are not made any more, and nothing else.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"comity.example/comity/test/vectors"
)

func main() {
	if err := run(filepath.Join("test", "vectors")); err != nil {
		fmt.Fprintln(os.Stderr, "generate: error:", err)
		os.Exit(1)
	}
}

func run(folder string) error {
	all, err := vectors.All()
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(folder, "*", "*.vector"))
	if err != nil {
		return err
	}
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	for i := range all {
		path := filepath.Join(folder, filepath.FromSlash(all[i].Name)+".vector")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, all[i].Marshal(), 0o644); err != nil {
			return err
		}
	}
	fmt.Println(len(all), "vectors")
	return nil
}
