package ratelimitpg

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon/internal/pgrun"
)

// Stats is what a Store did since it was made.
type Stats struct {
	Retries   int64     // batches that lost a race and ran again
	Removed   int64     // rows that had expired and that Run removed
	LastRun   time.Time // when Run last finished a round without an error
	LastError string    // of Run's last round; empty when it went well
}

type counts struct {
	retries, removed atomic.Int64
}

// Stats returns the present counts.
func (s *Store) Stats() Stats {
	v := Stats{Retries: s.stats.retries.Load(), Removed: s.stats.removed.Load()}
	v.LastRun, v.LastError = s.loop.LastRun(), s.loop.LastError()
	return v
}

// Run removes rows that have expired, until ctx is done. It is safe to run on every instance at once, and no decision
// depends on it: without it the table keeps a row for each key that was ever seen. It refuses to start when row level
// security hides rows from it. A round that fails is logged, shown by Stats and tried again. It holds one connection of
// the pool at a time.
func (s *Store) Run(ctx context.Context) error {
	return s.loop.Run(ctx, pgrun.Work{
		DB: s.db, Bound: s.bound, Every: s.options.Every, Round: s.remove,
		Name: "rate limit maintenance", Logger: s.options.Logger,
	})
}

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
	return translate(pgrun.Prune(ctx, s.db, &s.stats.removed, removeSQL))
}
