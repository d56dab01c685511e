package slopg

import (
	"sync/atomic"
	"time"
)

// Stats is what a Store did since it was made.
type Stats struct {
	Recorded  int64         // minutes handed over by recorders
	Folds     int64         // rounds over a table that counted something
	Counted   int64         // minutes counted from tables, each as often as it was
	Lag       time.Duration // since the least recently folded table, when Run last looked
	Retries   int64         // transactions that lost a race and ran again
	Pruned    int64         // rows removed by Run
	LastRun   time.Time     // when Run last finished a round without an error
	LastError string        // of Run's last round; empty when it went well
}

type counts struct {
	recorded, folds, counted, lag, retries, pruned atomic.Int64

	folded    atomic.Pointer[time.Time] // when all tables were, last
	lastPrune atomic.Pointer[time.Time]
	restUntil atomic.Pointer[time.Time] // by this machine's clock; nil: Run may fold
}

// Stats returns the present counts.
func (s *Store) Stats() Stats {
	c := &s.stats
	v := Stats{
		Recorded: c.recorded.Load(), Folds: c.folds.Load(), Counted: c.counted.Load(), Lag: time.Duration(c.lag.Load()),
		Retries: c.retries.Load(), Pruned: c.pruned.Load(),
	}
	v.LastRun, v.LastError = s.loop.LastRun(), s.loop.LastError()
	return v
}
