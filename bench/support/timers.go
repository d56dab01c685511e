package support

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

const (
	throughputCount = 30_000
	latenessCount   = 50_000
	futureCount     = 1_000_000
	timerWorkers    = 4
	latenessWorkers = 8 // half of the connections that either side may have

	lateRiverWorkers = 1000
)

// tenonSide is tenon's timers on a database of its own.
type tenonSide struct{ pool *pgxpool.Pool }

func newTenon(ctx context.Context, l *lab.Lab, name string) (*tenonSide, error) {
	pool, err := l.PoolOf(ctx, 16, name, migrations.Support)
	if err == nil {
		_, err = pool.Exec(ctx, "create table public.fired (key text not null)")
	}
	return &tenonSide{pool}, err
}

// insert puts timers in the place of all that there were.
func (s *tenonSide) insert(ctx context.Context, count int, kind string, at time.Time) error {
	if _, err := s.pool.Exec(ctx, "truncate tenon.timers, public.fired"); err != nil {
		return err
	}
	store := supportpg.New(s.pool, nil)
	payload, err := json.Marshal(noop{At: at})
	if err != nil {
		return err
	}
	for n := 0; n < count; {
		var timers []support.Timer
		for ; n < count && len(timers) < 5000; n++ {
			timers = append(timers, support.Timer{
				TimerRef: support.TimerRef{Tenant: "acme", Key: strconv.Itoa(n)}, At: tenon.Instant(at), Kind: kind, Payload: payload,
			})
		}
		if err := store.Schedule(ctx, timers); err != nil {
			return err
		}
	}
	_, err = s.pool.Exec(ctx, "vacuum analyze tenon.timers", pgx.QueryExecModeSimpleProtocol)
	return err
}

// work are the handlers: one statement for each timer, one for many, and none.
func work(c *called) support.Work {
	return support.Work{
		"each": {Each: supportpg.Each(func(ctx context.Context, tx pgx.Tx, t support.Timer) error {
			_, err := tx.Exec(ctx, "insert into public.fired (key) values ($1)", t.Key)
			c.call(t.At, 1)
			return err
		})},
		"batch": {Batch: supportpg.Batch(func(ctx context.Context, tx pgx.Tx, timers []support.Timer) error {
			keys := make([]string, len(timers))
			for i, t := range timers {
				keys[i] = t.Key
			}
			_, err := tx.Exec(ctx, "insert into public.fired (key) select unnest($1::text[])", keys)
			c.call(timers[0].At, len(timers))
			return err
		})},
	}
}

// run fires the timers that are there, and returns how long it took until the last was committed.
func (s *tenonSide) run(ctx context.Context, workers int, c *called) (time.Duration, error) {
	timers, err := support.NewTimers(supportpg.New(s.pool, nil), work(c), &support.TimersOptions{Workers: workers})
	if err != nil {
		return 0, err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	began := time.Now()
	go func() { ended <- timers.Run(running) }()
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	stop()
	err = <-ended // what was under way is committed
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	return took, s.check(ctx, int(c.want))
}

// check says whether every timer fired once.
func (s *tenonSide) check(ctx context.Context, count int) error {
	var rows, keys, left int
	err := s.pool.QueryRow(ctx, `
select count(*), count(distinct key), (select count(*) from tenon.timers)
from public.fired`).Scan(&rows, &keys, &left)
	if err == nil && (rows != count || keys != count || left != 0) {
		err = fmt.Errorf("%d rows of %d timers, %d left of %d: %w", rows, keys, left, count, errWrong)
	}
	return err
}

func compareThroughput(ctx context.Context, l *lab.Lab, s *report.Section) error {
	own, err := newTenon(ctx, l, "support_timers")
	if err != nil {
		return err
	}
	defer own.pool.Close()
	peer, err := newRiver(ctx, l, "support_river")
	if err != nil {
		return err
	}
	defer peer.pool.Close()
	count, past := l.Size(throughputCount), time.Now().Add(-time.Hour)
	riverRate := func(ctx context.Context, workers int) (float64, error) {
		if err := peer.insert(ctx, count, past); err != nil {
			return 0, err
		}
		took, err := peer.run(ctx, workers, newCalled(count, false))
		return float64(count) / took.Seconds(), err
	}
	best, fastest := 0, 0.0
	for _, workers := range []int{100, 500, 1000, 2000, 5000} {
		rate, err := riverRate(ctx, workers)
		if err != nil {
			return err
		}
		l.Say("support: River with %d workers: %.0f/s", workers, rate)
		if rate > fastest {
			best, fastest = workers, rate
		}
	}
	tenonRate := func(kind string) measure.Contender {
		return func(ctx context.Context) (float64, error) {
			if err := own.insert(ctx, count, kind, past); err != nil {
				return 0, err
			}
			took, err := own.run(ctx, timerWorkers, newCalled(count, false))
			return float64(count) / took.Seconds(), err
		}
	}
	series, err := measure.Interleave(ctx, l.Rounds, tenonRate("each"), tenonRate("batch"),
		func(ctx context.Context) (float64, error) { return riverRate(ctx, best) })
	if err != nil {
		return err
	}
	row := func(name string, i int, target float64) report.Row {
		return report.Row{
			Case: name, Figure: report.Over(series[i], series[2]),
			Target: report.Target{Bound: report.AtLeast, Value: target},
			Cells:  []string{report.Spread(series[i], report.PerSecond), report.Spread(series[2], report.PerSecond)},
		}
	}
	s.Tables = append(s.Tables, report.Table{
		Title:   "Timers that are due",
		Text:    fmt.Sprintf("%d timers in one process: %d workers of tenon, %d of River.", count, timerWorkers, best),
		Columns: []string{"tenon", "River, no-op"},
		Rows:    []report.Row{row("one statement for each timer: tenon over River", 0, 1), row("batch handlers: tenon over River", 1, 3)},
	})
	for i, name := range []string{"each", "batch", "river"} {
		s.Samples = append(s.Samples, report.Sample{Name: "timers/" + name, Unit: report.PerSecond, Series: series[i]})
	}
	return nil
}

// ahead returns how long before they are due timers are written: long enough for either side to be ready.
func ahead(l *lab.Lab) time.Duration {
	if l.Quick {
		return time.Second
	}
	return 10 * time.Second
}

func compareLateness(ctx context.Context, l *lab.Lab, s *report.Section) error {
	own, err := newTenon(ctx, l, "support_late")
	if err != nil {
		return err
	}
	defer own.pool.Close()
	peer, err := newRiver(ctx, l, "support_river_late")
	if err != nil {
		return err
	}
	defer peer.pool.Close()
	count := l.Size(latenessCount)
	series, err := measure.Interleave(ctx, l.Rounds, func(ctx context.Context) (float64, error) {
		l.Say("support: lateness")
		at := time.Now().Add(ahead(l))
		if err := own.insert(ctx, count, "each", at); err != nil {
			return 0, err
		}
		c := newCalled(count, true)
		_, err := own.run(ctx, latenessWorkers, c)
		return c.late(0.99), err
	}, func(ctx context.Context) (float64, error) {
		at := time.Now().Add(ahead(l))
		if err := peer.insert(ctx, count, at); err != nil {
			return 0, err
		}
		c := newCalled(count, true)
		_, err := peer.run(ctx, lateRiverWorkers, c)
		return c.late(0.99), err
	})
	if err != nil {
		return err
	}
	s.Tables = append(s.Tables, report.Table{
		Title: "Timers that are due at one instant",
		Text: fmt.Sprintf("%d timers; how late the handler of a timer was called: the last when all are done. %d workers of tenon, each of which "+
			"waits for its handler's statement; %d of River, which wait for nothing. River looks for scheduled jobs every 5 seconds.",
			count, latenessWorkers, lateRiverWorkers),
		Columns: []string{"tenon", "River"},
		Rows: []report.Row{{
			Case:   "lateness, 99 in 100: tenon over River",
			Figure: report.Over(series[0], series[1]),
			Target: report.Target{Bound: report.AtMost, Value: 0.5},
			Cells:  []string{report.Spread(series[0], report.Milliseconds), report.Spread(series[1], report.Milliseconds)},
		}},
	})
	return nil
}

// late returns how late a share of the calls was at most, in milliseconds.
func (c *called) late(share float64) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lates) == 0 {
		return 0
	}
	slices.Sort(c.lates)
	return measure.Milliseconds(c.lates[min(int(share*float64(len(c.lates))), len(c.lates)-1)])
}

const futureSQL = `
insert into tenon.timers (tenant_id, key, kind, at, ready_at)
select 'acme', n::text, 'each', now() + n * interval '1 second' + interval '1 day', now() + n * interval '1 second' + interval '1 day'
from generate_series(1, $1::int) n`

func measureIdle(ctx context.Context, l *lab.Lab, s *report.Section) error {
	own, err := newTenon(ctx, l, "support_idle")
	if err != nil {
		return err
	}
	defer own.pool.Close()
	count := l.Size(futureCount)
	l.Say("support: an idle poll over %d timers", count)
	if _, err := own.pool.Exec(ctx, futureSQL, count); err != nil {
		return err
	}
	if _, err := own.pool.Exec(ctx, "vacuum analyze tenon.timers", pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	store := supportpg.New(own.pool, nil)
	series, err := measure.Interleave(ctx, l.Rounds, func(ctx context.Context) (float64, error) {
		load, err := measure.Run(ctx, 1, l.Length, func(ctx context.Context, _, _ int) error {
			got, err := store.Claim(ctx, support.Claim{
				Lease: "0197f000-0000-7000-8000-000000000000", For: time.Minute, Kinds: []string{"each", "batch"}, Limit: 1000,
			})
			if err == nil && (len(got.Timers) > 0 || got.Next <= 0) {
				err = errWrong
			}
			return err
		})
		return load.Quantile(0.95), err
	})
	if err != nil {
		return err
	}
	s.Tables = append(s.Tables, report.Table{
		Title: "An idle poll", Text: fmt.Sprintf("A look that finds nothing due among %d timers.", count), Columns: []string{"tenon"},
		Rows: []report.Row{{
			Case: "95 in 100", Figure: report.Figure{Value: series[0].Median(), Unit: report.Milliseconds},
			Target: report.Target{Bound: report.AtMost, Value: 1}, Cells: []string{report.Spread(series[0], report.Milliseconds)},
		}},
	})
	return nil
}
