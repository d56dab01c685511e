package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// shared decides by the store: it remembers refusals, gives out leases, sends what waits together, and follows the
// limits' Away policies when there is no answer in time.
type shared struct {
	limiter *Limiter
	known   known
	queue   queue
	breaker breaker
}

func newShared(l *Limiter) *shared {
	s := &shared{limiter: l, breaker: breaker{
		pause: l.options.Pause, logger: l.options.Logger, clock: l.local.clock,
	}}
	s.known.init()
	s.queue = queue{store: l.options.Store, options: &l.options, breaker: &s.breaker, rest: sync.Pool{New: newWaiter}}
	return s
}

func (s *shared) now() int64 { return s.limiter.local.clock.now() }

func (s *shared) decide(ctx context.Context, kind OpKind, key Key, rules []*rule, n int64) (Decision, error) {
	if err := ctx.Err(); err != nil {
		return Decision{}, err
	}
	if d, ok := withoutStore(rules, n); ok {
		return d, nil
	}
	ask := question{key: key, rules: rules, n: n, kind: kind, asked: s.now()}
	if kind == OpTake && n > 0 {
		d, lease, ok := s.known.answer(&ask, s.limiter.lease(rules))
		if ok {
			return d, nil
		}
		ask.lease = lease
	}
	op := ask.op(&s.limiter.options)
	outcome, err := s.send(ctx, op)
	if err == nil && s.now()-ask.asked > int64(s.limiter.options.Timeout) { // its units are counted no longer than that
		s.queue.giveBack(op, outcome)
		err = errLate
	}
	if ask.lease > 0 {
		defer s.known.asked(&ask)
	}
	if err != nil {
		return s.away(ctx, &ask, err)
	}
	return s.take(&ask, outcome), nil
}

// withoutStore answers what no store has to be asked.
func withoutStore(rules []*rule, n int64) (Decision, bool) {
	limited := false
	for _, r := range rules {
		if limited = limited || !r.unlimited; !r.unlimited && n > r.ceiling {
			return Decision{Cost: n, Reason: ReasonTooMuch, Limit: r.ceiling, Remaining: 0, Policy: r.policy}, true
		}
	}
	return Decision{Cost: n, Allowed: true, Limit: -1, Remaining: -1, Policy: "unlimited"}, !limited
}

// question is what a call wants to know of the store.
type question struct {
	key   Key
	rules []*rule
	n     int64
	kind  OpKind
	asked int64 // by the limiter's clock
	lease int64 // how many units to take at a time; 0: n
	lapse time.Duration
}

func (q *question) op(o *Options) Op {
	op := Op{Kind: q.kind, Key: q.key, Limits: limitsOf(q.rules), N: q.n, Least: q.n}
	if q.kind == OpTake && q.n > 0 {
		op.Lapse = o.Timeout // so long the answer may be on its way, and its units not yet used
	}
	if q.lease > 0 {
		op.N, op.Lapse = max(q.lease, q.n), leaseFor(q.rules, o)
	}
	q.lapse = op.Lapse
	return op
}

func limitsOf(rules []*rule) []Limit {
	limits := make([]Limit, 0, len(rules))
	for _, r := range rules {
		if !r.unlimited {
			limits = append(limits, r.Limit)
		}
	}
	return limits
}

// limited returns the i-th rule that the store was told of.
func limited(rules []*rule, i int) *rule {
	for _, r := range rules {
		if r.unlimited {
			continue
		}
		if i == 0 {
			return r
		}
		i--
	}
	return rules[0]
}

// send asks the store, unless it is left alone.
func (s *shared) send(ctx context.Context, op Op) (Outcome, error) {
	if !s.breaker.allow(s.now()) {
		return Outcome{}, errOpen
	}
	return s.queue.send(ctx, op)
}

var (
	errOpen = fmt.Errorf("ratelimit: store is left alone: %w", tenon.ErrUnavailable)
	errLate = fmt.Errorf("ratelimit: store did not answer in time: %w", tenon.ErrUnavailable)
)

// take makes a Decision of what the store said, and remembers what it is good for.
func (s *shared) take(q *question, o Outcome) Decision {
	r := limited(q.rules, o.Limit)
	d := Decision{
		Allowed: o.Granted, Cost: q.n, Limit: r.ceiling, Remaining: o.Remaining, ResetAfter: o.ResetAfter, Policy: r.policy,
		RetryAfter: o.RetryAfter,
	}
	if !o.Granted {
		d.Reason = ReasonLimit
		if q.kind == OpTake {
			s.known.refused(q, d, s.now())
		}
		return d
	}
	if q.kind == OpTake {
		d.at, d.lapse = o.At.UnixMicro(), q.lapse
	}
	if surplus := o.Units - q.n; surplus > 0 {
		s.known.leased(q, surplus, o.Lapse, d)
		d.Remaining += surplus
	}
	return d
}

// away answers in place of the store, unless the caller has gone.
func (s *shared) away(ctx context.Context, q *question, err error) (Decision, error) {
	if own := ctx.Err(); own != nil {
		return Decision{}, own
	}
	if !errors.Is(err, tenon.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return Decision{}, fmt.Errorf("ratelimit: %w", err)
	}
	s.limiter.stats.away.Add(1)
	return s.byPolicy(q), nil
}

func (s *shared) byPolicy(q *question) Decision {
	var local []*rule
	for _, r := range q.rules {
		switch {
		case r.unlimited || r.Away == AwayAllow:
		case r.Away == AwayLocal:
			local = append(local, r.share)
		default:
			return Decision{Cost: q.n, Reason: ReasonAway, Limit: r.ceiling, Policy: r.policy, RetryAfter: s.breaker.left(s.now())}
		}
	}
	d := Decision{Cost: q.n, Allowed: true, Limit: -1, Remaining: -1, Policy: q.rules[0].policy}
	hash := q.key.hash(s.limiter.local.seed)
	switch {
	case len(local) == 0:
	case q.kind == OpPeek:
		d = s.limiter.local.peek(hash, local, q.n)
	default:
		d = s.limiter.local.take(hash, local, q.n)
	}
	d.Reason = ReasonAway
	if d.share = d.Allowed && len(local) > 0; !d.share {
		d.at = 0
	}
	return d
}

func (s *shared) refund(ctx context.Context, key Key, rules []*rule, d Decision) error {
	if d.share {
		s.limiter.local.refund(key.hash(s.limiter.local.seed), shares(rules), d)
		return nil
	}
	op := Op{
		Kind: OpRefund, Key: key, Limits: limitsOf(rules), N: d.Cost, At: time.UnixMicro(d.at).UTC(), Lapse: d.lapse,
	}
	return s.tell(ctx, op)
}

// shares returns this process's parts of the rules that have one.
func shares(rules []*rule) (parts []*rule) {
	for _, r := range rules {
		if r.share != nil && !r.unlimited {
			parts = append(parts, r.share)
		}
	}
	return parts
}

func (s *shared) reset(ctx context.Context, key Key, rules []*rule) error {
	return s.tell(ctx, Op{Kind: OpReset, Key: key, Limits: limitsOf(rules)})
}

// tell carries out what has no answer, and forgets what was known of the key before.
func (s *shared) tell(ctx context.Context, op Op) error {
	if len(op.Limits) == 0 {
		return nil
	}
	_, err := s.send(ctx, op)
	s.known.forget(op.Key)
	return err
}

func (s *shared) forget(subject tenon.Subject) { s.known.forgetAll(subject) }

func (s *shared) describe(stats *Stats) {
	stats.Away = s.limiter.stats.away.Load()
	stats.Remembered, stats.Leased = s.known.remembered.Load(), s.known.leases.Load()
	stats.Calls, stats.Ops = s.queue.calls.Load(), s.queue.ops.Load()
	stats.Errors += s.queue.failed.Load()
	stats.Open = s.breaker.isOpen()
}
