package ratelimit

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// breakAfter is after how many failures in a row the store is left alone.
const breakAfter = 5

// breaker leaves the store alone after failures, and lets one call through when the pause is over.
type breaker struct {
	pause  time.Duration
	logger *slog.Logger
	clock  clock

	open atomic.Int64 // until then; 0 when the store is asked

	mu       sync.Mutex
	failures int
}

// allow says whether the store may be asked now. When the pause is over it says so to one caller, whose call decides,
// and to another after the next pause.
func (b *breaker) allow(now int64) bool {
	until := b.open.Load()
	if until == 0 {
		return true
	}
	return now >= until && b.open.CompareAndSwap(until, now+int64(b.pause))
}

func (b *breaker) isOpen() bool { return b.open.Load() != 0 }

// left returns for how long the store is left alone.
func (b *breaker) left(now int64) time.Duration {
	return max(time.Duration(b.open.Load()-now), 0)
}

func (b *breaker) failed(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	if b.failures < breakAfter {
		return
	}
	if b.open.Swap(b.clock.now()+int64(b.pause)) == 0 {
		b.logger.Warn("rate limits: store is away", "err", err)
	}
}

func (b *breaker) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = 0
	if b.open.Swap(0) != 0 {
		b.logger.Info("rate limits: store is back")
	}
}
