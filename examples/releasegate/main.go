// Command releasegate tells a deployment pipeline whether to go on. It reads objectives and counts from the Postgres in
// which slopg keeps them, prints why it answers as it does, and ends with
//
//	0  go
//	1  frozen: an error budget is used up further than the policy allows
//	2  unknown: there is no data, or no answer
//
// It evaluates, so it also works where nobody runs a board. An override (slo.ReleasePolicy.Override) makes it answer 0 and
// say whose it is.
//
//	DATABASE_URL=postgres://… go run ./examples/releasegate && deploy
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

// The statuses that the program ends with.
const (
	statusGo = iota
	statusFrozen
	statusUnknown
)

func main() { os.Exit(start()) }

// start runs the program and returns its status.
func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("releasegate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	within := flags.Duration("within", 10*time.Second, "how long an answer may take")
	outbox := flags.Bool("outbox", true, "write a freeze that this evaluation finds to the outbox, so that on-call is told; false: nobody is")
	if err := flags.Parse(args); err != nil {
		return statusUnknown
	}
	ctx, cancel := context.WithTimeout(ctx, *within)
	defer cancel()
	release, err := ask(ctx, getenv("DATABASE_URL"), *outbox)
	if err != nil {
		fmt.Fprintln(stderr, "releasegate:", err)
		return statusUnknown
	}
	return tell(stdout, release)
}

var errNoDatabase = errors.New("DATABASE_URL is not set")

func ask(ctx context.Context, url string, outbox bool) (slo.Release, error) {
	if url == "" {
		return slo.Release{}, errNoDatabase
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return slo.Release{}, err
	}
	defer pool.Close()
	var options slopg.Options
	if outbox {
		options.Notifier = func(tx pgx.Tx) tenon.Notifier { return notifypg.New(tx, nil) }
	}
	board := slo.NewBoard(slopg.New(pool, &options), nil)
	return slo.NewReleasePolicy(board).Check(ctx)
}

// tell prints the answer and returns the status that says it.
func tell(w io.Writer, r slo.Release) int {
	word, status := "go", statusGo
	switch {
	case r.Outcome == tenon.Pass:
	case r.Frozen:
		word, status = "frozen", statusFrozen
	default:
		word, status = "unknown", statusUnknown
	}
	fmt.Fprintln(w, word)
	for _, reason := range r.Reasons {
		fmt.Fprintln(w, "-", reason)
	}
	return status
}
