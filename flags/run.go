package flags

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// runner is who acts when nobody does.
const runner = "flags.Run"

// Run keeps s up to date with the store, moves ramps on and takes them back, writes marks, hands exposures on and keeps
// the copy on disk, until ctx is done; then it marks and hands on once more, within Options.Drain, and returns what it
// could not finish. It is safe to run on every instance at once: of two that move a ramp one succeeds, and the other
// sees that. A round that fails is logged, shown by Stats and tried again.
func (s *Set) Run(ctx context.Context) error {
	if _, ok := tenon.CallerFrom(ctx); !ok {
		ctx = tenon.WithCaller(ctx, tenon.Caller{Actor: runner})
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.follow(ctx) })
	wg.Go(func() { s.every(ctx, s.options.Every, "ramps not moved", s.tend) })
	wg.Go(func() { s.every(ctx, s.options.MarkEvery, "flags not marked", s.mark) })
	if s.expose != nil {
		wg.Go(func() { s.expose.run(ctx, s.options.Timeout) })
	}
	wg.Wait()
	return s.drain(ctx)
}

// soon is after how long a load that failed is tried again, where Options.Refresh is longer.
const soon = 5 * time.Second

// follow loads what is new whenever it is told, and every Options.Refresh. It listens before it loads for the first time,
// so that it misses nothing in between.
func (s *Set) follow(ctx context.Context) {
	told := make(chan struct{}, 1)
	if w, ok := s.store.Store.(Watcher); ok {
		cancel := w.Watch(func(revision int64) {
			if revision != 0 && revision <= s.Revision() {
				return
			}
			select {
			case told <- struct{}{}:
			default:
			}
		})
		defer cancel()
	}
	next := time.NewTimer(s.options.Refresh)
	defer next.Stop()
	for {
		if err := s.Load(ctx); err != nil && ctx.Err() == nil {
			s.options.Logger.Warn("flags not refreshed", "err", err)
		}
		s.saveCopy()
		wait := s.options.Refresh
		if s.stats.failing.Load() != 0 { // what was told is not loaded yet
			wait = min(wait, soon)
		}
		next.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-told:
		case <-next.C:
		}
	}
}

// every does work now and then until ctx is done; never, when d is negative.
func (s *Set) every(ctx context.Context, d time.Duration, failure string, work func(context.Context) error) {
	if d < 0 {
		return
	}
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := work(ctx); err != nil && ctx.Err() == nil {
			noteError(&s.stats.lastError, err)
			s.options.Logger.Warn(failure, "err", err)
		}
	}
}

func (s *Set) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.Drain)
	defer cancel()
	if s.expose != nil {
		s.expose.flush(ctx, s.options.Timeout)
	}
	if s.options.MarkEvery < 0 {
		return nil
	}
	return errors.Join(s.mark(ctx))
}
