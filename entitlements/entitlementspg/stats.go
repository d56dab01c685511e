package entitlementspg

import (
	"sync/atomic"
	"time"
)

// Stats is what a Store did since it was made.
type Stats struct {
	Batches   int64         // group commits
	Settled   int64         // operations in them
	Largest   int64         // operations in one
	Slowest   time.Duration // of them
	Apart     int64         // operations settled apart: at a limit, a threshold, a grant, a new period, a locked counter
	Exact     int64         // accounts settled by the exact path
	Retries   int64         // transactions that lost a race and ran again
	Rolled    int64         // accounts whose next period's counter Run made ahead
	Pruned    int64         // keys and closed holds removed by Run
	LastRun   time.Time     // when Run last finished a round without an error
	LastError string        // of Run's last round; empty when it went well
	Missing   int64         // months ahead without a partition, when Run last looked
}

type counts struct {
	batches, settled, largest, slowest, aparts, exacts, retries, rolled, pruned, missing atomic.Int64

	lastPrune atomic.Pointer[time.Time]
	lastAhead atomic.Pointer[time.Time]
}

func (c *counts) batch(n int, took time.Duration) {
	c.batches.Add(1)
	c.settled.Add(int64(n))
	raise(&c.largest, int64(n))
	raise(&c.slowest, int64(took))
}

func (c *counts) apart(n int) { c.aparts.Add(int64(n)) }

func raise(to *atomic.Int64, n int64) {
	for {
		old := to.Load()
		if n <= old || to.CompareAndSwap(old, n) {
			return
		}
	}
}

// Stats returns the present counts.
func (s *Store) Stats() Stats {
	c := &s.stats
	v := Stats{
		Batches: c.batches.Load(), Settled: c.settled.Load(), Largest: c.largest.Load(), Slowest: time.Duration(c.slowest.Load()),
		Apart: c.aparts.Load(), Exact: c.exacts.Load(), Retries: c.retries.Load(), Rolled: c.rolled.Load(),
		Pruned: c.pruned.Load(), Missing: c.missing.Load(),
	}
	v.LastRun, v.LastError = s.loop.LastRun(), s.loop.LastError()
	return v
}
