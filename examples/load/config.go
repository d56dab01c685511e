package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// config is how the program was started.
type config struct {
	tenants, requests, callers, instances int
	length, patience, agree               time.Duration
	rate                                  float64
	seed                                  uint64
	faults                                bool
	urls                                  []string // of a running service
	database                              string   // its own
	build                                 []string // further arguments of go build
}

var errUsage = errors.New("usage")

func readConfig(args []string, stderr io.Writer) (config, error) {
	var c config
	var urls string
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&c.tenants, "tenants", 200, "how many companies ask")
	f.DurationVar(&c.length, "for", time.Minute, "how long, at most")
	f.IntVar(&c.requests, "requests", 0, "how much is asked at most; 0: as much as fits")
	f.Float64Var(&c.rate, "rate", 400, "requests a second; 0: as many as are answered")
	f.IntVar(&c.callers, "callers", 64, "how many wait for answers at once")
	f.DurationVar(&c.patience, "patience", 15*time.Second, "how long one waits")
	f.DurationVar(&c.agree, "agree", 3*time.Minute, "how long to wait for what is written behind the answers")
	f.Uint64Var(&c.seed, "seed", 1, "what is drawn from; the same asks for the same")
	f.IntVar(&c.instances, "instances", 1, "how many transbots to start")
	f.BoolVar(&c.faults, "faults", false, "kill and pause transbots, Postgres and Redis meanwhile")
	f.StringVar(&urls, "url", "", "a transbot on this machine that runs already, or several, separated by commas")
	f.StringVar(&c.database, "database", "", "the database of that one, as its owner")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if urls != "" {
		c.urls = strings.Split(urls, ",")
	}
	return c, c.check(f, stderr)
}

func (c config) check(f *flag.FlagSet, stderr io.Writer) error {
	wrong := ""
	switch {
	case f.NArg() > 0:
		wrong = "takes no arguments"
	case c.tenants < 1 || c.callers < 1 || c.instances < 1 || c.length <= 0 || c.patience <= 0 || c.requests < 0 || c.rate < 0:
		wrong = "a number is too small"
	case (len(c.urls) == 0) != (c.database == ""):
		wrong = "-url and -database go together"
	case len(c.urls) > 0 && (c.faults || c.instances > 1):
		wrong = "-faults and -instances are for transbots that it starts itself"
	default:
		return nil
	}
	fmt.Fprintln(stderr, "load:", wrong)
	return errUsage
}
