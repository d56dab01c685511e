package entitlementspg

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/transbotai/tenon/internal/pgrun"
	"github.com/transbotai/tenon/migrations"
)

// partitionsAhead is how many months are made ahead of the present one.
const partitionsAhead = 3

const eventsTable = "tenon.usage_events"

// Run carries out planned changes of plan that are due, reminds of trials that end, makes partitions ahead, gives
// expired holds back, makes the counters of periods that begin within the hour, and removes keys, closed holds, past
// counters and events that are older than they are kept, until ctx is done. It refuses to start when row level security
// hides rows from it. It is safe to run on every instance at once; no decision depends on it, except that an insert into
// a month without a partition fails, three months after Run last ran. A round that fails is logged, shown by Stats and
// tried again. It holds one connection of the pool at a time.
func (s *Store) Run(ctx context.Context) error {
	return s.loop.Run(ctx, pgrun.Work{
		DB: s.db, Bound: s.bound, Every: s.options.Every, Round: s.round,
		Name: "entitlements maintenance", Logger: s.options.Logger,
	})
}

// round works once.
func (s *Store) round(ctx context.Context) error {
	now, err := s.Clock(ctx)
	if err != nil {
		return err
	}
	_, reminded := s.RemindOfTrials(ctx, now, s.options.TrialReminders)
	return errors.Join(s.partitions(ctx, now), s.carryOut(ctx, now), s.expire(ctx, now), reminded, s.prune(ctx, now),
		s.rollAhead(ctx, now))
}

func (s *Store) partitions(ctx context.Context, now time.Time) error {
	ensured := migrations.EnsurePartitions(ctx, s.db, eventsTable, now, partitionsAhead)
	missing, err := migrations.MissingPartitions(ctx, s.db, eventsTable, now, partitionsAhead)
	s.stats.missing.Store(int64(len(missing)))
	if err == nil && s.options.KeepEvents > 0 {
		_, err = migrations.DropPartitions(ctx, s.db, eventsTable, now.Add(-s.options.KeepEvents))
	}
	return errors.Join(ensured, err)
}

const pruneKeysSQL = `
delete from tenon.usage_keys
where ctid = any (array(
  select ctid
  from tenon.usage_keys
  where id < tenon.id_floor($1)
  limit $2
  for update skip locked))`

const pruneHoldsSQL = `
delete from tenon.holds
where ctid = any (array(
  select ctid
  from tenon.holds
  where id < tenon.id_floor($1)
    and state <> 'open'
  limit $2
  for update skip locked))`

// keepCounters is how long counters of the past are kept for late events: a tenant's look-ups read past those that are
// there. Should an older one be needed again it is counted from the events.
const keepCounters = 7 * 24 * time.Hour

const pruneCountersSQL = `
delete from tenon.usage_counters
where ctid = any (array(
  select ctid
  from tenon.usage_counters
  where period_end < $1
  limit $2
  for update skip locked))`

// pruneAlertsSQL forgets the thresholds of periods that are over by as much.
const pruneAlertsSQL = `
delete from tenon.usage_alerts
where ctid = any (array(
  select ctid
  from tenon.usage_alerts
  where period_end < $1
  limit $2
  for update skip locked))`

// pruneEvery is how often prune reads what it removes from; that may be long.
const pruneEvery = time.Hour

func (s *Store) prune(ctx context.Context, now time.Time) error {
	last := s.stats.lastPrune.Load()
	if s.options.KeepKeys < 0 || last != nil && now.Sub(*last) < pruneEvery {
		return nil
	}
	before := now.Add(-s.options.KeepKeys)
	due := map[string]time.Time{
		pruneKeysSQL: before, pruneHoldsSQL: before, pruneAlertsSQL: before, pruneCountersSQL: now.Add(-keepCounters),
	}
	maps.Copy(due, pruneBilling(before, now))
	for sql, until := range due {
		if err := pgrun.Prune(ctx, s.db, &s.stats.pruned, sql, until); err != nil {
			return translate(err)
		}
	}
	s.stats.lastPrune.Store(&now)
	return nil
}
