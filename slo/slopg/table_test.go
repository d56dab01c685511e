package slopg_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

// hostSQL is the host's own tables.
const hostSQL = `
create table public.api_requests (
  created_at timestamptz not null, status int not null, took_ms double precision, "company id" text
);
create index on public.api_requests (created_at);
create table public.agent_tasks (id int primary key, started_at timestamptz not null, finished_at timestamptz, status text not null)`

func hosted(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := database(t)
	pgtest.Exec(t, pool, hostSQL)
	return pool
}

var (
	requests = slopg.FromTable(pgx.Identifier{"public", "api_requests"}, slopg.Columns{
		At: slopg.Col("created_at"), Good: slopg.Expr("status < 500"), Duration: slopg.Col("took_ms"), Tenant: slopg.Col("company id"),
	})
	tasks = slopg.FromTable(pgx.Identifier{"public", "agent_tasks"}, slopg.Columns{
		At: slopg.Col("finished_at"), Good: slopg.Expr("status = 'succeeded'"),
	})
	tables = map[string]slopg.Table{"uptime": requests, "quote_p95_latency_ms": requests, "agent_success_rate": tasks, "daily": requests}
)

func uptime() slo.Objective {
	return slo.Objective{
		Key: slo.Key{Name: "uptime"}, Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 24 * time.Hour},
	}
}

func latency() slo.Objective {
	return slo.Objective{
		Key: slo.Key{Name: "quote_p95_latency_ms"}, Kind: slo.Latency, Target: 950_000, Threshold: 500 * time.Millisecond,
		Window: slo.Window{Length: time.Hour},
	}
}

func success() slo.Objective {
	return slo.Objective{
		Key: slo.Key{Name: "agent_success_rate"}, Kind: slo.Ratio, Target: 980_000, Window: slo.Window{Length: time.Hour},
	}
}

func define(t *testing.T, s slo.Store, objectives ...slo.Objective) {
	t.Helper()
	_, err := slo.NewBoard(s, &slo.Options{Timeout: time.Minute}).Define(t.Context(), objectives...)
	require.NoError(t, err)
}

// at gives a store a time of the test's choosing.
type at struct {
	slo.Store
	now time.Time
}

func (a at) Clock(context.Context) (time.Time, error) { return a.now, nil }

func report(t *testing.T, s slo.Store, now time.Time) slo.Report {
	t.Helper()
	r, err := slo.NewBoard(at{s, now}, &slo.Options{Timeout: time.Minute}).Current(t.Context())
	require.NoError(t, err)
	return r
}

func count(t *testing.T, s slo.Store, o slo.Objective, from, to time.Time) slo.Count {
	t.Helper()
	c, err := s.Count(t.Context(), []slo.Span{{Key: o.Key, Measure: o.Measure(), From: from, To: to, Slice: o.Slice}})
	require.NoError(t, err)
	return c[0]
}

// event is a request as it is inserted and observed.
type event struct {
	at      time.Time
	status  int
	took    float64 // milliseconds
	company string
}

func insert(t *testing.T, pool *pgxpool.Pool, events ...event) {
	t.Helper()
	rows := make([][]any, len(events))
	for i, e := range events {
		rows[i] = []any{e.at, e.status, e.took, e.company}
	}
	_, err := pool.CopyFrom(t.Context(), pgx.Identifier{"public", "api_requests"},
		[]string{"created_at", "status", "took_ms", "company id"}, pgx.CopyFromRows(rows))
	require.NoError(t, err)
}

func TestViewsAgreeWithTheRows(t *testing.T) {
	t.Parallel()
	pool := hosted(t)
	store := slopg.New(pool, &slopg.Options{Tables: tables})
	now, err := store.Clock(t.Context())
	require.NoError(t, err)
	define(t, store, uptime(), latency(), success())
	random := rand.New(rand.NewPCG(7, 8))
	insert(t, pool, traffic(random, now.Add(-23*time.Hour), 22*time.Hour, 3000)...)
	insert(t, pool, traffic(random, now.Add(-59*time.Minute), 59*time.Minute, 3000)...)
	pgtest.Exec(t, pool, `
insert into public.agent_tasks (id, started_at, finished_at, status)
select i, $1, case when i % 3 > 0 then $1::timestamptz + i * interval '3 seconds' end,
  case when i % 3 = 0 then 'running' when i % 7 = 0 then 'failed' else 'succeeded' end
from generate_series(1, 1000) i`, now.Add(-55*time.Minute))
	require.NoError(t, store.Fold(t.Context(), now))
	require.Positive(t, pgtest.One[int64](t, pool, "select count(*) from tenon.slo_uptime"))
	require.Empty(t, pgtest.List[string](t, pool, `
(table tenon.slo_uptime except all
 select date_trunc('hour', created_at, 'UTC'), count(*), count(*) filter (where status < 500),
   count(*) filter (where status < 500)::numeric / count(*)
 from public.api_requests where created_at >= date_trunc('minute', now() - interval '24 hours') group by 1)`))
	require.Empty(t, pgtest.List[string](t, pool, `
(table tenon.slo_agent_success except all
 select date_trunc('minute', finished_at, 'UTC'), count(*) filter (where status = 'succeeded')::numeric / count(*)
 from public.agent_tasks where finished_at is not null group by 1)`))
	require.Positive(t, pgtest.One[int64](t, pool, "select count(*) from tenon.slo_agent_success"))
	require.Zero(t, pgtest.One[int64](t, pool, `
select count(*)
from tenon.slo_quote_latency v
join (
  select date_trunc('minute', created_at, 'UTC') as minute, percentile_disc(0.95) within group (order by took_ms) as p95
  from public.api_requests group by 1) r on r.minute = v.minute
where abs(v.p95_latency / r.p95 - 1) > 0.01`))
	// In one statement, whose present time is one.
	require.Zero(t, pgtest.One[int64](t, pool, `
select (select count(*) from tenon.slo_quote_latency) - count(distinct date_trunc('minute', created_at))
from public.api_requests
where created_at >= date_trunc('minute', now() - interval '1 hour')`))
}

func TestUnfinishedTasksAreNotFailures(t *testing.T) {
	t.Parallel()
	pool := hosted(t)
	store := slopg.New(pool, &slopg.Options{Tables: tables})
	define(t, store, success())
	now := time.Date(2026, 3, 10, 12, 0, 30, 0, time.UTC)
	pgtest.Exec(t, pool, `insert into public.agent_tasks values (1, $1, null, 'running'), (2, $1, $1, 'succeeded')`, now.Add(-10*time.Minute))
	require.NoError(t, store.Fold(t.Context(), now))
	s, _ := report(t, store, now).Status(success().Key)
	require.Equal(t, slo.Count{Good: 1, Valid: 1}, s.Count)
	pgtest.Exec(t, pool, `update public.agent_tasks set finished_at = $1, status = 'failed' where id = 1`, now)
	require.NoError(t, store.Fold(t.Context(), now.Add(time.Second)))
	s, _ = report(t, store, now.Add(time.Second)).Status(success().Key)
	require.Equal(t, slo.Count{Good: 1, Valid: 2}, s.Count)
}

func TestOddDurations(t *testing.T) {
	t.Parallel()
	pool := hosted(t)
	store := slopg.New(pool, &slopg.Options{Tables: tables})
	define(t, store, latency(), uptime())
	now := time.Date(2026, 3, 10, 12, 0, 30, 0, time.UTC)
	pgtest.Exec(t, pool, `
insert into public.api_requests
select $1, 200, d from unnest(array['NaN', 'Infinity', '-Infinity', '-1', '0', '500', null]::float8[]) d`, now.Add(-time.Minute))
	require.NoError(t, store.Fold(t.Context(), now))
	require.Equal(t, slo.Count{Good: 4, Valid: 5}, count(t, store, latency(), now.Add(-time.Hour), now))
	require.Equal(t, slo.Count{Good: 7, Valid: 7}, count(t, store, uptime(), now.Add(-time.Hour), now))
}

func TestRowsThatGoAndAClockThatRunsBackwards(t *testing.T) {
	t.Parallel()
	daily := uptime()
	daily.Window = slo.Window{Calendar: slo.Daily}
	for name, o := range map[string]slo.Objective{"rolling": uptime(), "calendar": daily} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := hosted(t)
			store := slopg.New(pool, &slopg.Options{Tables: tables})
			define(t, store, o)
			now := time.Date(2026, 3, 10, 12, 0, 30, 0, time.UTC)
			for i := range 30 { // each row older than the one before
				insert(t, pool, event{at: now.Add(-time.Duration(i) * time.Minute), status: 200})
			}
			insert(t, pool, event{at: now.Add(20 * time.Minute), status: 200}) // and one from the future
			require.NoError(t, store.Fold(t.Context(), now))
			require.Equal(t, slo.Count{Good: 30, Valid: 30}, count(t, store, o, now.Add(-time.Hour), now))
			pgtest.Exec(t, pool, "delete from public.api_requests where created_at < $1", now.Add(-15*time.Minute))
			require.NoError(t, store.Fold(t.Context(), now.Add(-time.Minute))) // the database's clock was set back
			require.Equal(t, slo.Count{Good: 16, Valid: 16}, count(t, store, o, now.Add(-time.Hour), now))
			require.NoError(t, store.Fold(t.Context(), now.Add(time.Hour)))
			require.Equal(t, slo.Count{Good: 17, Valid: 17}, count(t, store, o, now.Add(-time.Hour), now.Add(time.Hour)))
		})
	}
}

func TestATableThatCannotBeCountedShowsInTheLag(t *testing.T) {
	t.Parallel()
	pool := hosted(t)
	store := slopg.New(pool, &slopg.Options{Tables: tables})
	define(t, store, uptime(), success())
	now := time.Date(2026, 3, 10, 12, 0, 30, 0, time.UTC)
	require.NoError(t, store.Fold(t.Context(), now))
	require.Zero(t, store.Stats().Lag)
	pgtest.Exec(t, pool, "drop table public.agent_tasks")
	require.Error(t, store.Fold(t.Context(), now.Add(10*time.Minute)))
	require.Equal(t, 10*time.Minute, store.Stats().Lag)
	require.Equal(t, now.Add(10*time.Minute), pgtest.One[time.Time](t, pool, "select max(folded_at) from tenon.slo_sources").UTC(), "the other goes on")
}

func TestALongerWindowIsCountedBackToItsBeginning(t *testing.T) {
	t.Parallel()
	pool := hosted(t)
	store := slopg.New(pool, &slopg.Options{Tables: tables})
	now := time.Date(2026, 3, 10, 12, 0, 30, 0, time.UTC)
	for i := range 24 {
		insert(t, pool, event{at: now.Add(-time.Duration(i) * time.Hour), status: 200})
	}
	o := uptime()
	for _, c := range []struct{ hours, want int64 }{{1, 2}, {24, 24}} {
		o.Window.Length = time.Duration(c.hours) * time.Hour
		define(t, store, o)
		require.NoError(t, store.Fold(t.Context(), now))
		require.Equal(t, c.want, count(t, store, o, o.Window.From(now), now.Add(time.Minute)).Valid)
	}
}

func TestAnInstanceThatWasOvertakenCountsNothingAgain(t *testing.T) {
	t.Parallel()
	pool := hosted(t)
	store := slopg.New(pool, &slopg.Options{Tables: tables})
	define(t, store, uptime())
	now := time.Date(2026, 3, 10, 12, 0, 30, 0, time.UTC)
	insert(t, pool, event{at: now.Add(-time.Minute), status: 200})
	require.NoError(t, store.Fold(t.Context(), now))
	before := store.Stats().Folds
	require.NoError(t, store.Fold(t.Context(), now.Add(-5*time.Second)))
	require.Equal(t, before, store.Stats().Folds)
	require.Equal(t, now, pgtest.One[time.Time](t, pool, "select folded_at from tenon.slo_sources").UTC())
}

func TestATableThatDoesNotFitIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	pool := hosted(t)
	name := pgx.Identifier{"public", "api_requests"}
	good := slopg.Columns{At: slopg.Col("created_at"), Good: slopg.Expr("status < 500"), Duration: slopg.Col("took_ms")}
	for want, spoil := range map[string]func() slopg.Table{
		`column "created" does not exist`: func() slopg.Table {
			c := good
			c.At = slopg.Col("created")
			return slopg.FromTable(name, c)
		},
		`relation "public.requests" does not exist`: func() slopg.Table {
			return slopg.FromTable(pgx.Identifier{"public", "requests"}, good)
		},
		"argument of IS TRUE must be type boolean": func() slopg.Table {
			c := good
			c.Valid = slopg.Col("status")
			return slopg.FromTable(name, c)
		},
		"At is no timestamptz": func() slopg.Table {
			c := good
			c.At = slopg.Expr("created_at at time zone 'UTC'")
			return slopg.FromTable(name, c)
		},
		"lacks a name or At": func() slopg.Table { return slopg.FromTable(name, slopg.Columns{}) },
		"lacks a Duration": func() slopg.Table {
			return slopg.FromTable(name, slopg.Columns{At: slopg.Col("created_at")})
		},
		"has no end": func() slopg.Table {
			c := good
			c.Unit = 7 * time.Second
			return slopg.FromTable(name, c)
		},
		"has a negative Unit": func() slopg.Table {
			c := good
			c.Unit = -time.Second
			return slopg.FromTable(name, c)
		},
		`column "x" or true --" does not exist`: func() slopg.Table {
			c := good
			c.Duration = slopg.Col(`x" or true --`)
			return slopg.FromTable(name, c)
		},
	} {
		store := slopg.New(pool, &slopg.Options{Tables: map[string]slopg.Table{"quote_p95_latency_ms": spoil()}})
		define(t, store, latency())
		err := store.Check(t.Context())
		require.ErrorIs(t, err, tenon.ErrInvalid, want)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "tables.quote_p95_latency_ms")
		require.ErrorIs(t, store.Run(t.Context()), tenon.ErrInvalid)
	}
	fits := slopg.New(pool, &slopg.Options{Tables: tables})
	define(t, fits, uptime(), latency(), success())
	require.NoError(t, fits.Check(t.Context()))
}

func TestThresholdsInOtherUnits(t *testing.T) {
	t.Parallel()
	pool := hosted(t)
	in := func(unit time.Duration) *slopg.Store {
		return slopg.New(pool, &slopg.Options{Tables: map[string]slopg.Table{"quote_p95_latency_ms": slopg.FromTable(
			pgx.Identifier{"public", "api_requests"},
			slopg.Columns{At: slopg.Col("created_at"), Duration: slopg.Col("took_ms"), Unit: unit})}})
	}
	now := time.Date(2026, 3, 10, 12, 0, 30, 0, time.UTC)
	insert(t, pool, event{at: now, took: 0.5}, event{at: now, took: 0.50000001}, event{at: now, took: 500_000})
	for unit, want := range map[time.Duration]int64{time.Second: 1, time.Microsecond: 3} {
		store := in(unit)
		define(t, store, latency())
		pgtest.Exec(t, pool, "delete from tenon.slo_sources")
		require.NoError(t, store.Fold(t.Context(), now))
		require.Equal(t, slo.Count{Good: want, Valid: 3}, count(t, store, latency(), now.Add(-time.Hour), now))
	}
}

func TestAThresholdIsStoredAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := slopg.New(pool, nil)
	define(t, store, uptime())
	for threshold, want := range map[time.Duration]string{
		500 * time.Millisecond: "500 ms", 1500 * time.Microsecond: "1500 us", 9 * time.Second: "9000 ms", time.Minute: "60 s",
		10500 * time.Millisecond: "10500 ms",
	} {
		o := latency()
		o.Threshold = threshold
		define(t, store, o)
		require.Equal(t, want, pgtest.One[string](t, pool, "select threshold || ' ' || unit from tenon.slo_targets where name = $1", o.Name))
	}
	require.True(t, pgtest.One[bool](t, pool, "select threshold is null and unit = '' from tenon.slo_targets where name = 'uptime'"))
}

func TestRunFoldsAndPrunes(t *testing.T) {
	t.Parallel()
	pool := hosted(t)
	store := slopg.New(pool, &slopg.Options{Tables: tables, Every: 50 * time.Millisecond})
	define(t, store, uptime(), latency())
	now, err := store.Clock(t.Context())
	require.NoError(t, err)
	old := slo.Minute{
		Key: uptime().Key, Measure: uptime().Measure(), At: now.Add(-101 * 24 * time.Hour).Truncate(time.Minute), Instance: "old", Valid: 1,
	}
	require.NoError(t, store.Record(t.Context(), []slo.Minute{old}))
	insert(t, pool, event{at: now.Add(-time.Minute), status: 200, took: 1})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- store.Run(ctx) }()
	go func() {
		ended <- slopg.New(pool, &slopg.Options{Tables: tables, Every: 50 * time.Millisecond}).Run(ctx)
	}()
	require.Eventually(t, func() bool {
		return count(t, store, uptime(), now.Add(-time.Hour), now).Valid == 1 &&
			pgtest.One[int64](t, pool, "select count(*) from tenon.slo_rollups where instance = 'old'") == 0
	}, 30*time.Second, 20*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
	require.Empty(t, store.Stats().LastError)
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	require.ErrorIs(t, slopg.New(tx, nil).Run(t.Context()), tenon.ErrInvalid)
}

func TestRunKeepsCountsForEverWhereItIsToldTo(t *testing.T) {
	t.Parallel()
	pool := hosted(t)
	store := slopg.New(pool, &slopg.Options{Tables: tables, Every: 50 * time.Millisecond, Keep: -1})
	define(t, store, uptime(), latency())
	now, err := store.Clock(t.Context())
	require.NoError(t, err)
	old := slo.Minute{
		Key: uptime().Key, Measure: uptime().Measure(), At: now.Add(-101 * 24 * time.Hour).Truncate(time.Minute), Instance: "old", Valid: 1,
	}
	require.NoError(t, store.Record(t.Context(), []slo.Minute{old}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	require.Eventually(t, func() bool { return !store.Stats().LastRun.IsZero() }, 30*time.Second, 20*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	require.Equal(t, int64(1), pgtest.One[int64](t, pool, "select count(*) from tenon.slo_rollups where instance = 'old'"))
}

func TestRunRestsAfterAFoldThatTookLong(t *testing.T) {
	t.Parallel()
	pool := hosted(t)
	pgtest.Exec(t, pool, "create view public.slow as select r.created_at from public.api_requests r, pg_sleep(0.5)")
	slow := slopg.FromTable(pgx.Identifier{"public", "slow"}, slopg.Columns{At: slopg.Col("created_at")})
	store := slopg.New(pool, &slopg.Options{Tables: map[string]slopg.Table{"agent_success_rate": slow}, Every: time.Millisecond})
	define(t, store, success())
	now, err := store.Clock(t.Context())
	require.NoError(t, err)
	insert(t, pool, event{at: now.Add(-time.Minute), status: 200})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	require.Eventually(t, func() bool { return store.Stats().Folds == 1 }, time.Minute, time.Millisecond)
	folded := store.Stats().LastRun
	require.Eventually(t, func() bool { return store.Stats().LastRun.After(folded) }, time.Minute, time.Millisecond)
	folded = store.Stats().LastRun
	require.Eventually(t, func() bool { return store.Stats().LastRun.After(folded) }, time.Minute, time.Millisecond)
	require.EqualValues(t, 1, store.Stats().Folds, "rounds go on, and it rests")
	cancel()
	require.NoError(t, <-ended)
}
