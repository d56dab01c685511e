// Command releasegate tells a deployment pipeline whether to go on. It reads what slopg keeps, says why it answers as it
// does, and ends with 0 for go, 1 for frozen (an error budget is used up further than the policy allows) and 2 for unknown.
// It works where nobody runs a board, too; an override (slo.ReleasePolicy.Override) makes it answer 0 and say whose it is.
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
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

// The statuses that the program ends with, and what it says.
const statusGo, statusFrozen, statusUnknown = 0, 1, 2

var words = [...]string{"go", "frozen", "unknown"}

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Getenv, os.Stdout, os.Stderr)) }

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("releasegate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	within := flags.Duration("within", 10*time.Second, "how long an answer may take")
	outbox := flags.Bool("outbox", true, "write a freeze that this finds to the outbox, so that on-call is told")
	if flags.Parse(args) != nil {
		return statusUnknown
	}
	var options slopg.Options
	if *outbox {
		options.Notifier = func(tx pgx.Tx) tenon.Notifier { return notifypg.New(tx, nil) }
	}
	ctx, cancel := context.WithTimeout(ctx, *within)
	defer cancel()
	release, err := ask(ctx, getenv("DATABASE_URL"), &options)
	if err != nil {
		fmt.Fprintln(stderr, "releasegate:", err)
		return statusUnknown
	}
	return tell(stdout, release)
}

func ask(ctx context.Context, url string, opts *slopg.Options) (slo.Release, error) {
	if url == "" {
		return slo.Release{}, errors.New("DATABASE_URL is not set")
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return slo.Release{}, err
	}
	defer pool.Close()
	return slo.NewReleasePolicy(slo.NewBoard(slopg.New(pool, opts), nil)).Check(ctx)
}

// tell prints the answer and returns the status that says it.
func tell(w io.Writer, r slo.Release) int {
	status := statusUnknown
	if r.Outcome == tenon.Pass {
		status = statusGo
	} else if r.Frozen {
		status = statusFrozen
	}
	fmt.Fprintln(w, strings.Join(append([]string{words[status]}, r.Reasons...), "\n- "))
	return status
}
