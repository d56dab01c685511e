package slo

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/slo"
)

// looks is how often a board is asked in one measurement.
const looks = 50

func compareBoard(ctx context.Context, l *lab.Lab, s *report.Section) error {
	f, err := newField(ctx, l)
	if err != nil {
		return err
	}
	defer f.pool.Close()
	t := report.Table{
		Title: "Boards, in Postgres",
		Text: fmt.Sprintf("%d requests over 24 hours, four objectives: one over 24 hours with its burn tiers, three over an hour. Inserting the day took %.3g s in %d connections, folding it into rollups %.3g s in one.",
			f.rows, f.took["insert"].Seconds(), writers, f.took["fold"].Seconds()),
		Columns: []string{"tenon", "raw rows"},
	}
	for _, part := range []func(context.Context, *lab.Lab, *report.Section) (report.Row, error){
		f.compareWindows, f.compareQuantile, f.compareMinutes, f.compareSize, f.compareUpkeep,
	} {
		row, err := part(ctx, l, s)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, row)
	}
	s.Tables = append(s.Tables, t)
	return nil
}

// milliseconds times n calls and returns what one took.
func milliseconds(n int, call func() error) (float64, error) {
	began := time.Now()
	for range n {
		if err := call(); err != nil {
			return 0, err
		}
	}
	return measure.Milliseconds(time.Since(began)) / float64(n), nil
}

// faster interleaves two ways and says how many times as fast the first is.
func faster(ctx context.Context, l *lab.Lab, s *report.Section, name string, times int, fast, slow func() error) (report.Row, error) {
	l.Say("slo: %s", name)
	series, err := measure.Interleave(ctx, l.Rounds,
		func(context.Context) (float64, error) { return milliseconds(times, fast) },
		func(context.Context) (float64, error) { return milliseconds(1, slow) })
	if err != nil {
		return report.Row{}, err
	}
	s.Samples = append(s.Samples, report.Sample{Name: name + "/tenon", Unit: report.Milliseconds, Series: series[0]},
		report.Sample{Name: name + "/raw", Unit: report.Milliseconds, Series: series[1]})
	return report.Row{
		Figure: report.Over(series[1], series[0]),
		Cells:  []string{report.Spread(series[0], report.Milliseconds), report.Spread(series[1], report.Milliseconds)},
	}, nil
}

func (f *field) compareWindows(ctx context.Context, l *lab.Lab, s *report.Section) (report.Row, error) {
	var asked []slo.Span
	if _, err := f.board(&asked).Evaluate(ctx); err != nil { // what it finds is told now, not while it is timed
		return report.Row{}, err
	}
	want, err := f.plain(ctx, asked)
	if err != nil {
		return report.Row{}, err
	}
	if got, err := f.store.Count(ctx, asked); err != nil || !slices.Equal(got, want) {
		return report.Row{}, fmt.Errorf("the rollups say %v, the rows %v: %w", got, want, err)
	}
	board := f.board(nil)
	row, err := faster(ctx, l, s, "board", looks,
		func() error { _, err := board.Evaluate(ctx); return err },
		func() error { _, err := f.plain(ctx, asked); return err })
	row.Case = fmt.Sprintf("all objectives, all burn windows (%d of them): times as fast", len(asked))
	row.Target = report.Target{Bound: report.AtLeast, Value: 1000}
	return row, err
}

const plainQuantileSQL = `
select percentile_disc(0.95) within group (order by took_ms)
from public.api_requests
where created_at >= $1
  and created_at < $2`

func (f *field) compareQuantile(ctx context.Context, l *lab.Lab, s *report.Section) (report.Row, error) {
	o := objectives()[1]
	from := f.end.Add(-time.Hour).Truncate(time.Minute)
	span := []slo.Span{{Key: o.Key, Measure: o.Measure(), From: from, To: f.end}}
	var got, want float64
	sketched := func() error {
		sketches, err := f.store.Sketch(ctx, span)
		if err != nil {
			return err
		}
		p95, _ := sketches[0].Quantile(950_000)
		got = float64(p95) / 1e6
		return nil
	}
	sorted := func() error { return f.pool.QueryRow(ctx, plainQuantileSQL, from, f.end).Scan(&want) }
	row, err := faster(ctx, l, s, "p95", looks, sketched, sorted)
	if err == nil && math.Abs(got/want-1) > 0.01 {
		err = fmt.Errorf("p95 is %g by the sketch and %g by the rows", got, want)
	}
	row.Case = "p95 over an hour: times as fast"
	row.Target = report.Target{Bound: report.AtLeast, Value: 25}
	return row, err
}

const plainMinutesSQL = `
select count(p95)
from (
  select date_trunc('minute', created_at) as minute, percentile_disc(0.95) within group (order by took_ms) as p95
  from public.api_requests
  where created_at >= date_trunc('minute', now() - interval '1 hour')
  group by 1) m`

const viewMinutesSQL = `
select count(p95_latency)
from tenon.slo_quote_latency`

func (f *field) compareMinutes(ctx context.Context, l *lab.Lab, s *report.Section) (report.Row, error) {
	count := func(sql string) func() error {
		return func() error {
			var n int
			return f.pool.QueryRow(ctx, sql).Scan(&n)
		}
	}
	row, err := faster(ctx, l, s, "minutes", looks, count(viewMinutesSQL), count(plainMinutesSQL))
	row.Case = "the view slo_quote_latency, p95 by the minute: times as fast"
	return row, err
}

const sizeSQL = `
select 100.0 * (pg_total_relation_size('tenon.slo_rollups') + pg_total_relation_size('tenon.slo_sketches'))
  / pg_total_relation_size('public.api_requests'),
  (pg_total_relation_size('tenon.slo_rollups') + pg_total_relation_size('tenon.slo_sketches')) / 1e6,
  pg_total_relation_size('public.api_requests') / 1e6`

func (f *field) compareSize(ctx context.Context, _ *lab.Lab, _ *report.Section) (report.Row, error) {
	var share, rollups, raw float64
	err := f.pool.QueryRow(ctx, sizeSQL).Scan(&share, &rollups, &raw)
	return report.Row{
		Case:   "rollups and sketches of all objectives, of the size of the rows",
		Figure: report.Figure{Value: share, Unit: percent}, Target: report.Target{Bound: report.AtMost, Value: 1},
		Cells: []string{fmt.Sprintf("%.3g MB", rollups), fmt.Sprintf("%.4g MB", raw)},
	}, err
}
