package ratelimitpg

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/migrations"
)

// Stats is what a Store did since it was made.
type Stats struct {
	Retries  int64     // batches that lost a race and ran again
	Removed  int64     // rows that had expired and that Run removed
	LastRun  time.Time // when Run last finished a round without an error
	LastFail string    // of Run's last round; empty when it went well
}

type counts struct {
	retries, removed atomic.Int64
	lastRun          atomic.Pointer[time.Time]
	lastFail         atomic.Pointer[string]
}

// Stats returns the present counts.
func (s *Store) Stats() Stats {
	v := Stats{Retries: s.stats.retries.Load(), Removed: s.stats.removed.Load()}
	if t := s.stats.lastRun.Load(); t != nil {
		v.LastRun = *t
	}
	if f := s.stats.lastFail.Load(); f != nil {
		v.LastFail = *f
	}
	return v
}

// Run removes rows that have expired, until ctx is done. It is safe to run on every instance at once, and no decision
// depends on it: without it the table keeps a row for each key that was ever seen. It refuses to start when row level
// security hides rows from it. A round that fails is logged, shown by Stats and tried again. It holds one connection of
// the pool at a time.
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
			return nil // each statement stands alone, and the next Run finds what is left
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
		s.options.Logger.Error("rate limit maintenance", "err", err)
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
	return s.remove(ctx)
}

// removedAtOnce bounds one delete, so that it holds its locks for a moment only.
const removedAtOnce = 5000

// There is no index on what changes with every call, so that an update stays within its page. A row that expired a
// minute ago is nobody's who is about to use it.
const removeSQL = `
delete from tenon.ratelimits
where ctid = any (array(
  select ctid
  from tenon.ratelimits
  where greatest(expires, latest) < extract(epoch from clock_timestamp() - interval '1 minute') * 1000000
  limit $1
  for update skip locked))`

func (s *Store) remove(ctx context.Context) error {
	for {
		tag, err := s.db.Exec(ctx, removeSQL, removedAtOnce)
		if err != nil {
			return translate(err)
		}
		s.stats.removed.Add(tag.RowsAffected())
		if tag.RowsAffected() < removedAtOnce {
			return nil
		}
	}
}
