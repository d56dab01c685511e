package ratelimit

import (
	"context"
	"fmt"
	"time"
)

// Reservation is units that were taken ahead of time. The zero Reservation holds nothing.
type Reservation struct {
	limiter *Limiter
	rule    *rule
	key     uint64
	d       Decision
	full    int64
}

// Reserve takes n units as soon as they are free, and says when that is: like [rate.Limiter.ReserveN] of x/time/rate.
// Those who come later wait behind it. It is for one Strict or TokenBucket limit without a store, otherwise it
// returns [ErrNotReservable]. When the limit never gives n units at once, OK is false.
func (l *Limiter) Reserve(ctx context.Context, key Key, n int64) (*Reservation, error) {
	return l.reserve(ctx, key, n, forever)
}

func (l *Limiter) reserve(ctx context.Context, key Key, n int64, patience time.Duration) (*Reservation, error) {
	if err := checkCall(key, n); err != nil {
		return nil, err
	}
	rules := l.rulesOf(ctx, key)
	if !l.reservable(rules) {
		return nil, ErrNotReservable
	}
	r := &Reservation{limiter: l, rule: rules[0], key: key.hash(l.local.seed)}
	if n == 0 || r.rule.unlimited {
		r.d = l.local.take(r.key, rules, n)
	} else {
		r.d, r.full = l.local.reserve(r.key, r.rule, n, patience)
	}
	l.stats.count(r.d.Allowed)
	return r, nil
}

func (l *Limiter) reservable(rules []*rule) bool {
	if l.shared != nil || len(rules) != 1 {
		return false
	}
	a := rules[0].Algorithm
	return rules[0].unlimited || a == Strict || a == TokenBucket
}

// OK says whether the units are reserved.
func (r *Reservation) OK() bool { return r.d.Allowed }

// Delay returns for how long the holder has to wait from now on; 0 when the units may be used.
func (r *Reservation) Delay() time.Duration {
	if !r.OK() || r.d.RetryAfter == 0 {
		return 0
	}
	return max(time.Duration(r.d.at-r.limiter.local.clock.now()), 0)
}

// Cancel gives back units whose time has not come yet; afterwards it does nothing. Those who reserved later keep their
// times, and nobody gets ahead of the time that was reserved.
func (r *Reservation) Cancel() {
	if !r.OK() || r.Delay() == 0 {
		return
	}
	r.limiter.local.unreserve(r.key, r.rule, r.d.Cost, r.d.at, r.full)
	r.d.Allowed = false
}

// poll is how often Wait looks where nobody can say when units are free.
const poll = 10 * time.Millisecond

// Wait takes n units as soon as they are free and returns then, like [rate.Limiter.WaitN]. It returns at once, with
// nothing taken, when the limit never gives n units ([ErrNever]) and when ctx ends before they are free
// ([ErrTooLate]); when ctx is canceled meanwhile, with ctx's error. Under one Strict or TokenBucket limit without a
// store callers wait in line; otherwise whoever asks first when units are free gets them.
func (l *Limiter) Wait(ctx context.Context, key Key, n int64) (Decision, error) {
	if err := ctx.Err(); err != nil {
		return Decision{}, err
	}
	if err := checkCall(key, n); err != nil {
		return Decision{}, err
	}
	if l.reservable(l.rulesOf(ctx, key)) {
		return l.waitInLine(ctx, key, n)
	}
	for {
		d, err := l.Take(ctx, key, n)
		if err != nil || d.Allowed {
			return d, err
		}
		if err := pause(ctx, d); err != nil {
			return d, err
		}
	}
}

func (l *Limiter) waitInLine(ctx context.Context, key Key, n int64) (Decision, error) {
	patience := forever
	if deadline, ok := ctx.Deadline(); ok {
		patience = time.Until(deadline)
	}
	r, err := l.reserve(ctx, key, n, patience)
	if err != nil {
		return Decision{}, err
	}
	if !r.OK() {
		return r.d, refusal(r.d)
	}
	if err := sleep(ctx, r.Delay()); err != nil {
		r.Cancel()
		return r.d, err
	}
	r.d.RetryAfter = 0
	return r.d, nil
}

// pause sleeps until d says that it is worth asking again.
func pause(ctx context.Context, d Decision) error {
	wait := d.RetryAfter
	if d.Reason == ReasonTooMuch {
		return refusal(d)
	}
	if wait == 0 {
		wait = poll
	} else if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return refusal(d)
	}
	return sleep(ctx, wait)
}

func refusal(d Decision) error {
	if d.Reason == ReasonTooMuch {
		return fmt.Errorf("%w: %d of %s", ErrNever, d.Cost, d.Policy)
	}
	return fmt.Errorf("%w: %s", ErrTooLate, d.Policy)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
