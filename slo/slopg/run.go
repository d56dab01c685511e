package slopg

import (
	"context"
	"errors"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/migrations"
)

// Run folds the host's tables into rollups and removes counts that are older than they are kept, until ctx is done. It
// refuses to start when row level security hides rows from it, or when a table does not fit ([Store.Check]). It is safe
// to run on every instance at once. Without it, objectives that are counted from tables have no data. A round that
// fails is logged, shown by Stats and tried again: the next one goes on from what was folded. It holds one connection
// of the pool at a time.
func (s *Store) Run(ctx context.Context) error {
	if s.bound {
		return tenon.Invalid("db", "a store bound to a transaction does not run")
	}
	tick := time.NewTicker(s.options.Every)
	defer tick.Stop()
	for checked := false; ; {
		err := s.round(ctx, &checked)
		if errors.Is(err, migrations.ErrFiltered) || !checked && errors.Is(err, tenon.ErrInvalid) {
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
		s.options.Logger.Error("slo tables", "err", err)
	}
	s.stats.lastFail.Store(&text)
}

// round works once. Before the first one it asks whether it can see every tenant and count every table.
func (s *Store) round(ctx context.Context, checked *bool) error {
	if !*checked {
		if err := migrations.CheckNotFiltered(ctx, s.db); err != nil {
			return err
		}
		if err := s.Check(ctx); err != nil {
			return err
		}
		*checked = true
	}
	now, err := s.Clock(ctx)
	if err != nil {
		return err
	}
	return errors.Join(s.Fold(ctx, now), s.prune(ctx, now))
}

// prunedAtOnce bounds one delete, so that it holds its locks for a moment only.
const prunedAtOnce = 5000

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
		for {
			tag, err := s.db.Exec(ctx, sql, now.Add(-s.options.Keep), prunedAtOnce)
			if err != nil {
				return translate(err)
			}
			s.stats.pruned.Add(tag.RowsAffected())
			if tag.RowsAffected() < prunedAtOnce {
				break
			}
		}
	}
	s.stats.lastPrune.Store(&now)
	return nil
}
