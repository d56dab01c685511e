package slopg_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

// recount counts raw rows, plainly.
func recount(t *testing.T, pool *pgxpool.Pool, good, where string, from, to time.Time) (c slo.Count) {
	t.Helper()
	err := pool.QueryRow(t.Context(), fmt.Sprintf(`
select count(*) filter (where %s), count(*)
from public.api_requests
where created_at >= $1 and created_at < $2 and %s`, good, where), from, to).Scan(&c.Good, &c.Valid)
	require.NoError(t, err)
	return c
}

const (
	served = "status < 500"
	quick  = "took_ms <= 500"
)

func traffic(random *rand.Rand, from time.Time, d time.Duration, n int) []event {
	all := make([]event, n)
	for i := range all {
		e := event{at: from.Add(time.Duration(random.Int64N(int64(d)))).Truncate(time.Microsecond), status: 200, company: "acme"}
		e.took = []float64{500, 500.000001, 499.9, 10 * random.ExpFloat64() * 30}[random.IntN(4)]
		if random.IntN(10) == 0 {
			e.status = 503
		}
		if random.IntN(3) == 0 {
			e.company = "globex"
		}
		all[i] = e
	}
	return all
}

// service is a service of some hours whose events are observed in process, and come into the table on time or late.
type service struct {
	t         *testing.T
	pool      *pgxpool.Pool
	random    *rand.Rand
	observed  []slo.Objective
	recorders [2]*slo.Recorder
	late      []event
}

// restart gives an instance a new recorder, as a process that starts anew.
func (s *service) restart(i int) {
	var err error
	s.recorders[i], err = slo.NewRecorder(slopg.New(s.pool, nil), s.observed, nil)
	require.NoError(s.t, err)
}

// observe counts the events in process, on either instance, flushes twice each time, and restarts now and then.
func (s *service) observe(events []event) {
	for _, e := range events {
		outcome := slo.Good
		if e.status >= 500 {
			outcome = slo.Bad
		}
		r := s.recorders[s.random.IntN(2)]
		r.Tick(e.at)
		r.Observe(outcome, time.Duration(e.took*1e6))
	}
	for i, r := range s.recorders {
		require.NoError(s.t, r.Flush(s.t.Context()))
		require.NoError(s.t, r.Flush(s.t.Context()))
		if s.random.IntN(5) == 0 {
			s.restart(i)
		}
	}
}

// arrive inserts three of four events at once, and the others up to half an hour late; two new instances fold.
func (s *service) arrive(events []event, now time.Time) {
	var due, waiting []event
	for _, e := range events {
		if s.random.IntN(4) == 0 {
			waiting = append(waiting, e)
		} else {
			due = append(due, e)
		}
	}
	insert(s.t, s.pool, due...)
	for n := range 2 {
		store := slopg.New(s.pool, &slopg.Options{Tables: tables})
		require.NoError(s.t, store.Fold(s.t.Context(), now.Add(time.Duration(n)*time.Second)))
	}
	due = nil
	for _, e := range s.late {
		if now.Sub(e.at) > 25*time.Minute || s.random.IntN(3) == 0 {
			due = append(due, e)
		} else {
			waiting = append(waiting, e)
		}
	}
	insert(s.t, s.pool, due...)
	s.late = waiting
}

// play lets events happen from begin to end, and then lets what is late come in.
func (s *service) play(events []event, begin, end time.Time) {
	const step = 7 * time.Minute
	slices.SortFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	for now := begin.Add(step); now.Before(end.Add(90 * time.Minute)); now = now.Add(step) {
		n := 0
		for n < len(events) && events[n].at.Before(now) {
			n++
		}
		s.observe(events[:n])
		s.arrive(events[:n], now)
		events = events[n:]
	}
	require.Empty(s.t, events)
	require.Empty(s.t, s.late)
}

func named(o slo.Objective, name string) slo.Objective {
	o.Name = name
	return o
}

func TestBoardsAgreeWithAPlainCountOfTheRows(t *testing.T) {
	t.Parallel()
	daily := named(uptime(), "daily")
	daily.Window = slo.Window{Calendar: slo.Daily, Zone: "Europe/Berlin"}
	acme := uptime()
	acme.Tenant = "acme"
	begin := time.Date(2026, 3, 28, 21, 10, 0, 0, time.UTC) // the clock goes forward at 01:00 of the 29th
	end := begin.Add(5 * time.Hour)
	s := &service{t: t, pool: hosted(t), random: rand.New(rand.NewPCG(5, 6))}
	s.observed = []slo.Objective{named(uptime(), "live"), named(latency(), "live_latency")}
	s.restart(0)
	s.restart(1)
	store := slopg.New(s.pool, &slopg.Options{Tables: tables})
	define(t, at{store, begin}, uptime(), latency(), daily, acme)
	s.play(traffic(s.random, begin, end.Sub(begin), 6000), begin, end)
	require.NoError(t, store.Fold(t.Context(), end.Add(3*time.Hour)))

	for _, o := range []slo.Objective{uptime(), acme, daily} {
		where := "true"
		if o.Tenant != "" {
			where = `"company id" = 'acme'`
		}
		status, ok := report(t, store, end).Status(o.Key)
		require.True(t, ok)
		require.Positive(t, status.Count.Valid)
		require.Equal(t, recount(t, s.pool, served, where, o.Window.From(end), end), status.Count, o.Key)
	}
	require.Equal(t, time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC), daily.Window.From(end))
	for range 50 {
		from := begin.Add(time.Duration(s.random.IntN(300)) * time.Minute)
		s.agree(store, from, from.Add(time.Duration(s.random.IntN(300))*time.Minute))
	}
}

// agree compares what was counted from the table and in process with the rows of a span.
func (s *service) agree(store slo.Store, from, to time.Time) {
	s.t.Helper()
	for i, good := range []string{served, quick} {
		want := recount(s.t, s.pool, good, "true", from, to)
		fromTable := []slo.Objective{uptime(), latency()}[i]
		require.Equal(s.t, want, count(s.t, store, fromTable, from, to))
		live := count(s.t, store, s.observed[i], from, to)
		live.Open = 0 // restarts left minutes open, which is told
		require.Equal(s.t, want, live)
	}
	require.Equal(s.t, slicedCount(s.t, s.pool, from, to), count(s.t, store, withSlice(latency()), from, to))
}

func withSlice(o slo.Objective) slo.Objective {
	o.Slice = 600_000
	return o
}

func slicedCount(t *testing.T, pool *pgxpool.Pool, from, to time.Time) (c slo.Count) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), `
select count(*) filter (where good >= 0.6 * valid), count(*)
from (
  select count(*) filter (where took_ms <= 500) as good, count(*) as valid
  from public.api_requests
  where created_at >= $1 and created_at < $2
  group by date_trunc('minute', created_at)) m`, from, to).Scan(&c.Good, &c.Valid))
	return c
}
