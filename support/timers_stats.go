package support

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// TimersStats is what timers did since they were made, and what their store holds as of the last look by Run.
type TimersStats struct {
	Fired     int64 // by this process
	Failed    int64 // attempts
	Lost      int64 // works undone since the timer was taken back or moved meanwhile
	Waiting   int64 // in the store, due now or later
	Due       int64 // of those, due
	Dead      int64 // in the store, given up
	OldestDue time.Duration
	Late      time.Duration // how late the last one that fired was claimed
	LastError string        // of the last work on the store that failed
	LastLook  time.Time     // when Run counted last; zero: it never did
}

type timerCounts struct {
	fired, failed, lost, late atomic.Int64

	mu   sync.Mutex
	seen TimersStats // what is read from the store, and LastError
}

// Stats returns the present counts.
func (t *Timers) Stats() TimersStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.seen
	s.Fired, s.Failed, s.Lost = t.fired.Load(), t.failed.Load(), t.lost.Load()
	s.Late = time.Duration(t.late.Load())
	return s
}

func (c *timerCounts) noteFired(now time.Time, held []Held) {
	c.fired.Add(int64(len(held)))
	c.late.Store(int64(now.Sub(held[len(held)-1].At)))
}

func (c *timerCounts) noteError(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.LastError = err.Error()
}

// keepCount counts what the store holds until ctx is done.
func (t *Timers) keepCount(ctx context.Context) {
	r, ok := t.store.(TimerReviewer)
	for ok && ctx.Err() == nil {
		t.trouble(ctx, t.count(ctx, r))
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

func (t *Timers) count(ctx context.Context, r TimerReviewer) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tallies, err := r.TallyTimers(ctx)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := TimersStats{LastLook: time.Now(), LastError: t.seen.LastError}
	for _, one := range tallies {
		s.Waiting, s.Due, s.Dead = s.Waiting+one.Waiting, s.Due+one.Due, s.Dead+one.Dead
		s.OldestDue = max(s.OldestDue, one.Oldest)
	}
	t.seen = s
	return nil
}
