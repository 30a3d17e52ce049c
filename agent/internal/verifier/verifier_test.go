package verifier_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent/internal/verifier"
	"comity.example/comity/custody/acquisition"
	"comity.example/comity/test/need"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestMain lets the test's own program be a verifier that misbehaves.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "-V" || os.Args[1] == "-q") {
		misbehave(os.Args)
	}
	os.Exit(m.Run())
}

func misbehave(args []string) {
	if args[1] == "-V" {
		fmt.Printf("odd 1.0\nmore\n")
		os.Exit(0)
	}
	switch filepath.Base(args[len(args)-1]) {
	case "environment":
		if len(os.Environ()) > 0 && os.PathSeparator == '/' {
			os.Exit(9)
		}
		os.Exit(0)
	case "loud":
		for range 1000 {
			os.Stdout.Write(bytes.Repeat([]byte("x"), 4096))
		}
		fmt.Println("\nMD5 hash calculated over data:\t\t" + strings.Repeat("0", 32))
		os.Exit(0)
	case "slow":
		c := make(chan os.Signal, 1)
		signal.Notify(c)
		for range c {
		}
	case "lies":
		fmt.Printf("MD5 hash calculated over data: zz\nMD5 hash stored in file:\t\t%032d\nSHA1 hash calculated over data:\t\t%032d\nSHA256 hash calculated over data: %064d\n", 1, 2, 3)
		os.Exit(3)
	}
	os.Exit(7)
}

// self is the test's own program.
func self(t *testing.T) string {
	t.Helper()
	p, err := os.Executable()
	check(t, err)
	return p
}

func TestRun(t *testing.T) {
	b, err := os.ReadFile(self(t))
	check(t, err)
	for name, want := range map[string]acquisition.Assertion{
		"environment": {},
		"loud":        {},
		"lies":        {Exit: 3, Media: acquisition.Hashes{SHA256: strings.Repeat("0", 63) + "3"}},
		"unknown":     {Exit: 7},
	} {
		want.Program, want.SHA256 = "odd 1.0", sha256.Sum256(b)
		got, err := verifier.Run(t.Context(), self(t), filepath.Join(t.TempDir(), name), time.Minute)
		check(t, err)
		if *got != want {
			t.Errorf("%s: it said %+v, want %+v", name, *got, want)
		}
	}
}

// TestTime stops a program that takes too long, and one that nobody waits for.
func TestTime(t *testing.T) {
	got, err := verifier.Run(t.Context(), self(t), filepath.Join(t.TempDir(), "slow"), time.Second)
	check(t, err)
	if got.Exit != -1 {
		t.Errorf("it said %+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := verifier.Run(ctx, self(t), filepath.Join(t.TempDir(), "slow"), time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("it said %+v, error %v", got, err)
	}
	if got, err := verifier.Run(t.Context(), filepath.Join(t.TempDir(), "none"), "x", time.Minute); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it said %+v, error %v", got, err)
	}
}

// TestRealEWF lets ewfverify read an image that is whole, and the same one damaged.
func TestRealEWF(t *testing.T) {
	programs := map[string]string{}
	for _, name := range []string{"ewfacquirestream", "ewfverify"} {
		programs[name] = need.Program(t, name)
	}
	media := bytes.Repeat([]byte("0123456789abcdef"), 3<<16)
	target := filepath.Join(t.TempDir(), "disk")
	cmd := exec.Command(programs["ewfacquirestream"], "-q", "-c", "none", "-S", "1048576", "-t", target)
	cmd.Stdin = bytes.NewReader(media)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m, s1, s2 := md5.Sum(media), sha1.Sum(media), sha256.Sum256(media)
	want := acquisition.Hashes{MD5: hex.EncodeToString(m[:]), SHA1: hex.EncodeToString(s1[:]), SHA256: hex.EncodeToString(s2[:])}
	got, err := verifier.Run(t.Context(), programs["ewfverify"], target+".E01", time.Minute)
	check(t, err)
	if got.Exit != 0 || got.Media != want || !strings.HasPrefix(got.Program, "ewfverify 2") {
		t.Errorf("ewfverify said %+v, want %+v", got, want)
	}
	b, err := os.ReadFile(target + ".E02")
	check(t, err)
	b[len(b)/2] ^= 1
	check(t, os.WriteFile(target+".E02", b, 0o600))
	got, err = verifier.Run(t.Context(), programs["ewfverify"], target+".E01", time.Minute)
	check(t, err)
	if got.Exit == 0 {
		t.Errorf("ewfverify said of a damaged image %+v", got)
	}
}
