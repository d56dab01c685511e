package directory

import (
	"sync/atomic"
	"time"
)

// Stats is what a Book did since it was made.
type Stats struct {
	Searches  int64     // of the public
	Settled   int64     // partners that Run brought in line, for an alert or a new policy
	Alerts    int64     // notifications about documents
	Digests   int64     // told by this process
	Last      Digest    // what the last round of Run counted
	LastRun   time.Time // when a round of Run last finished without an error
	LastError string    // of Run's last round; empty when it went well
}

type counts struct {
	searches, settled, alerts, digests atomic.Int64

	digest    atomic.Pointer[Digest]
	lastRun   atomic.Pointer[time.Time]
	lastError atomic.Pointer[string]
}

// Stats returns the present counts.
func (b *Book) Stats() Stats {
	c := b.stats
	s := Stats{Searches: c.searches.Load(), Settled: c.settled.Load(), Alerts: c.alerts.Load(), Digests: c.digests.Load()}
	if d := c.digest.Load(); d != nil {
		s.Last = *d
	}
	if t := c.lastRun.Load(); t != nil {
		s.LastRun = *t
	}
	if f := c.lastError.Load(); f != nil {
		s.LastError = *f
	}
	return s
}
