package slopg

import (
	"context"
	"errors"
	"time"

	"github.com/transbotai/tenon/internal/pgrun"
)

// Run folds the host's tables into rollups and removes counts that are older than they are kept, until ctx is done. It
// refuses to start when row level security hides rows from it, or when a table does not fit ([Store.Check]). It is safe
// to run on every instance at once. Without it, objectives that are counted from tables have no data. A round that
// fails is logged, shown by Stats and tried again: the next one goes on from what was folded. It holds one connection
// of the pool at a time.
func (s *Store) Run(ctx context.Context) error {
	return s.loop.Run(ctx, pgrun.Work{
		DB: s.db, Bound: s.bound, Every: s.options.Every, Ready: s.Check, Round: s.round,
		Name: "slo tables", Logger: s.options.Logger,
	})
}

// round works once.
func (s *Store) round(ctx context.Context) error {
	now, err := s.Clock(ctx)
	if err != nil {
		return err
	}
	return errors.Join(s.foldRested(ctx, now), s.prune(ctx, now))
}

// effort is how many times as long as a fold took Run rests after it, and longestRest how long at most. A fold counts
// the minute that is not over from its beginning, so that one that keeps pace with many rows takes longer and longer.
const (
	effort      = 19
	longestRest = 10 * time.Second
)

// foldRested folds unless the fold before took so long that those who insert need the rest. One that failed is tried
// again without.
func (s *Store) foldRested(ctx context.Context, now time.Time) error {
	began := time.Now()
	if until := s.stats.restUntil.Load(); until != nil && began.Before(*until) {
		return nil
	}
	err := s.Fold(ctx, now)
	if err == nil {
		until := time.Now().Add(min(effort*time.Since(began), longestRest))
		s.stats.restUntil.Store(&until)
	}
	return err
}

// pruneEvery is how often prune reads what it removes from; that may be long.
const pruneEvery = time.Hour

const pruneRollupsSQL = `
delete from tenon.slo_rollups
where ctid = any (array(
  select ctid
  from tenon.slo_rollups
  where minute < $1
  limit $2
  for update skip locked))`

const pruneSketchesSQL = `
delete from tenon.slo_sketches
where ctid = any (array(
  select ctid
  from tenon.slo_sketches
  where minute < $1
  limit $2
  for update skip locked))`

func (s *Store) prune(ctx context.Context, now time.Time) error {
	last := s.stats.lastPrune.Load()
	if s.options.Keep < 0 || last != nil && now.Sub(*last) < pruneEvery {
		return nil
	}
	for _, sql := range []string{pruneRollupsSQL, pruneSketchesSQL} {
		if err := pgrun.Prune(ctx, s.db, &s.stats.pruned, sql, now.Add(-s.options.Keep)); err != nil {
			return translate(err)
		}
	}
	s.stats.lastPrune.Store(&now)
	return nil
}
