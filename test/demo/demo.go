// Command demo shows Comity at work on a folder of evidence: a lab in one State
// sends it, under one approved request, through a relay that cannot read it, to a
// lab in another State, and a court's verifier checks the record.
//
// It refuses to pretend: it runs the programs that users run, each as a process of
// its own over real sockets on loopback, and its exit status says whether
// everything verified.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const usage = `Usage: go run ./test/demo [-s3] [-in DIR] [-out DIR]

  -in DIR    the evidence to send (default: a small sample that the demo makes)
  -out DIR   where to leave everything; must not exist or be empty
             (default: a fresh folder, which it names)
  -s3        keep the relay's objects in a bucket of a real S3 server with Object
             Lock (versitygw, as a process of its own) instead of a folder. The
             first time the server is built: that takes minutes and the network

Example:
  go run ./test/demo -in ~/exhibits -out ~/case
`

func main() {
	if name := os.Getenv(programVariable); name != "" {
		os.Exit(program(name))
	}
	if err := demo(); err != nil {
		fmt.Fprintf(os.Stderr, "demo: error: %v\n", err)
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

func demo() (err error) {
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	in := f.String("in", "", "")
	out := f.String("out", "", "")
	s3 := f.Bool("s3", false, "")
	if err := f.Parse(os.Args[1:]); err != nil {
		return flag.ErrHelp
	}
	if f.NArg() > 0 {
		f.Usage()
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	// Interrupted, it ends what it started like after any other error.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w, err := newWorld(*in, *out)
	if err != nil {
		return err
	}
	w.ctx, w.s3 = ctx, *s3
	defer func() { err = errors.Join(err, w.stop(), w.closeBucket()) }()
	return w.play()
}

// newWorld makes the folders and, if no evidence was named, the sample.
func newWorld(in, out string) (*world, error) {
	var err error
	if out == "" {
		if out, err = os.MkdirTemp("", "comity-demo-"); err != nil {
			return nil, err
		}
	}
	if out, err = filepath.Abs(out); err != nil {
		return nil, err
	}
	if left, err := os.ReadDir(out); err == nil && len(left) > 0 {
		return nil, fmt.Errorf("%q is not empty: name a fresh folder with -out", out)
	}
	w := &world{in: filepath.Join(out, "sample"), out: out, peaks: map[string]int64{}, times: map[string]time.Duration{}}
	if in != "" {
		if w.in, err = source(in, out); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{"keys", "homes"} {
		if err := os.MkdirAll(w.path(dir), 0o700); err != nil {
			return nil, err
		}
	}
	if in == "" {
		err = makeSample(w.in)
	}
	return w, err
}

// source checks the folder of evidence before anything is made. What we leave may
// not be in it: the keys would be packed with the evidence.
func source(in, out string) (string, error) {
	in, err := filepath.Abs(in)
	if err != nil {
		return "", err
	}
	if st, err := os.Stat(in); err != nil || !st.IsDir() {
		return "", fmt.Errorf("%q is not a folder of evidence", in)
	}
	if rel, err := filepath.Rel(in, out); err == nil && filepath.IsLocal(rel) {
		return "", fmt.Errorf("%q is inside the evidence: name a folder elsewhere with -out", out)
	}
	return in, nil
}
