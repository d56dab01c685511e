package kpi

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/migrations"
)

// field is 30 days of events in Postgres, and the rollups of them.
type field struct {
	pool  *pgxpool.Pool
	store *kpipg.Store
	board *kpi.Board
	end   time.Time
	rows  int
	took  map[string]time.Duration
}

const (
	zone    = "America/New_York"
	writers = 4
)

// fillSQL inserts the rows from the $1-th to before the $2-th of $3, spread over the 30 days before $4. Of ten events
// four create a quote, three send one of these four, two accept one, and one is about something else. A third of
// the quotes is sent before it is created, by users who come back 50 times. Ids are of the present month, since that is
// when the events are recorded; $5 is how the first one begins.
const fillSQL = `
insert into tenon.events (tenant_id, id, user_id, event_name, properties, occurred_at, received_at)
select 'company-' || q % 500,
  ($5::text || '-7000-8' || lpad(to_hex(i / 65536), 3, '0') || '-' || lpad(to_hex(i % 65536), 4, '0') || '00000000')::uuid,
  'user-' || q % ($3::int / 50),
  case when kind < 4 then 'quote_created' when kind < 7 then 'quote_sent' when kind < 9 then 'quote_accepted' else 'load_booked' end,
  jsonb_build_object('quote_id', 'q' || q, 'amount', q % 1000),
  $4::timestamptz - interval '30 days' * (1 - i::float8 / $3::int) + interval '1 minute' * (kind / 4 - 2) * (q % 211),
  $4
from (
  select i, i / 10 * 4 + case when i % 10 < 4 then i % 10 when i % 10 < 7 then i % 10 - 4 else i % 10 - 7 end as q, i % 10 as kind
  from generate_series($1::int, $2::int - 1) i) as e
where ($4::timestamptz - interval '30 days' * (1 - i::float8 / $3::int) + interval '1 minute' * (kind / 4 - 2) * (q % 211)) < $4`

// kpis are what the board shows.
func kpis() []kpi.KPI {
	return []kpi.KPI{
		kpi.QuoteBook(zone),
		{
			Name: "ratio", Zone: zone,
			Ratio: &kpi.Ratio{Of: kpi.Term{Of: kpi.On("quote_accepted")}, Per: kpi.Term{Of: kpi.On("quote_sent")}},
		},
		{Name: "funnel", Zone: zone, Funnel: &kpi.Funnel{
			Steps:  []kpi.Step{kpi.On("quote_created"), kpi.On("quote_sent"), kpi.On("quote_accepted")},
			Window: 2 * kpi.Day,
		}},
	}
}

func newField(ctx context.Context, l *lab.Lab) (*field, error) {
	pool, err := l.Pool(ctx, "kpi", migrations.KPI)
	if err != nil {
		return nil, err
	}
	f := &field{pool: pool, rows: l.Many(10_000_000), took: map[string]time.Duration{}}
	f.store = kpipg.New(f.pool, nil)
	l.Say("kpi: inserting %d events", f.rows)
	err = f.fill(ctx)
	if err == nil {
		l.Say("kpi: making rollups")
		err = f.fold(ctx)
	}
	if err != nil {
		f.pool.Close()
		return nil, err
	}
	return f, nil
}

func (f *field) fill(ctx context.Context) error {
	var err error
	if f.end, err = f.store.Clock(ctx); err != nil {
		return err
	}
	began := time.Now()
	first := tenon.NewID(f.end)[:13]
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		wg.Go(func() {
			_, errs[w] = f.pool.Exec(ctx, fillSQL, f.rows*w/writers, f.rows*(w+1)/writers, f.rows, f.end, first)
		})
	}
	wg.Wait()
	f.took["insert"] = time.Since(began)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, sql := range flatSQL {
		if _, err := f.pool.Exec(ctx, sql); err != nil {
			return err
		}
	}
	_, err = f.pool.Exec(ctx, "vacuum analyze tenon.events, public.flat")
	return err
}

// flatSQL makes the table that somebody would lay out by hand who asks this one question: columns for what is in the
// properties, nothing else, and an index that holds all of it.
var flatSQL = []string{
	`
create table public.flat as
select tenant_id, properties ->> 'quote_id' as quote_id, event_name, occurred_at
from tenon.events
where event_name in ('quote_sent', 'quote_accepted')`,
	"create index flat_covers on public.flat (tenant_id, quote_id, occurred_at, event_name)",
	"create index flat_days on public.flat (occurred_at, event_name)",
}

func (f *field) fold(ctx context.Context) error {
	f.board = kpi.NewBoard(still{f.store, f.end}, &kpi.BoardOptions{Timeout: time.Hour})
	if err := f.board.Define(ctx, kpis()...); err != nil {
		return err
	}
	began := time.Now()
	if err := f.store.Fold(ctx); err != nil {
		return err
	}
	f.took["fold"] = time.Since(began)
	_, err := f.pool.Exec(ctx, "vacuum analyze tenon.kpi_rollups, tenon.kpi_subjects")
	return err
}

// still is the store at the end of the 30 days.
type still struct {
	kpi.Store
	now time.Time
}

// Clock implements [tenon.Clock].
func (s still) Clock(context.Context) (time.Time, error) { return s.now, nil }
