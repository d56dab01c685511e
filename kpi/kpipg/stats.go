package kpipg

import (
	"sync/atomic"
	"time"
)

// Stats is what a Store did since it was made.
type Stats struct {
	Tracked   int64     // entries that were taken, duplicates too
	Folded    int64     // calls of Track whose events were folded
	Counted   int64     // answers of Cells that were counted from events, since rollups could not tell
	Retries   int64     // transactions that lost a race and ran again
	Pruned    int64     // keys removed by Run
	Backlog   int64     // events not folded, when Run last looked
	Oldest    time.Time // when the oldest of them was received; zero: there is none
	LastRun   time.Time // when Run last finished a round without an error
	LastError string    // of Run's last round; empty when it went well
	Missing   int64     // months ahead without a partition, when Run last looked
}

type counts struct {
	tracked, folded, counted, retries, pruned, backlog, missing atomic.Int64

	oldest, lastKept atomic.Pointer[time.Time]
}

// Stats returns the present counts.
func (s *Store) Stats() Stats {
	c := &s.stats
	v := Stats{
		Tracked: c.tracked.Load(), Folded: c.folded.Load(), Counted: c.counted.Load(), Retries: c.retries.Load(),
		Pruned: c.pruned.Load(), Backlog: c.backlog.Load(), Missing: c.missing.Load(),
	}
	if t := c.oldest.Load(); t != nil {
		v.Oldest = *t
	}
	v.LastRun, v.LastError = s.loop.LastRun(), s.loop.LastError()
	return v
}
