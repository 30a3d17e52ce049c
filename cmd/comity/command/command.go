// Package command is the program comity as a function, so that tests and the
// demonstration can run it too.
//
// It refuses what the program refuses: see cmd/comity.
package command

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/term"
)

// grace is how long a command may take to stop after an interrupt. Everything it
// writes is whole at any moment, so ending it then loses nothing.
const grace = 3 * time.Second

// gcPercent keeps the heap close to what is alive: nearly all of that are the
// buffers of parts, which live as long as the transfer.
const gcPercent = 25

// Main is the program: it reads os.Args and returns the exit code.
func Main() int {
	debug.SetGCPercent(gcPercent)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A prompt for a passphrase turns the echo off and cannot be interrupted.
	terminal, _ := term.GetState(int(os.Stdin.Fd()))
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, now: time.Now}
	done := make(chan int, 1)
	go func() { done <- a.run(ctx, os.Args[1:]) }()
	var code int
	select {
	case code = <-done:
	case <-ctx.Done():
		stop() // a second interrupt ends the process at once
		select {
		case code = <-done:
		case <-time.After(grace):
			code = exitInterrupted
		}
		if terminal != nil {
			term.Restore(int(os.Stdin.Fd()), terminal)
		}
	}
	return code
}
