package entitlementspg

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/transbotai/tenon"
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
	if s.bound {
		return tenon.Invalid("db", "a store bound to a transaction does not run")
	}
	tick := time.NewTicker(s.options.Every)
	defer tick.Stop()
	for checked := false; ; {
		err := s.round(ctx, &checked)
		if errors.Is(err, migrations.ErrFiltered) {
			return err
		}
		s.note(ctx, err)
		select {
		case <-ctx.Done():
			return nil // every piece of work is a transaction of its own, and the next Run finds what is left
		case <-tick.C:
		}
	}
}

func (s *Store) note(ctx context.Context, err error) {
	now, text := time.Now(), ""
	switch {
	case err == nil:
		s.stats.lastRun.Store(&now)
	case ctx.Err() == nil:
		text = err.Error()
		s.options.Logger.Error("entitlements maintenance", "err", err)
	}
	s.stats.lastFail.Store(&text)
}

// round works once. Before the first one it asks whether it can see every tenant.
func (s *Store) round(ctx context.Context, checked *bool) error {
	if !*checked {
		if err := migrations.CheckNotFiltered(ctx, s.db); err != nil {
			return err
		}
		*checked = true
	}
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

// prunedAtOnce bounds one delete, so that it holds its locks for a moment only.
const prunedAtOnce = 5000

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
		if err := s.pruneUntil(ctx, sql, until); err != nil {
			return err
		}
	}
	s.stats.lastPrune.Store(&now)
	return nil
}

func (s *Store) pruneUntil(ctx context.Context, sql string, until time.Time) error {
	for {
		tag, err := s.db.Exec(ctx, sql, until, prunedAtOnce)
		if err != nil {
			return translate(err)
		}
		s.stats.pruned.Add(tag.RowsAffected())
		if tag.RowsAffected() < prunedAtOnce {
			return nil
		}
	}
}
