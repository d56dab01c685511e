package entitlementspg

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/pgerr"
)

// convoy carries out calls of one kind together: those that arrive while a batch is in flight make the next one. There is
// no timer, and nothing waits when idle. One batch is in flight at a time: two would be smaller, and no faster.
type convoy[In, Out any] struct {
	run     func(ctx context.Context, in []In) ([]Out, error) // carries out a batch; an error is everybody's
	keys    func(In) []string                                 // two calls that share a key are not in one batch
	most    int
	timeout time.Duration

	mu      sync.Mutex
	waiting []*passenger[In, Out]
	busy    bool
}

// passenger is a call of a caller's.
type passenger[In, Out any] struct {
	in   In
	out  Out
	err  error
	done chan struct{}
}

// do carries out one call. When ctx ends first the call may still be carried out.
func (g *convoy[In, Out]) do(ctx context.Context, in In) (Out, error) {
	call := &passenger[In, Out]{in: in, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, call)
	start := !g.busy
	g.busy = true
	g.mu.Unlock()
	if start {
		go g.work(context.WithoutCancel(ctx))
	}
	select {
	case <-call.done:
		return call.out, call.err
	case <-ctx.Done():
		var none Out
		return none, fmt.Errorf("%w: %w", entitlements.ErrOutcomeUnknown, ctx.Err())
	}
}

// work carries out batches until nobody waits.
func (g *convoy[In, Out]) work(ctx context.Context) {
	for {
		batch := g.next()
		if len(batch) == 0 {
			return
		}
		g.settle(ctx, batch)
	}
}

// next takes the next batch off the queue; with none left, work is over.
func (g *convoy[In, Out]) next() (batch []*passenger[In, Out]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	taken, left := map[string]bool{}, g.waiting[:0]
	for _, call := range g.waiting {
		if len(batch) < g.most && claim(taken, g.keys(call.in)) {
			batch = append(batch, call)
		} else {
			left = append(left, call)
		}
	}
	clear(g.waiting[len(left):])
	g.waiting, g.busy = left, len(batch) > 0
	return batch
}

// claim takes keys that are all free.
func claim(taken map[string]bool, keys []string) bool {
	for _, k := range keys {
		if taken[k] {
			return false
		}
	}
	for _, k := range keys {
		taken[k] = true
	}
	return true
}

// settle carries out a batch and answers its callers. One that the database refuses is carried out call by call, so that
// nobody fails for another.
func (g *convoy[In, Out]) settle(ctx context.Context, batch []*passenger[In, Out]) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	in := make([]In, len(batch))
	for i, call := range batch {
		in[i] = call.in
	}
	out, err := g.run(ctx, in)
	if pgerr.Refused(err) && len(batch) > 1 {
		for _, call := range batch {
			g.settle(ctx, []*passenger[In, Out]{call})
		}
		return
	}
	for i, call := range batch {
		if call.err = translate(err); err == nil {
			call.out = out[i]
		}
		close(call.done)
	}
}
