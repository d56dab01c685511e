package kpi

import (
	"sync/atomic"
	"time"
)

// BoardStats is what a Board did since it was made.
type BoardStats struct {
	Evaluations int64
	Failed      int64 // evaluations that could not be finished
	Notified    int64 // goals that were crossed
	LastRun     time.Time
	LastError   string // of the last evaluation; empty when it went well
}

type boardStats struct {
	evaluations, failed, notified atomic.Int64

	lastRun   atomic.Pointer[time.Time]
	lastError atomic.Pointer[string]
}

func (s *boardStats) note(err error) {
	now, text := time.Now(), ""
	s.evaluations.Add(1)
	if err != nil {
		s.failed.Add(1)
		text = err.Error()
	}
	s.lastRun.Store(&now)
	s.lastError.Store(&text)
}

// Stats returns the present counts.
func (b *Board) Stats() BoardStats {
	s := BoardStats{
		Evaluations: b.stats.evaluations.Load(), Failed: b.stats.failed.Load(), Notified: b.stats.notified.Load(),
	}
	if t := b.stats.lastRun.Load(); t != nil {
		s.LastRun = *t
	}
	if e := b.stats.lastError.Load(); e != nil {
		s.LastError = *e
	}
	return s
}
