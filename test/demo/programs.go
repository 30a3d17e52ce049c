package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	gatewaycmd "comity.example/comity/cmd/comity-gateway/command"
	verifycmd "comity.example/comity/cmd/comity-verify/command"
	comitycmd "comity.example/comity/cmd/comity/command"
)

// The demonstration starts itself again as one of the programs: these variables
// tell the child which, and where to leave its peak memory.
const (
	programVariable = "COMITY_DEMO_PROGRAM"
	peakVariable    = "COMITY_DEMO_PEAK"

	// guardVariable is set for a program that would otherwise stay if the
	// demonstration is killed: it ends when its standard input does.
	guardVariable = "COMITY_DEMO_GUARD"
)

func guard() {
	io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

// program runs one of the programs in this process and returns its exit code.
func program(name string) int {
	programs := map[string]func() int{
		"comity": comitycmd.Main, "comity-gateway": gatewaycmd.Main, "comity-verify": verifycmd.Main,
	}
	if os.Getenv(guardVariable) != "" {
		go guard()
	}
	code := programs[name]()
	os.WriteFile(os.Getenv(peakVariable), []byte(strconv.FormatInt(peak(), 10)), 0o600)
	return code
}

// process is a program that was started.
type process struct {
	cmd  *exec.Cmd
	peak string // file
}

// start prepares a program as a process of its own, which is killed when ctx ends.
func (w *world) start(ctx context.Context, name string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp("", "comity-peak-")
	if err != nil {
		return nil, err
	}
	f.Close()
	p := &process{cmd: exec.CommandContext(ctx, self, args...), peak: f.Name()}
	p.cmd.Dir = w.out
	p.cmd.Env = append(os.Environ(), programVariable+"="+name, peakVariable+"="+p.peak,
		"COMITY_PASSPHRASE_FILE="+w.path("keys", "passphrase"))
	return p, nil
}

// ended reads the peak memory that the process left.
func (p *process) ended() int64 {
	defer os.Remove(p.peak)
	b, _ := os.ReadFile(p.peak)
	n, _ := strconv.ParseInt(string(b), 10, 64)
	return n
}

// run shows a command as a user would type it, runs it, shows what it says, and
// returns its standard output.
func (w *world) run(party, name string, args ...string) (string, error) {
	fmt.Printf("  %-6s $ %s\n", party, w.typed(name, args))
	if name == "comity" {
		args = append([]string{"--home", filepath.Join("homes", party)}, args...)
	}
	p, err := w.start(w.ctx, name, args...)
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	p.cmd.Stdout, p.cmd.Stderr = &stdout, &stderr
	begun := time.Now()
	err = p.cmd.Run()
	if w.ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	key := party + " " + name + " " + args[min(2, len(args)-1)]
	w.peaks[key], w.times[key] = p.ended(), time.Since(begun)
	quote(stderr.String())
	if err != nil {
		quote(stdout.String())
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strings.TrimSpace(stdout.String()), nil
}

// typed is the command line without the folder of the demonstration.
func (w *world) typed(name string, args []string) string {
	words := []string{name}
	for _, a := range args {
		a = strings.ReplaceAll(a, w.out+string(filepath.Separator), "")
		if strings.ContainsAny(a, " '\"") {
			a = strconv.Quote(a)
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// quote prints what a program said, indented, however long its lines are.
func quote(said string) {
	for line := range strings.Lines(said) {
		fmt.Printf("         %s\n", strings.TrimSuffix(line, "\n"))
	}
}

// serve starts the relay and waits for the line with which it says that it listens.
func (w *world) serve() error {
	args := []string{"run", "--data", "relay"}
	fmt.Printf("  %-6s $ %s &\n", "relay", w.typed("comity-gateway", args))
	p, err := w.start(context.Background(), "comity-gateway", args...) // stop ends it, in good order
	if err != nil {
		return err
	}
	p.cmd.Env = append(p.cmd.Env, guardVariable+"=1")
	if _, err := p.cmd.StdinPipe(); err != nil {
		return err
	}
	log, err := os.OpenFile(w.path("relay", "relay.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd.Stderr = log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	w.relay = p
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return errors.New("the relay did not start: see relay/relay.log")
	}
	fmt.Printf("         %s", line)
	return nil
}

// stop ends the relay in good order.
func (w *world) stop() error {
	p := w.relay
	if p == nil {
		return nil
	}
	w.relay = nil
	if p.cmd.Process.Signal(syscall.SIGTERM) != nil { // Windows has no such signal
		p.cmd.Process.Kill()
	}
	timer := time.AfterFunc(30*time.Second, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	err := p.cmd.Wait()
	w.peaks["relay"] = p.ended()
	return err
}
