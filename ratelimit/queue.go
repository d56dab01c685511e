package ratelimit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon"
)

// queue sends operations to the store: whatever waits when a call is made goes with it. A caller waits no longer than
// Options.Timeout, whatever the store does.
type queue struct {
	store   Store
	options *Options
	breaker *breaker

	mu      sync.Mutex
	waiting []*waiter
	flying  int

	// rest is waiters whom nobody holds and whose timers do not run. One whose caller left early does not come back,
	// since its operation may still be under way.
	rest sync.Pool

	calls, ops, failed atomic.Int64
}

// waiter is an operation and who waits for it.
type waiter struct {
	op      Op
	done    chan struct{} // holds one when outcome and err are there
	late    *time.Timer
	outcome Outcome
	err     error
	state   atomic.Int32
}

// newWaiter returns a waiter at rest.
func newWaiter() any {
	w := &waiter{done: make(chan struct{}, 1), late: time.NewTimer(time.Hour)}
	w.late.Stop()
	return w
}

// The states of a waiter.
const (
	inLine int32 = iota
	sent
	answered
	gone // its caller has left before it was sent
	left // and after that
)

// send carries out op and returns its outcome. An error says that nothing is known of it, or, when it left the line in
// time, that it was not carried out. It is never sent twice.
func (q *queue) send(ctx context.Context, op Op) (Outcome, error) {
	w := q.rest.Get().(*waiter)
	w.op = op
	w.state.Store(inLine)
	w.late.Reset(q.options.Timeout)
	q.join(w)
	select {
	case <-w.done:
		w.late.Stop()
		outcome, err := w.outcome, w.err
		w.op, w.outcome, w.err = Op{}, Outcome{}, nil
		q.rest.Put(w)
		return outcome, err
	case <-ctx.Done():
		w.late.Stop()
		q.leave(w)
		return Outcome{}, ctx.Err()
	case <-w.late.C:
		if q.leave(w) {
			q.breaker.failed(errLate) // the line did not move
		}
		return Outcome{}, errLate
	}
}

// leave says that w's caller does not wait any more, and whether that was before it was sent.
func (q *queue) leave(w *waiter) (unsent bool) {
	switch {
	case w.state.CompareAndSwap(inLine, gone):
		return true
	case w.state.CompareAndSwap(sent, left): // settle gives back
	default:
		q.giveBack(w.op, w.outcome)
	}
	return false
}

// giveBack returns what was taken of Concurrency limits for a caller who did not wait: nobody else would. What other
// limits counted passes by itself, and an Away policy may have let the caller through.
func (q *queue) giveBack(op Op, o Outcome) {
	if o.Units == 0 {
		return
	}
	var limits []Limit
	for _, l := range op.Limits {
		if l.Algorithm == Concurrency {
			limits = append(limits, l)
		}
	}
	if len(limits) > 0 {
		back := Op{Kind: OpRefund, Key: op.Key, Limits: limits, N: o.Units, At: o.At}
		q.join(&waiter{op: back, done: make(chan struct{}, 1)})
	}
}

// join puts w in line and sees to it that somebody sends it.
func (q *queue) join(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, w)
	if q.flying < q.options.Flights {
		q.flying++
		go q.fly()
	}
}

// fly sends until nobody waits.
func (q *queue) fly() {
	for {
		batch := q.next()
		if batch == nil {
			return
		}
		q.settle(batch)
	}
}

// next takes the next operations out of the line. When it returns nil it has ended the flight.
func (q *queue) next() []*waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	var batch []*waiter
	for len(batch) == 0 && len(q.waiting) > 0 {
		n := min(len(q.waiting), q.options.Batch)
		for _, w := range q.waiting[:n] {
			if w.state.CompareAndSwap(inLine, sent) {
				batch = append(batch, w)
			}
		}
		q.waiting = append([]*waiter(nil), q.waiting[n:]...)
	}
	if batch == nil {
		q.flying--
	}
	return batch
}

func (q *queue) settle(batch []*waiter) {
	ops := make([]Op, len(batch))
	for i, w := range batch {
		ops[i] = w.op
	}
	q.calls.Add(1)
	q.ops.Add(int64(len(ops)))
	outcomes, err := q.call(ops)
	if err == nil && len(outcomes) != len(ops) {
		err = fmt.Errorf("%d outcomes of %d operations: %w", len(outcomes), len(ops), tenon.ErrUnavailable)
	}
	for i, w := range batch {
		if w.err = err; err == nil {
			w.outcome, w.err = outcomes[i], outcomes[i].Err
		}
		if w.state.CompareAndSwap(sent, answered) {
			w.done <- struct{}{}
		} else {
			q.giveBack(w.op, w.outcome)
		}
	}
}

// call asks the store and tells the breaker how it went: as late once the time is over, even when the store does not
// come back.
func (q *queue) call(ops []Op) ([]Outcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), q.options.Timeout)
	defer cancel()
	var once sync.Once
	overdue := context.AfterFunc(ctx, func() { once.Do(func() { q.breaker.failed(errLate); q.failed.Add(1) }) })
	outcomes, err := q.store.Settle(ctx, ops)
	if overdue() {
		once.Do(func() {
			if err != nil {
				q.failed.Add(1)
				q.breaker.failed(err)
				return
			}
			q.breaker.succeeded()
		})
	}
	return outcomes, err
}
