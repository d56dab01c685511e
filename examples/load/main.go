// Command load asks a transbot for what its customers ask for, and then compares what it answered with what its database
// says: use, quotes, events, audit records, objectives, tickets, notifications. It ends with 1 when anything disagrees.
//
//	go run ./examples/load                                   # starts a transbot of its own
//	go run ./examples/load -instances 4 -faults -for 10m     # and kills and pauses what it consists of
//	go run ./examples/load -url http://127.0.0.1:8080 -database "$DATABASE_URL"
//
// What is asked is bounded and drawn from a seed. Other machines are never asked.
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

func main() { os.Exit(start()) }

func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := readConfig(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if err := run(ctx, c, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		return 1
	}
	return 0
}
