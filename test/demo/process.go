package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
)

// A role is what one process of the demonstration does: it is this program
// again, started with the role's name and a folder.
type role func(ctx context.Context, in input) (output, error)

// input and output are what parent and child tell each other, as one line of
// JSON each way.
type input struct {
	Home        string            `json:"home"`
	Authority   string            `json:"authority"`
	Pins        map[string]string `json:"pins"`  // authority to root fingerprint
	Relay       string            `json:"relay"` // its root fingerprint
	Address     string            `json:"address"`
	Request     string            `json:"request"`
	Path        string            `json:"path"`
	Out         string            `json:"out"`
	Description string            `json:"description"`
}

type output struct {
	Fingerprint string `json:"fingerprint,omitempty"`
	Address     string `json:"address,omitempty"`
	Request     string `json:"request,omitempty"`
	Package     string `json:"package,omitempty"`
	Path        string `json:"path,omitempty"`
	Files       int    `json:"files,omitempty"`
	Bytes       int64  `json:"bytes,omitempty"`
	Payload     int64  `json:"payload,omitempty"`
	Peak        int64  `json:"peak,omitempty"` // bytes of memory, at most
	Error       string `json:"error,omitempty"`
}

// child runs a role in this process: input from stdin, output to stdout.
func child(name string) int {
	r, ok := roles[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "demo: error: unknown role %q\n", name)
		return 2
	}
	var in input
	dec := json.NewDecoder(os.Stdin)
	if err := dec.Decode(&in); err != nil {
		fmt.Fprintf(os.Stderr, "demo: error: reading the role's input: %v\n", err)
		return 2
	}
	// The parent's end of stdin is the leash: when it closes, a role that serves
	// stops, also if the parent died.
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, io.MultiReader(dec.Buffered(), os.Stdin))
		stop()
	}()
	out, err := r(ctx, in)
	if err != nil {
		out.Error = err.Error()
	}
	out.Peak = peak()
	say(out)
	if err != nil {
		return 1
	}
	return 0
}

func say(out output) {
	json.NewEncoder(os.Stdout).Encode(out)
}

// process is a running child.
type process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

// start starts this program again in a role.
func start(name string, in input, env []string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, cmd: exec.Command(self, roleFlag, name)}
	p.cmd.Stderr = os.Stderr
	p.cmd.Env = append(os.Environ(), env...)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewScanner(stdout)
	p.lines.Buffer(nil, 1<<20)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, json.NewEncoder(p.stdin).Encode(in)
}

// answer reads the child's next line.
func (p *process) answer() (output, error) {
	var out output
	if !p.lines.Scan() {
		return out, fmt.Errorf("%s: stopped without an answer", p.name)
	}
	if err := json.Unmarshal(p.lines.Bytes(), &out); err != nil {
		return out, fmt.Errorf("%s: %v", p.name, err)
	}
	if out.Error != "" {
		return out, fmt.Errorf("%s: %s", p.name, out.Error)
	}
	return out, nil
}

// stop lets go of the leash and waits; it returns the last answer.
func (p *process) stop() (output, error) {
	p.stdin.Close()
	out, err := p.answer()
	return out, errors.Join(err, p.cmd.Wait())
}

// run starts a role that ends by itself and waits for it.
func run(name string, in input, env []string) (output, error) {
	p, err := start(name, in, env)
	if err != nil {
		return output{}, err
	}
	out, err := p.answer()
	p.stdin.Close()
	return out, errors.Join(err, p.cmd.Wait())
}

// interruptible returns a context that ends when the user presses Ctrl-C.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt)
}
