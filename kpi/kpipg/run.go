package kpipg

import (
	"context"
	"errors"
	"time"

	"github.com/transbotai/tenon/internal/pgrun"
	"github.com/transbotai/tenon/migrations"
)

// partitionsAhead is how many months are made ahead of the present one.
const partitionsAhead = 3

const eventsTable = "tenon.events"

// keepEvery is how often Run looks after partitions and keys.
const keepEvery = 10 * time.Minute

// Run folds events into rollups, makes partitions ahead, and removes events and keys that are older than they are kept,
// until ctx is done. It refuses to start when row level security hides rows from it. It is safe to run on every instance
// at once. Without it every figure stays right and gets slower, since what is not folded is added when it is read, the
// views show what was folded, and an insert into a month without a partition fails, three months after it last ran. A
// round that fails is logged, shown by Stats and tried again. It holds one connection of the pool at a time.
func (s *Store) Run(ctx context.Context) error {
	return s.loop.Run(ctx, pgrun.Work{
		DB: s.db, Bound: s.bound, Every: s.options.Every, Round: s.round,
		Name: "kpi rollups", Logger: s.options.Logger,
	})
}

// round works once.
func (s *Store) round(ctx context.Context) error {
	return errors.Join(s.Fold(ctx), s.keep(ctx))
}

const backlogSQL = `
select coalesce(sum(cardinality(ids)), 0)::bigint, min(received_at)
from tenon.kpi_pending`

// keep looks how much is not folded, and at times after partitions and keys.
func (s *Store) keep(ctx context.Context) error {
	var backlog int64
	var oldest *time.Time
	if err := s.db.QueryRow(ctx, backlogSQL).Scan(&backlog, &oldest); err != nil {
		return translate(err)
	}
	s.stats.backlog.Store(backlog)
	s.stats.oldest.Store(oldest)
	now, err := s.Clock(ctx)
	if err != nil {
		return err
	}
	if last := s.stats.lastKept.Load(); last != nil && now.Sub(*last) < keepEvery {
		return nil
	}
	if err := errors.Join(s.partitions(ctx, now), s.pruneKeys(ctx, now)); err != nil {
		return err
	}
	s.stats.lastKept.Store(&now)
	return nil
}

// partitions makes those ahead, and drops those that are older than events are kept once nothing of them is listed.
func (s *Store) partitions(ctx context.Context, now time.Time) error {
	ensured := migrations.EnsurePartitions(ctx, s.db, eventsTable, now, partitionsAhead)
	missing, err := migrations.MissingPartitions(ctx, s.db, eventsTable, now, partitionsAhead)
	s.stats.missing.Store(int64(len(missing)))
	if len(missing) > 0 {
		s.options.Logger.Error("kpi partitions missing: inserts will fail", "partitions", missing)
	}
	if oldest := s.stats.oldest.Load(); err == nil && s.options.KeepEvents > 0 {
		before := now.Add(-s.options.KeepEvents)
		if oldest != nil && oldest.Before(before) {
			before = *oldest
		}
		_, err = migrations.DropPartitions(ctx, s.db, eventsTable, before)
	}
	return errors.Join(ensured, err)
}

const pruneKeysSQL = `
delete from tenon.event_keys
where ctid = any (array(
  select ctid
  from tenon.event_keys
  where id < tenon.id_floor($1)
  limit $2
  for update skip locked))`

func (s *Store) pruneKeys(ctx context.Context, now time.Time) error {
	if s.options.KeepKeys <= 0 {
		return nil
	}
	return translate(pgrun.Prune(ctx, s.db, &s.stats.pruned, pruneKeysSQL, now.Add(-s.options.KeepKeys)))
}
