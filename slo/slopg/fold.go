package slopg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

// tableInstance is the instance under which rows of tables are counted.
const tableInstance = "table"

// stretch bounds what one transaction folds while it catches up.
const stretch = 6 * time.Hour

// Fold counts the rows of tables into rollups: all minutes since the last fold, up to now, and those again in which
// late rows may have come since (Options.Lookback). What it counts replaces what was counted, so folding twice changes
// nothing. Instances take turns at a table; one that is at work is passed over. A table that was never folded is
// counted for the length of the objective's window, and so is one whose window has become longer. [Store.Run] calls it with the database's time.
func (s *Store) Fold(ctx context.Context, now time.Time) error {
	now = tenon.Instant(now)
	state, err := s.Load(ctx)
	if err != nil {
		return err
	}
	var errs []error
	var oldest time.Time
	for _, one := range s.sources(state.Objectives) {
		at, err := s.foldSource(ctx, one, now)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", one.Key, err))
		}
		if !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	if len(errs) == 0 {
		s.stats.folded.Store(&now)
	} else if last := s.stats.folded.Load(); last != nil && (oldest.IsZero() || last.Before(oldest)) {
		oldest = *last // a table that cannot be counted must not look as if it kept up
	}
	if !oldest.IsZero() {
		s.stats.lag.Store(int64(max(now.Sub(oldest), 0)))
	}
	return errors.Join(errs...)
}

// foldSource folds stretch by stretch and returns how far it came; the zero time when another instance is at work.
func (s *Store) foldSource(ctx context.Context, one source, now time.Time) (at time.Time, err error) {
	for {
		err = s.inTx(ctx, func(tx pgx.Tx) error {
			at, err = s.foldStretch(ctx, tx, one, now)
			return err
		})
		if err != nil || at.IsZero() || !at.Before(now) {
			return at, err
		}
	}
}

// addSourceSQL adds nothing for an objective that is gone, so that a tenant that is erased meanwhile stays erased.
const addSourceSQL = `
insert into tenon.slo_sources (tenant_id, objective, measure, from_at, folded_at)
select t.tenant_id, t.name, $3, $4, $4
from tenon.slo_targets t
where t.tenant_id = $1
  and t.name = $2
on conflict do nothing`

const lockSourceSQL = `
select from_at,
  folded_at
from tenon.slo_sources
where tenant_id = $1
  and objective = $2
  and measure = $3
for update skip locked`

const moveSourceSQL = `
update tenon.slo_sources
set from_at = $4,
  folded_at = $5
where tenant_id = $1
  and objective = $2
  and measure = $3`

// overtaken is less than how far ahead of now a table may be folded because another instance was faster. What lies as far
// ahead or further is the work of a clock that was set back.
const overtaken = time.Minute

func (s *Store) foldStretch(ctx context.Context, tx pgx.Tx, one source, now time.Time) (time.Time, error) {
	from := one.Window.From(now)
	if _, err := tx.Exec(ctx, addSourceSQL, one.Tenant, one.Name, one.Measure(), from); err != nil {
		return time.Time{}, err
	}
	var since, folded time.Time
	err := tx.QueryRow(ctx, lockSourceSQL, one.Tenant, one.Name, one.Measure()).Scan(&since, &folded)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	if ahead := folded.Sub(now); ahead > 0 && ahead < overtaken {
		return folded, nil
	}
	if from.Before(since) { // the window has become longer
		since, folded = from, from
	}
	until := now
	if now.Sub(folded) > stretch {
		until = folded.Add(stretch)
	}
	for _, i := range s.stale(folded, until) {
		if err := s.countRows(ctx, tx, one, i, until); err != nil {
			return time.Time{}, err
		}
	}
	s.stats.folds.Add(1)
	_, err = tx.Exec(ctx, moveSourceSQL, one.Tenant, one.Name, one.Measure(), since, until)
	return until, err
}

type interval struct{ from, to time.Time }

// stale returns the minutes to count at now, when they were counted last at folded: those since then, and those that
// became 1, 2, 4, … minutes old in between, and as old as Lookback. Where the clock went back, all of Lookback.
func (s *Store) stale(folded, now time.Time) []interval {
	end := now.Truncate(time.Minute).Add(time.Minute)
	if now.Before(folded) {
		return []interval{{now.Add(-s.options.Lookback).Truncate(time.Minute), end}}
	}
	found := []interval{{folded.Truncate(time.Minute), end}}
	became := func(age time.Duration) {
		// A minute that begins at m was as old as age at m + 1 minute + age.
		from := folded.Add(-age).Truncate(time.Minute)
		to := now.Add(-age).Truncate(time.Minute)
		if from.Before(to) {
			found = append(found, interval{from, to})
		}
	}
	for age := time.Minute; age < s.options.Lookback; age *= 2 {
		became(age)
	}
	became(max(s.options.Lookback, 0))
	return merge(found)
}

// merge joins intervals that touch.
func merge(all []interval) []interval {
	slices.SortFunc(all, func(a, b interval) int { return a.from.Compare(b.from) })
	merged := all[:1]
	for _, i := range all[1:] {
		if last := &merged[len(merged)-1]; i.from.After(last.to) {
			merged = append(merged, i)
		} else if i.to.After(last.to) {
			last.to = i.to
		}
	}
	return merged
}

// The statements that put what was counted into place are the same with and without durations: counted has the columns
// minute, good, valid. $1 and $2 bound the time, $3 to $5 name the objective, $6 is the instance, $7 until when minutes
// are over. A minute that has lost its rows goes.
const placeSQL = `, gone as (
  delete from tenon.slo_rollups r
  where r.tenant_id = $3
    and r.objective = $4
    and r.measure = $5
    and r.minute >= $1
    and r.minute < $2
    and r.instance = $6
    and not exists (select from counted c where c.minute = r.minute)
)
insert into tenon.slo_rollups as r (tenant_id, objective, measure, minute, instance, good, valid, closed)
select $3, $4, $5, minute, $6, good, valid, minute + interval '1 minute' <= $7::timestamptz
from counted
order by minute
on conflict (tenant_id, objective, measure, minute, instance) do update
set good = excluded.good,
  valid = excluded.valid,
  closed = excluded.closed
where (r.good, r.valid, r.closed) is distinct from (excluded.good, excluded.valid, excluded.closed)`

const countedSQL = `
with events as (
  %s
), counted as (
  select minute, count(*) filter (where good) as good, count(*) as valid
  from events
  group by minute
)`

// sketchedSQL has in $8 the lower bounds of all cells but the first, so that width_bucket says the cell.
const sketchedSQL = `
with events as (
  %s
), celled as (
  select minute, width_bucket(d, $8::float8[]) as cell, count(*) as n, count(*) filter (where good) as good
  from events
  group by 1, 2
), counted as (
  select minute, sum(good)::bigint as good, sum(n)::bigint as valid,
    string_agg(int2send(cell::smallint) || int4send(least(n, 2147483647)::int), '' order by cell) as cells
  from celled
  group by minute
), faded as (
  delete from tenon.slo_sketches s
  where s.tenant_id = $3
    and s.objective = $4
    and s.measure = $5
    and s.minute >= $1
    and s.minute < $2
    and s.instance = $6
    and not exists (select from counted c where c.minute = s.minute)
), sketched as (
  insert into tenon.slo_sketches as s (tenant_id, objective, measure, minute, instance, events, cells)
  select $3, $4, $5, minute, $6, valid, cells
  from counted
  order by minute
  on conflict (tenant_id, objective, measure, minute, instance) do update
  set events = excluded.events,
    cells = excluded.cells
  where s.cells is distinct from excluded.cells
)`

func (s *Store) countRows(ctx context.Context, tx pgx.Tx, one source, i interval, now time.Time) error {
	events, err := one.events()
	if err != nil {
		return err
	}
	sql := fmt.Sprintf(countedSQL, events) + placeSQL
	args := []any{i.from, i.to, one.Tenant, one.Name, one.Measure(), tableInstance, now}
	if one.Threshold > 0 {
		sql = fmt.Sprintf(sketchedSQL, events) + placeSQL
		args = append(args, slo.CellBounds())
	}
	tag, err := tx.Exec(ctx, sql, args...)
	s.stats.counted.Add(tag.RowsAffected())
	return err
}
