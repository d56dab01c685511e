package kpi

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/migrations"
)

const batch = 500

// bareSQL is a table with a primary key, and what an insert into it looks like.
const bareSQL = `
create table public.bare (
  tenant_id text not null,
  id uuid not null,
  user_id text not null,
  event_name text not null,
  properties jsonb not null,
  occurred_at timestamptz not null,
  received_at timestamptz not null,
  primary key (tenant_id, id)
)`

const insertSQL = `
insert into public.bare (tenant_id, id, user_id, event_name, properties, occurred_at, received_at)
select tenant_id, id, user_id, event_name, properties::jsonb, occurred_at, received_at
from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
  as e(tenant_id, id, user_id, event_name, properties, occurred_at, received_at)`

// claimedSQL is a second table, which knows each key that was used, and what an insert into both looks like: the least that
// tells an event that comes again.
const claimedSQL = `
create table public.bare_keys (
  tenant_id text not null,
  key text not null,
  id uuid not null,
  primary key (tenant_id, key)
)`

const claimSQL = `
with claimed as (
  insert into public.bare_keys (tenant_id, key, id)
  select tenant_id, key, id
  from unnest($1::text[], $8::text[], $2::uuid[]) as k(tenant_id, key, id))` + insertSQL

// pipe takes events in.
type pipe struct {
	pool    *pgxpool.Pool
	tracker *kpi.Tracker
	n       atomic.Int64
}

func compareIngest(ctx context.Context, l *lab.Lab, s *report.Section) error {
	pool, err := l.Pool(ctx, "kpi_ingest", migrations.KPI)
	if err != nil {
		return err
	}
	defer pool.Close()
	for _, sql := range []string{bareSQL, claimedSQL} {
		if _, err := pool.Exec(ctx, sql); err != nil {
			return err
		}
	}
	store := kpipg.New(pool, nil)
	p := &pipe{pool: pool, tracker: kpi.NewTracker(store, &kpi.TrackerOptions{Timeout: time.Minute})}
	if err := kpi.NewBoard(store, nil).Define(ctx, kpis()...); err != nil {
		return err
	}
	if err := p.verify(ctx, store); err != nil {
		return err
	}
	folded, err := p.fold(ctx, l, s, store)
	if err != nil {
		return err
	}
	rows, err := p.compare(ctx, l, s)
	if err != nil {
		return err
	}
	s.Tables = append(s.Tables, report.Table{
		Title: "Ingest, in Postgres",
		Text: fmt.Sprintf("%d writers, each with %d events in a call, of one tenant. What is tracked is counted in every figure when the "+
			"call returns. A bare insert forgets keys: an event that is sent again counts twice. Folding into the rollups of %d KPIs, which Run "+
			"does meanwhile in one connection, is timed by itself.",
			writers, batch, len(kpis())),
		Columns: []string{"tenon", "bare insert"}, Rows: append(rows, folded),
	})
	return nil
}

// foldBatches are folded in one measurement.
const foldBatches = 40

// fold tells how many events are folded in a second.
func (p *pipe) fold(ctx context.Context, l *lab.Lab, s *report.Section, store *kpipg.Store) (report.Row, error) {
	l.Say("kpi: folding")
	if err := store.Fold(ctx); err != nil {
		return report.Row{}, err
	}
	series, err := measure.Interleave(ctx, l.Rounds, func(ctx context.Context) (float64, error) {
		for range foldBatches {
			if err := p.track(ctx, 0, 0); err != nil {
				return 0, err
			}
		}
		took, err := milliseconds(1, func() error { return store.Fold(ctx) })
		return foldBatches * batch / took * 1000, err
	})
	if err != nil {
		return report.Row{}, err
	}
	s.Samples = append(s.Samples, report.Sample{Name: "fold/tenon", Unit: report.PerSecond, Series: series[0]})
	return report.Row{
		Case:   "events folded, each of which starts a subject of a conversion",
		Figure: report.Figure{Value: series[0].Median(), Unit: report.PerSecond},
		Cells:  []string{report.Spread(series[0], report.PerSecond), ""},
	}, nil
}

// events are a batch. The host made keys, and the properties, beforehand: it knows them already.
func (p *pipe) events(now time.Time) []kpi.Event {
	events := make([]kpi.Event, batch)
	first := p.n.Add(batch) - batch
	for i := range events {
		n := first + int64(i)
		events[i] = kpi.Event{
			Tenant: fmt.Sprint("company-", first/batch%500), User: fmt.Sprint("user-", n%997), Name: "quote_sent", Key: tenon.NewID(now),
			At: now, Properties: map[string]any{"quote_id": fmt.Sprint("q", n), "amount": n % 1000, "lanes": 3},
		}
	}
	return events
}

func (p *pipe) track(ctx context.Context, _, _ int) error {
	receipts, err := p.tracker.Track(ctx, p.events(time.Now())...)
	if err == nil && receipts[batch-1].Outcome != kpi.Accepted {
		err = fmt.Errorf("the last event is %s", receipts[batch-1].Outcome)
	}
	return err
}

func (p *pipe) insert(ctx context.Context, _, _ int) error {
	args := arguments(p.events(tenon.Instant(time.Now())))
	_, err := p.pool.Exec(ctx, insertSQL, args[:7]...)
	return err
}

// claim inserts as a plain program does that must tell events apart by their keys.
func (p *pipe) claim(ctx context.Context, _, _ int) error {
	_, err := p.pool.Exec(ctx, claimSQL, arguments(p.events(tenon.Instant(time.Now())))...)
	return err
}

// arguments are events as arrays, a column each, and their keys last.
func arguments(events []kpi.Event) []any {
	var tenants, ids, users, names, properties, keys []string
	var at, received []time.Time
	for i, e := range events {
		tenants, users, names, keys = append(tenants, e.Tenant), append(users, e.User), append(names, e.Name), append(keys, e.Key)
		ids, at, received = append(ids, tenon.NewID(e.At.Add(time.Duration(i)*time.Microsecond))), append(at, e.At), append(received, e.At)
		properties = append(properties, fmt.Sprintf(`{"quote_id":%q,"amount":%d,"lanes":3}`, e.Properties["quote_id"], e.Properties["amount"]))
	}
	return []any{tenants, ids, users, names, properties, at, received, keys}
}

// verify tracks a batch twice, and says whether it counts once.
func (p *pipe) verify(ctx context.Context, store *kpipg.Store) error {
	events := p.events(time.Now())
	for range 2 {
		if _, err := p.tracker.Track(ctx, events...); err != nil {
			return err
		}
	}
	r, err := kpi.NewBoard(store, nil).Read(ctx, kpi.Query{KPI: kpi.QuoteBookName})
	if err == nil && r.Points[len(r.Points)-1].Sample != batch {
		err = fmt.Errorf("%d quotes are counted of %d that were tracked twice", r.Points[len(r.Points)-1].Sample, batch)
	}
	return err
}

func (p *pipe) compare(ctx context.Context, l *lab.Lab, s *report.Section) ([]report.Row, error) {
	l.Say("kpi: ingest")
	rate := func(call measure.Call) measure.Contender {
		return func(ctx context.Context) (float64, error) {
			load, err := measure.Run(ctx, writers, l.Length, call)
			return load.Rate() * batch, err
		}
	}
	series, err := measure.Interleave(ctx, l.Rounds, rate(p.track), rate(p.insert), rate(p.claim))
	if err != nil {
		return nil, err
	}
	for i, name := range []string{"tenon", "bare", "bare_keys"} {
		s.Samples = append(s.Samples, report.Sample{Name: "ingest/" + name, Unit: report.PerSecond, Series: series[i]})
	}
	row := func(title string, over int, target report.Target) report.Row {
		return report.Row{
			Case: title, Figure: report.Over(series[0], series[over]), Target: target,
			Cells: []string{report.Spread(series[0], report.PerSecond), report.Spread(series[over], report.PerSecond)},
		}
	}
	return []report.Row{
		row("events with keys, de-duplicated and counted, beside a bare insert: of its rate", 1, report.Target{Bound: report.AtLeast, Value: 0.7}),
		row("the same beside a bare insert that claims each key in a second table", 2, report.Target{}),
	}, nil
}
