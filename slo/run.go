package slo

import (
	"context"
	"sync/atomic"
	"time"
)

// Run evaluates the objectives every Options.Every until ctx is done. It is safe to run on every instance at once: an
// incident is told once. An evaluation that fails is logged, shown by Stats and tried again; nothing is lost by it,
// since each starts from what is stored. Nothing waits to be finished when ctx is done.
func (b *Board) Run(ctx context.Context) error {
	tick := time.NewTicker(b.options.Every)
	defer tick.Stop()
	for {
		if _, err := b.Evaluate(ctx); err != nil && ctx.Err() == nil {
			b.options.Logger.Error("slo evaluation", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Stats is what a Board did since it was made.
type Stats struct {
	Evaluations int64
	Failed      int64 // evaluations that ended in an error
	Opened      int64 // episodes, by this instance
	Resolved    int64
	Notified    int64     // notifications handed to the store
	LastRun     time.Time // when an evaluation last went well
	LastError   string    // of the last evaluation; empty when it went well
}

type boardStats struct {
	evaluations, failed, opened, resolved, notified atomic.Int64

	lastRun   atomic.Pointer[time.Time]
	lastError atomic.Pointer[string]
}

func (s *boardStats) note(err error) {
	s.evaluations.Add(1)
	text := ""
	if err != nil {
		s.failed.Add(1)
		text = err.Error()
	} else {
		now := time.Now()
		s.lastRun.Store(&now)
	}
	s.lastError.Store(&text)
}

func (s *boardStats) count(o outcome) {
	s.opened.Add(int64(o.opened))
	s.resolved.Add(int64(o.resolved))
	s.notified.Add(int64(len(o.Notifications)))
}

// Stats returns the present counts.
func (b *Board) Stats() Stats {
	s := Stats{
		Evaluations: b.stats.evaluations.Load(), Failed: b.stats.failed.Load(), Opened: b.stats.opened.Load(),
		Resolved: b.stats.resolved.Load(), Notified: b.stats.notified.Load(),
	}
	if t := b.stats.lastRun.Load(); t != nil {
		s.LastRun = *t
	}
	if e := b.stats.lastError.Load(); e != nil {
		s.LastError = *e
	}
	return s
}
