// Package command is the program comity-gateway as a function, so that tests and
// the demonstration can run it too.
//
// It refuses what the program refuses: see cmd/comity-gateway.
package command

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Main is the program: it reads os.Args, stops in good order at the first signal
// and at once at the second, and returns the exit status.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	a := &app{stdout: os.Stdout, stderr: os.Stderr, now: time.Now}
	return a.run(ctx, os.Args[1:])
}
