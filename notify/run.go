package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// lookEvery is how often Run counts for Stats, and pruneEvery how often it removes what is old, pruneBatch at a time.
const (
	lookEvery  = 15 * time.Second
	pruneEvery = time.Hour
	pruneBatch = 1000
	patience   = 30 * time.Second // of Run with one call of the store
)

// Run delivers, counts and prunes until ctx is done; then it waits for what is under way, within Options.Drain, and
// returns an [ErrUnfinished] that says how many deliveries it broke off. They are made again. It is safe to run on every
// instance at once, and refuses to start when the store says that it would not see every tenant. A store that is away
// is logged, shown by Stats, and asked again. It holds no connection of the store while it delivers.
func (o *Outbox) Run(ctx context.Context) error {
	if o.wake == nil {
		return tenon.Invalid("store", "an outbox bound to a transaction does not run")
	}
	if err := o.start(ctx); err != nil {
		return err
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	unfinished := 0
	for name, to := range o.destinations {
		wait.Go(func() {
			left := newCourier(o, name, to).run(ctx)
			mu.Lock()
			defer mu.Unlock()
			unfinished += left
		})
	}
	o.keepHouse(ctx)
	wait.Wait()
	if unfinished > 0 {
		return fmt.Errorf("%w: %d", ErrUnfinished, unfinished)
	}
	return nil
}

// start asks the store whether it can be run on, until it answers.
func (o *Outbox) start(ctx context.Context) error {
	s, ok := o.store.(tenon.Starter)
	if !ok {
		return nil
	}
	for {
		asking, cancel := bounded(ctx)
		err := s.Start(asking)
		cancel()
		if err == nil || errors.Is(err, tenon.ErrDenied) {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		o.trouble(ctx, err)
		sleep(ctx, o.options.Poll)
	}
}

// keepHouse counts and prunes until ctx is done.
func (o *Outbox) keepHouse(ctx context.Context) {
	var pruned time.Time
	for ctx.Err() == nil {
		o.trouble(ctx, o.look(ctx))
		if o.options.Keep > 0 && time.Since(pruned) >= pruneEvery {
			err := o.prune(ctx)
			o.trouble(ctx, err)
			if err == nil {
				pruned = time.Now()
			}
		}
		sleep(ctx, lookEvery)
	}
}

// bounded bounds work on the store: a connection that is dead and does not know it must not stop deliveries.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, patience)
}

// look counts what the store holds.
func (o *Outbox) look(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	now, err := o.now(ctx)
	if err != nil {
		return err
	}
	tallies, err := o.store.Tally(ctx)
	if err != nil {
		return err
	}
	s := Stats{LastLook: now}
	for _, t := range tallies {
		s.Backlog += t.Pending
		s.DeadLetters += t.Dead
		if _, ours := o.destinations[t.Destination]; !ours && t.Pending > 0 {
			s.Stranded += t.Pending
			o.options.Logger.Warn("notifications for an unknown destination", "destination", t.Destination, "pending", t.Pending)
		}
		if !t.Oldest.IsZero() {
			s.OldestAge = max(s.OldestAge, now.Sub(t.Oldest))
		}
		if t.LastError != "" {
			s.LastError = t.LastError
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = s
	return nil
}

func (o *Outbox) prune(ctx context.Context) error {
	for n := pruneBatch; n == pruneBatch; {
		var err error
		if n, err = o.pruneSome(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (o *Outbox) pruneSome(ctx context.Context) (int, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	now, err := o.now(ctx)
	if err != nil {
		return 0, err
	}
	n, err := o.store.Prune(ctx, now.Add(-o.options.Keep), pruneBatch)
	o.pruned.Add(int64(n))
	return n, err
}

// trouble tells of an error of the store, unless it is the end of the context.
func (o *Outbox) trouble(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	o.noteError(err.Error())
	o.options.Logger.Warn("outbox not reached", "err", err)
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
