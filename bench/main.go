// Command bench compares tenon with its peers and writes RESULTS.md.
//
//	go run .                        # everything
//	go run . -only entitlements     # one package; the others' sections stay as they are
//	go run . -samples new.txt       # each round's figure as well, for benchstat
//
// Benchmarks in the usual form stand in the folders: go test -bench . ./...
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/transbotai/tenon/bench/audit"
	"github.com/transbotai/tenon/bench/directory"
	"github.com/transbotai/tenon/bench/entitlements"
	"github.com/transbotai/tenon/bench/flags"
	"github.com/transbotai/tenon/bench/gdpr"
	"github.com/transbotai/tenon/bench/kpi"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/ratelimit"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/bench/service"
	"github.com/transbotai/tenon/bench/slo"
	"github.com/transbotai/tenon/bench/support"
)

// comparison measures one package of tenon beside its peers. It fills everything of the section but Setting. Each has
// a lab of its own.
type comparison struct {
	name string
	run  func(context.Context, *lab.Lab) (report.Section, error)
}

var comparisons = []comparison{
	{"audit", audit.Compare},
	{"directory", directory.Compare},
	{"entitlements", entitlements.Compare},
	{"flags", flags.Compare},
	{"gdpr", gdpr.Compare},
	{"kpi", kpi.Compare},
	{"ratelimit", ratelimit.Compare},
	{"service", service.Compare},
	{"slo", slo.Compare},
	{"support", support.Compare},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := flag.String("out", "RESULTS.md", "the page to write")
	only := flag.String("only", "", "measure these packages alone, separated by commas")
	samples := flag.String("samples", "", "a file for each round's figure, in the format of benchstat")
	rounds := flag.Int("rounds", 5, "how often everything is measured")
	length := flag.Duration("length", 3*time.Second, "how long one measurement takes that is bounded by time")
	flag.Parse()
	opts := lab.Options{Rounds: *rounds, Length: *length, Log: os.Stderr}
	if err := run(ctx, opts, *only, *out, *samples); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, opts lab.Options, only, out, samples string) error {
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, c := range chosen {
		section, err := measureOne(ctx, c, opts)
		if err != nil {
			return fmt.Errorf("bench: %s: %w", c.name, err)
		}
		if err := write(out, section); err != nil {
			return err
		}
		lines.WriteString(section.Benchstat())
	}
	if samples == "" {
		return nil
	}
	return os.WriteFile(samples, []byte(lines.String()), 0o644)
}

// choose returns the comparisons named, or all.
func choose(only string) ([]comparison, error) {
	if only == "" {
		return comparisons, nil
	}
	var chosen []comparison
	for name := range strings.SplitSeq(only, ",") {
		found := false
		for _, c := range comparisons {
			if c.name == name {
				chosen, found = append(chosen, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("bench: nothing compares %q", name)
		}
	}
	return chosen, nil
}

func measureOne(ctx context.Context, c comparison, opts lab.Options) (section report.Section, err error) {
	l := lab.New(opts)
	defer func() { err = errors.Join(err, l.Close()) }()
	if section, err = c.run(ctx, l); err != nil {
		return section, err
	}
	section.Setting, err = l.Setting(ctx)
	return section, err
}

// write puts the section into the page, so that what was measured stays when a later comparison fails.
func write(out string, s report.Section) error {
	page, err := os.ReadFile(out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(out, []byte(report.Replace(string(page), s)), 0o644)
}
