// Transbot is a freight platform in miniature, built on tenon: companies ask what lanes cost, by an API and by pages,
// and their plans say how often.
//
//	go run ./examples/transbot -demo
//
// starts it on a Postgres of its own, fills it with a small marketplace, and prints an address and keys. See the README
// beside this file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(start())
}

// start runs until the first signal asks to stop in good order. A second one ends the process at once.
func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	switch err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr); {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled): // told to stop while it started
		return 0
	case errors.Is(err, errUsage):
		return 2
	default:
		fmt.Fprintln(os.Stderr, "transbot:", err)
		return 1
	}
}
