package slo

import (
	"context"
	"fmt"
	"time"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/slo"
)

const insertSQL = `
insert into public.api_requests (created_at, company_id, route, status, took_ms)
values (clock_timestamp(), '00000000-0000-7000-8000-000000000001', '/v1/quotes/1', 200, $1)`

// insert lets requests come in, one row a transaction, and returns how many a second.
func (f *field) insert(ctx context.Context, l *lab.Lab) (float64, error) {
	load, err := measure.Run(ctx, writers, 2*l.Length, func(ctx context.Context, _, n int) error {
		_, err := f.pool.Exec(ctx, insertSQL, float64(n%700))
		return err
	})
	return load.Rate(), err
}

// upkept is insert while Run folds: every second, or less often where that would take more than a twentieth of the time.
func (f *field) upkept(ctx context.Context, l *lab.Lab) (float64, error) {
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- f.store.Run(running) }()
	rate, err := f.insert(ctx, l)
	cancel()
	if ran := <-ended; err == nil {
		err = ran
	}
	return rate, err
}

func (f *field) compareUpkeep(ctx context.Context, l *lab.Lab, s *report.Section) (report.Row, error) {
	l.Say("slo: upkeep")
	series, err := measure.Interleave(ctx, l.Rounds,
		func(ctx context.Context) (float64, error) { return f.upkept(ctx, l) },
		func(ctx context.Context) (float64, error) { return f.insert(ctx, l) })
	if err != nil {
		return report.Row{}, err
	}
	s.Samples = append(s.Samples, report.Sample{Name: "insert/tenon", Unit: report.PerSecond, Series: series[0]},
		report.Sample{Name: "insert/raw", Unit: report.PerSecond, Series: series[1]})
	lost := 100 * max(1-series[0].Over(series[1]).Median(), 0)
	return report.Row{
		Case: fmt.Sprintf("upkeep: what folding takes from the rate of inserts in %d connections, every second or a twentieth of the time",
			writers),
		Figure: report.Figure{Value: lost, Unit: percent}, Target: report.Target{Bound: report.AtMost, Value: 5},
		Cells: []string{report.Spread(series[0], report.PerSecond), report.Spread(series[1], report.PerSecond)},
	}, f.agrees(ctx)
}

// agrees says whether the rollups hold every row after all that.
func (f *field) agrees(ctx context.Context) error {
	now, err := f.store.Clock(ctx)
	if err != nil {
		return err
	}
	if err := f.store.Fold(ctx, now); err != nil {
		return err
	}
	o := objectives()[0]
	span := []slo.Span{{Key: o.Key, Measure: o.Measure(), From: f.end.Add(-23 * time.Hour).Truncate(time.Minute), To: now}}
	got, err := f.store.Count(ctx, span)
	if err != nil {
		return err
	}
	want, err := f.plain(ctx, span)
	if err == nil && (got[0].Good != want[0].Good || got[0].Valid != want[0].Valid) {
		err = fmt.Errorf("after the inserts the rollups say %v, the rows %v", got, want)
	}
	return err
}
