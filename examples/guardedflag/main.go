// Command guardedflag rolls a flag out by 5, 50 and 100 %, each stage only while the error budget is healthy.
//
//	go run ./examples/guardedflag -bad 0     # goes through
//	go run ./examples/guardedflag -bad 90    # nine tenths of the budget are gone: no stage begins
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/slo"
)

func main() {
	bad := flag.Int("bad", 0, "how many of 100,000 requests have failed; the objective of 99.9 % allows 100")
	every := flag.Duration("every", time.Second, "the time from one stage to the next; days in real life")
	flag.Parse()
	if err := run(context.Background(), *bad, *every, os.Stdout); err != nil {
		fail(err)
	}
}

var uptime = slo.Objective{
	Key: slo.Key{Name: "uptime"}, Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 24 * time.Hour},
}

func run(ctx context.Context, bad int, every time.Duration, out io.Writer) error {
	guard, err := policy(ctx, bad)
	if err != nil {
		return err
	}
	set := flags.NewSet(flags.NewMemoryStore(nil), &flags.Options{Every: every / 10, Guards: map[string]tenon.Guard{"slo": guard}})
	if err := set.Declare(ctx, flags.Definition{Key: "bulk_rating", Type: flags.TypeBool}); err != nil {
		return err
	}
	if _, err := set.Ramp(ctx, "bulk_rating", flags.Ramp(5, 50, 100).Every(every).Guard("slo"), "ready for customers"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*every)
	defer cancel()
	set.Watch(func(flags.Event) {
		if stage, ok := set.Ramps()[0].Schedule.Present(); ok {
			fmt.Fprintln(out, stage.Percent, "%")
		}
	})
	if err := set.Run(ctx); err != nil {
		return err
	}
	if held := set.Ramps()[0].Holding; len(held) > 0 {
		fmt.Fprintln(out, "held:", strings.Join(held, "; "))
	}
	return nil
}

// policy guards by what was counted of uptime.
func policy(ctx context.Context, bad int) (*slo.ReleasePolicy, error) {
	store := slo.NewMemoryStore(nil) // slopg.New(pool, nil) in a service, where middleware and views count
	board := slo.NewBoard(store, nil)
	if _, err := board.Define(ctx, uptime); err != nil {
		return nil, err
	}
	minute := slo.Minute{
		Key: uptime.Key, Measure: uptime.Measure(), At: time.Now().UTC().Truncate(time.Minute).Add(-time.Minute), Instance: "one",
		Good: int64(100_000 - bad), Valid: 100_000,
	}
	return slo.NewReleasePolicy(board), store.Record(ctx, []slo.Minute{minute})
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
