// Package service compares the example platform with itself, built with tenon's calls taken out.
package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
)

const text = `Transbot is one process, and so is the same program built with the tag ` + "`bare`" + `: the same routes, API keys, prices
and tables, the quote inserted in a transaction, pools of 16 connections; without rate limit, flags, use of the plan (the
quote and the call), event, audit trigger, audit records of requests, request log and row level security by company. Each has a database of its own on one server. Callers, servers and Postgres share the machine. 200 companies on the
plan without limits ask, each by 20 keys. After each round there must be a quote for each 201, and with tenon also a use, an
event and an audit record of it.`

// Compare measures what tenon costs a service.
func Compare(ctx context.Context, l *lab.Lab) (s report.Section, err error) {
	s = report.Section{Name: "service", Text: text}
	folder, err := newFolder(ctx)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, folder.close()) }()
	var both [2]*service
	for i, o := range []struct{ name, tags string }{{"whole", ""}, {"bare", "bare"}} {
		l.Say("service: building %s", o.name)
		if both[i], err = folder.start(ctx, l, o.name, o.tags); err != nil {
			return s, err
		}
		defer both[i].close()
	}
	for _, part := range []func(context.Context, *lab.Lab, *report.Section, [2]*service) error{compareLatency, compareRate} {
		if err := part(ctx, l, &s, both); err != nil {
			return s, err
		}
	}
	return s, nil
}

// asked is a kind of traffic.
type asked struct {
	name string
	call func(*service, context.Context, int, int) error
}

var traffic = []asked{{"POST /api/quotes", (*service).quote}, {"six quotes, two lists, two quotes read", (*service).mix}}

// loads are what was achieved in rounds.
type loads struct{ p50, p99, rate measure.Series }

// round is one contender's turn.
func (v *loads) round(s *service, callers int, l *lab.Lab, call measure.Call) measure.Contender {
	return func(ctx context.Context) (float64, error) {
		load, err := measure.Run(ctx, callers, l.Length, call)
		if err != nil {
			return 0, err
		}
		v.p50, v.p99, v.rate = append(v.p50, load.Quantile(0.5)), append(v.p99, load.Quantile(0.99)), append(v.rate, load.Rate())
		return load.Rate(), s.check(ctx)
	}
}

// run lets both take turns with so many callers.
func run(ctx context.Context, l *lab.Lab, both [2]*service, a asked, callers int) (whole, bare loads, err error) {
	l.Say("service: %s, %d callers", a.name, callers)
	calls := [2]measure.Call{}
	for i, s := range both {
		calls[i] = func(ctx context.Context, caller, n int) error { return a.call(s, ctx, caller, n) }
		if err := s.warm(ctx, calls[i]); err != nil {
			return whole, bare, err
		}
	}
	_, err = measure.Interleave(ctx, l.Rounds,
		whole.round(both[0], callers, l, calls[0]), bare.round(both[1], callers, l, calls[1]))
	return whole, bare, err
}

func compareLatency(ctx context.Context, l *lab.Lab, s *report.Section, both [2]*service) error {
	table := report.Table{
		Title: "How long a request takes", Columns: []string{"p50", "p50, bare", "p99", "p99, bare"},
		Text: "What tenon adds to the median, with one caller and with four. The median of the rounds' differences.",
	}
	for _, a := range traffic {
		for _, callers := range []int{1, 4} {
			whole, bare, err := run(ctx, l, both, a, callers)
			if err != nil {
				return err
			}
			row := report.Row{
				Case:   fmt.Sprintf("%s, %d at a time", a.name, callers),
				Figure: report.Figure{Value: minus(whole.p50, bare.p50).Median(), Unit: report.Milliseconds},
				Cells: []string{
					report.Spread(whole.p50, report.Milliseconds), report.Spread(bare.p50, report.Milliseconds),
					report.Spread(whole.p99, report.Milliseconds), report.Spread(bare.p99, report.Milliseconds),
				},
			}
			if callers == 1 {
				row.Target = report.Target{Bound: report.AtMost, Value: 1}
			}
			table.Rows = append(table.Rows, row)
			s.Samples = append(s.Samples,
				report.Sample{Name: fmt.Sprintf("p50/%d/tenon", callers), Unit: report.Milliseconds, Series: whole.p50},
				report.Sample{Name: fmt.Sprintf("p50/%d/bare", callers), Unit: report.Milliseconds, Series: bare.p50})
		}
	}
	s.Tables = append(s.Tables, table)
	return nil
}

func minus(a, b measure.Series) measure.Series {
	d := make(measure.Series, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return d
}

// crowd is how many callers a service is filled up by.
const crowd = 32

func compareRate(ctx context.Context, l *lab.Lab, s *report.Section, both [2]*service) error {
	table := report.Table{
		Title: "How many requests are answered", Columns: []string{"tenon", "bare", "p99", "p99, bare"},
		Text: fmt.Sprintf("Of the rate without tenon: %d callers, each with the next request as soon as the last is answered.", crowd),
	}
	for _, a := range traffic {
		whole, bare, err := run(ctx, l, both, a, crowd)
		if err != nil {
			return err
		}
		table.Rows = append(table.Rows, report.Row{
			Case: a.name, Figure: report.Over(whole.rate, bare.rate),
			Target: report.Target{Bound: report.AtLeast, Value: 0.6},
			Cells: []string{
				report.Spread(whole.rate, report.PerSecond), report.Spread(bare.rate, report.PerSecond),
				report.Spread(whole.p99, report.Milliseconds), report.Spread(bare.p99, report.Milliseconds),
			},
		})
		s.Samples = append(s.Samples,
			report.Sample{Name: "rate/tenon", Unit: report.PerSecond, Series: whole.rate},
			report.Sample{Name: "rate/bare", Unit: report.PerSecond, Series: bare.rate})
	}
	s.Tables = append(s.Tables, table)
	return nil
}

// warm asks a few times before anything is timed.
func (s *service) warm(ctx context.Context, call measure.Call) error {
	for n := range 50 {
		if err := call(ctx, n, n); err != nil {
			return err
		}
	}
	return s.check(ctx)
}

func unexpected(r *http.Response, body []byte) error {
	return fmt.Errorf("%s %s: %s: %s", r.Request.Method, r.Request.URL.Path, r.Status, body)
}
