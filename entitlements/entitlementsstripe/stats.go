package entitlementsstripe

import (
	"sync/atomic"
	"time"
)

// Stats is what a Biller did since it was made.
type Stats struct {
	Calls      int64 // to Stripe, those made again included
	Retries    int64 // of them
	Events     int64 // carried out
	Changes    int64 // of rights, by events
	Duplicates int64 // events that were carried out before
	Kept       int64 // events that have no effect here
	Refused    int64 // webhooks that were answered 400
	Failures   int64 // of events
	Dead       int64 // events given up
	Sent       int64 // lines of usage that Stripe has
	DeadUsage  int64 // lines of usage given up
	Pending    int64 // lines of usage that waited when Run last looked; at most 1,000
	Rounds     int64 // of Run, good or bad
	LastRun    time.Time
	LastError  string // of Run's last round; empty when it went well
}

type counts struct {
	calls, retries, events, changes, duplicates, kept, refused, failures, dead, sent, deadUsage, pending, rounds atomic.Int64

	lastRun   atomic.Pointer[time.Time]
	lastError atomic.Pointer[string]
}

// Stats returns the present counts.
func (b *Biller) Stats() Stats {
	c := &b.counts
	s := Stats{
		Calls: c.calls.Load(), Retries: c.retries.Load(), Events: c.events.Load(), Changes: c.changes.Load(),
		Duplicates: c.duplicates.Load(), Kept: c.kept.Load(), Refused: c.refused.Load(), Failures: c.failures.Load(),
		Dead: c.dead.Load(), Sent: c.sent.Load(), DeadUsage: c.deadUsage.Load(), Pending: c.pending.Load(), Rounds: c.rounds.Load(),
	}
	if t := c.lastRun.Load(); t != nil {
		s.LastRun = *t
	}
	if e := c.lastError.Load(); e != nil {
		s.LastError = *e
	}
	return s
}
