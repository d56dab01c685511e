package kpi

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/kpi"
)

func compareBoard(ctx context.Context, l *lab.Lab, s *report.Section) error {
	f, err := newField(ctx, l)
	if err != nil {
		return err
	}
	defer f.pool.Close()
	t := report.Table{
		Title: "Figures, in Postgres",
		Text: fmt.Sprintf("%d events of 500 tenants over 30 days. Inserting them took %.3g s in %d connections, making the rollups %.3g s in one.",
			f.rows, f.took["insert"].Seconds(), writers, f.took["fold"].Seconds()),
		Columns: []string{"tenon", "beside it"},
	}
	for _, c := range contests {
		row, err := f.compare(ctx, l, s, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.title, err)
		}
		t.Rows = append(t.Rows, row)
	}
	s.Tables = append(s.Tables, t)
	return nil
}

// contest is a KPI beside a statement that gives the same figures.
type contest struct {
	title  string
	kpi    string
	sql    string // gives date, sample, and how many of it converted, or got to each step
	looks  int    // of tenon, in one measurement
	target report.Target
	slower bool // the figure is how much slower tenon is, not how much faster
}

var contests = []contest{
	{
		title: "daily conversion beside the plain view: times as fast", kpi: kpi.QuoteBookName, sql: plainSQL, looks: 20,
		target: report.Target{Bound: report.AtLeast, Value: 100},
	},
	{
		title: "daily conversion beside the best covering scan: times as fast", kpi: kpi.QuoteBookName, sql: coveringSQL, looks: 20,
		target: report.Target{Bound: report.AtLeast, Value: 40},
	},
	{
		title: "accepted per sent, by when that happened, beside a plain view: times as fast", kpi: "ratio", sql: ratioSQL, looks: 20,
	},
	{
		title: "the same beside the best covering scan: times as fast", kpi: "ratio", sql: ratioCoveringSQL, looks: 20,
	},
	{
		title: "funnel of 3 ordered steps beside window functions in one pass: times as long", kpi: "funnel", sql: funnelSQL, looks: 1,
		target: report.Target{Bound: report.AtMost, Value: 1.2}, slower: true,
	},
}

const plainSQL = `
select to_char(started at time zone $1, 'YYYY-MM-DD'), count(*), count(*) filter (where accepted), 0::bigint
from (
  select tenant_id, properties ->> 'quote_id' as quote_id, min(occurred_at) as started,
    bool_or(event_name = 'quote_accepted') as accepted
  from tenon.events
  where event_name in ('quote_sent', 'quote_accepted')
  group by 1, 2) quotes
where started >= $2
  and started < $3
group by 1`

const coveringSQL = `
select to_char(d, 'YYYY-MM-DD'), n, accepted, 0::bigint
from (
  select (started at time zone $1)::date as d, count(*) as n, count(*) filter (where accepted) as accepted
  from (
    select min(occurred_at) as started, bool_or(event_name = 'quote_accepted') as accepted
    from public.flat
    group by tenant_id, quote_id) quotes
  where started >= $2
    and started < $3
  group by 1) days`

const ratioSQL = `
select to_char(occurred_at at time zone $1, 'YYYY-MM-DD'), count(*) filter (where event_name = 'quote_sent'),
  count(*) filter (where event_name = 'quote_accepted'), 0::bigint
from tenon.events
where event_name in ('quote_sent', 'quote_accepted')
  and occurred_at >= $2
  and occurred_at < $3
group by 1`

const ratioCoveringSQL = `
select to_char(d, 'YYYY-MM-DD'), sent, accepted, 0::bigint
from (
  select (occurred_at at time zone $1)::date as d, count(*) filter (where event_name = 'quote_sent') as sent,
    count(*) filter (where event_name = 'quote_accepted') as accepted
  from public.flat
  where occurred_at >= $2
    and occurred_at < $3
  group by 1) days`

// funnelSQL keeps the latest start that reached each step while it goes once through every user's events in order.
const funnelSQL = `
with starts as (
  select tenant_id, user_id, event_name, occurred_at, id,
    max(occurred_at) filter (where event_name = 'quote_created') over w as first
  from tenon.events
  where event_name in ('quote_created', 'quote_sent', 'quote_accepted')
    and user_id <> ''
    and occurred_at >= $2
    and occurred_at <= $3::timestamptz + interval '2 days'
  window w as (partition by tenant_id, user_id order by occurred_at, id rows unbounded preceding)
), seconds as (
  select tenant_id, user_id, event_name, occurred_at, first,
    max(first) filter (where event_name = 'quote_sent' and occurred_at <= first + interval '2 days') over w as second
  from starts
  window w as (partition by tenant_id, user_id order by occurred_at, id rows unbounded preceding)
), reached as (
  select tenant_id, user_id,
    case event_name when 'quote_created' then first when 'quote_sent' then first else second end as start,
    case event_name when 'quote_created' then 1 when 'quote_sent' then 2 else 3 end as step
  from seconds
  where event_name = 'quote_created'
    or event_name = 'quote_sent' and occurred_at <= first + interval '2 days'
    or event_name = 'quote_accepted' and occurred_at <= second + interval '2 days'
), furthest as (
  select (start at time zone $1)::date as d, max(step) as step
  from reached
  where start < $3
  group by tenant_id, user_id, 1
)
select to_char(d, 'YYYY-MM-DD'), count(*), count(*) filter (where step = 3), count(*) filter (where step >= 2)
from furthest
group by d`

// day is what a period comes to: how many there are, got to the end, and to the second step.
type day struct{ sample, end, second int64 }

func (f *field) read(ctx context.Context, name string) (map[string]day, error) {
	r, err := f.board.Read(ctx, kpi.Query{KPI: name})
	if err != nil {
		return nil, err
	}
	days := map[string]day{}
	for _, p := range r.Points {
		d := day{sample: p.Sample, end: p.Count}
		if len(p.Steps) > 0 {
			d.second = p.Steps[1].Count
		}
		if d != (day{}) {
			days[p.Date] = d
		}
	}
	return days, nil
}

func (f *field) ask(ctx context.Context, sql string) (map[string]day, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, err
	}
	y, m, d := f.end.In(loc).Date()
	from, to := time.Date(y, m, d-29, 0, 0, 0, 0, loc), time.Date(y, m, d+1, 0, 0, 0, 0, loc)
	rows, err := f.pool.Query(ctx, sql, zone, from, to)
	if err != nil {
		return nil, err
	}
	days := map[string]day{}
	var date string
	var one day
	if _, err := pgx.ForEachRow(rows, []any{&date, &one.sample, &one.end, &one.second}, func() error {
		days[date] = one
		return nil
	}); err != nil {
		return nil, err
	}
	return days, rows.Err()
}

func (f *field) compare(ctx context.Context, l *lab.Lab, s *report.Section, c contest) (report.Row, error) {
	l.Say("kpi: %s", c.title)
	got, err := f.read(ctx, c.kpi)
	if err != nil {
		return report.Row{}, err
	}
	want, err := f.ask(ctx, c.sql)
	if err != nil {
		return report.Row{}, err
	}
	if !maps.Equal(got, want) || len(got) < 28 {
		return report.Row{}, fmt.Errorf("tenon says %v, the rows %v", got, want)
	}
	series, err := measure.Interleave(ctx, l.Rounds,
		func(context.Context) (float64, error) {
			return milliseconds(c.looks, func() error { _, err := f.read(ctx, c.kpi); return err })
		},
		func(context.Context) (float64, error) {
			return milliseconds(1, func() error { _, err := f.ask(ctx, c.sql); return err })
		})
	if err != nil {
		return report.Row{}, err
	}
	s.Samples = append(s.Samples, report.Sample{Name: c.title + "/tenon", Unit: report.Milliseconds, Series: series[0]},
		report.Sample{Name: c.title + "/beside", Unit: report.Milliseconds, Series: series[1]})
	ratio := series[1].Over(series[0])
	if c.slower {
		ratio = series[0].Over(series[1])
	}
	return report.Row{
		Case: c.title, Figure: report.Figure{Value: ratio.Median(), Unit: report.Times}, Target: c.target,
		Cells: []string{report.Spread(series[0], report.Milliseconds), report.Spread(series[1], report.Milliseconds)},
	}, nil
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
