package s3server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Program is a server's program, which may have to be built.
type Program struct {
	Path string

	// Command is the command line that builds it, as a user can type it.
	Command []string
}

// Versitygw returns where versitygw is, if it is built from the sources as they are
// now: those of the module that the working directory is in.
func Versitygw() (*Program, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	module := filepath.Join(root, "test", "s3")
	h := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "versitygw/versitygw.go", "versitygw/prepare.go"} {
		b, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return nil, fmt.Errorf("reading the sources of the S3 server: %v", err)
		}
		fmt.Fprintf(h, "%d %s\n%s", len(b), name, b)
	}
	cache, err := Cache()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(cache, fmt.Sprintf("versitygw-%.8x", h.Sum(nil)), ProgramName("versitygw"))
	return &Program{path, []string{"go", "build", "-C", module, "-o", path, "./versitygw"}}, nil
}

// Built reports whether the program is there.
func (p *Program) Built() bool {
	_, err := os.Stat(p.Path)
	return err == nil
}

// Build builds the program unless it is there. The first time it needs the module
// proxy and takes minutes. Several processes may build at once: the program appears
// under its name when it is whole.
func (p *Program) Build(ctx context.Context) error {
	if p.Built() {
		return nil
	}
	folder := filepath.Dir(p.Path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(folder, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	made := filepath.Join(fresh, filepath.Base(p.Path))
	words := slices.Clone(p.Command)
	for i, word := range words {
		if word == p.Path {
			words[i] = made
		}
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+fresh)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %q: %v\n%s", p.Path, err, out)
	}
	return os.Rename(made, p.Path)
}

// Cache returns the folder for built servers.
func Cache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a place for an S3 server: %v", err)
	}
	return filepath.Join(dir, "comity-test"), nil
}

// ProgramName is the file name of a program on this system.
func ProgramName(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

// moduleRoot returns the folder of the main module.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(b), "module comity.example/comity\n") {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("the sources of Comity are not in or above the working directory, and the S3 server is built from them")
		}
		dir = up
	}
}
