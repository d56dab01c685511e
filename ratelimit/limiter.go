package ratelimit

import (
	"context"
	"maps"
	"time"

	"github.com/transbotai/tenon"
)

// Limiter decides how much keys may take. Its methods may be called concurrently. Without Options.Store it decides in
// this process, in memory that was set aside once, and never waits; it has no Close and nothing runs in the background.
type Limiter struct {
	options Options
	local   *local
	shared  *shared // nil without a store
	rules   []*rule
	only    *rule // the one rule of every key, where it is decided here; nil otherwise
	perKey  *perKey
	stats   counters
}

// NewLimiter returns a Limiter with limits, all of which have to allow a call. Wrong limits and options are
// [tenon.ErrInvalid] and name the field. It does no I/O.
func NewLimiter(opts *Options, limits ...Limit) (*Limiter, error) {
	o := opts.withDefaults()
	if err := checkLimits(limits, o.Processes); err != nil {
		return nil, err
	}
	l := &Limiter{options: o, local: newLocal(o.MaxKeys)}
	l.rules = l.compile(limits)
	if o.LimitsOf != nil {
		l.perKey = newPerKey(l)
	}
	if o.Store != nil {
		l.shared = newShared(l)
	}
	if len(limits) == 1 && l.perKey == nil && l.shared == nil && !l.rules[0].unlimited {
		l.only = l.rules[0]
	}
	return l, nil
}

func (l *Limiter) compile(limits []Limit) []*rule {
	rules := make([]*rule, len(limits))
	for i, limit := range limits {
		rules[i] = newRule(limit, l.local.seed)
		rules[i].varies = l.options.LimitsOf != nil
		if limit.Away == AwayLocal && l.options.Store != nil {
			rules[i].share = newRule(limit.part(int64(l.options.Processes)), l.local.seed)
			rules[i].share.policy, rules[i].share.varies = rules[i].policy, rules[i].varies
		}
	}
	return rules
}

// Take asks for n units under key, all of them or none; n is 0 to [MaxUnits], and 0 asks whether anything is wrong.
// More than a limit ever gives is refused with ReasonTooMuch. A refusal takes nothing and is no error. Without a
// store no call waits, and the only error is [tenon.ErrInvalid]; with one, what the limits' Away policies decide is
// no error either, and the errors are [tenon.ErrInvalid] and the context's own.
func (l *Limiter) Take(ctx context.Context, key Key, n int64) (d Decision, err error) {
	err = l.take(ctx, key, n, &d)
	return d, err
}

// take is Take. It fills in the caller's own decision: Take is inlined there, and a decision is too large to be
// returned for nothing.
func (l *Limiter) take(ctx context.Context, key Key, n int64, d *Decision) error {
	r := l.only
	if r == nil || uint64(n-1) >= MaxUnits || uint(len(key.Tenant)+len(key.Name)-1) >= MaxKeyBytes {
		return l.takeAny(ctx, key, n, d)
	}
	h := key.hash(l.local.seed)
	if !l.local.takeFast(h, r, n, l.local.clock.now(), d) {
		l.local.takeSlow(h, l.rules, n, d)
	}
	l.stats.count(d.Allowed)
	return nil
}

// takeAny is take for every key, rule and n.
func (l *Limiter) takeAny(ctx context.Context, key Key, n int64, d *Decision) (err error) {
	if *d, err = l.decide(ctx, OpTake, key, n); err != nil {
		l.stats.errors.Add(1)
		return err
	}
	l.stats.count(d.Allowed)
	return nil
}

// Peek answers as Take would, and takes nothing. With a store it asks the store, leases aside.
func (l *Limiter) Peek(ctx context.Context, key Key, n int64) (Decision, error) {
	return l.decide(ctx, OpPeek, key, n)
}

func (l *Limiter) decide(ctx context.Context, kind OpKind, key Key, n int64) (Decision, error) {
	if err := checkCall(key, n); err != nil {
		return Decision{}, err
	}
	rules := l.rulesOf(ctx, key)
	switch {
	case l.shared != nil:
		return l.shared.decide(ctx, kind, key, rules, n)
	case kind == OpPeek:
		return l.local.peek(key.hash(l.local.seed), rules, n), nil
	default:
		return l.local.take(key.hash(l.local.seed), rules, n), nil
	}
}

func checkCall(key Key, n int64) error {
	if err := key.check(); err != nil {
		return err
	}
	if n < 0 || n > MaxUnits {
		return invalid("n", "%d is not within 0 and 2⁵³", n)
	}
	return nil
}

// Refund gives back the d.Cost units that a decision took, or fewer when Cost was lowered since. Units count where they
// were taken: what does not count any more, because its window has passed, is not given back a second time. A
// Concurrency limit is freed so. A decision that took nothing gives nothing back. Refunding a decision twice gives back
// twice.
func (l *Limiter) Refund(ctx context.Context, key Key, d Decision) error {
	if err := checkCall(key, d.Cost); err != nil {
		return err
	}
	if !d.Allowed || d.at == 0 || d.Cost == 0 {
		return nil
	}
	rules := l.rulesOf(ctx, key)
	if l.shared != nil {
		return l.shared.refund(ctx, key, rules, d)
	}
	l.local.refund(key.hash(l.local.seed), rules, d)
	return nil
}

// Release gives back what a decision took under Concurrency limits, and leaves what it took under others: for what has
// ended, where Refund is for what was not done.
func (l *Limiter) Release(ctx context.Context, key Key, d Decision) error {
	if err := checkCall(key, d.Cost); err != nil {
		return err
	}
	if !d.Allowed || d.at == 0 || d.Cost == 0 {
		return nil
	}
	rules := inFlight(l.rulesOf(ctx, key))
	switch {
	case len(rules) == 0:
		return nil
	case l.shared != nil:
		return l.shared.refund(ctx, key, rules, d)
	}
	l.local.refund(key.hash(l.local.seed), rules, d)
	return nil
}

// inFlight returns the Concurrency rules among rules.
func inFlight(rules []*rule) (found []*rule) {
	for _, r := range rules {
		if r.Algorithm == Concurrency {
			found = append(found, r)
		}
	}
	return found
}

// Limits returns the limits of key: those of Options.LimitsOf, or of NewLimiter.
func (l *Limiter) Limits(ctx context.Context, key Key) []Limit {
	rules := l.rulesOf(ctx, key)
	limits := make([]Limit, len(rules))
	for i, r := range rules {
		limits[i] = r.Limit
	}
	return limits
}

// Reset forgets what was taken under key.
func (l *Limiter) Reset(ctx context.Context, key Key) error {
	if err := key.check(); err != nil {
		return err
	}
	rules := l.rulesOf(ctx, key)
	if l.shared != nil {
		return l.shared.reset(ctx, key, rules)
	}
	l.local.reset(key.hash(l.local.seed), rules)
	return nil
}

// Erase forgets the keys of a subject, in the store and in this process: see [Key.Belongs]. A limiter without a store
// answers for no table: it keeps no key, only numbers under a hash that nobody can compute outside of this process, and
// forgets them when their window has passed.
func (l *Limiter) Erase(ctx context.Context, s tenon.Subject) (map[string]int64, error) {
	if s.Tenant == "" {
		return nil, invalid("tenant", "is empty")
	}
	l.Forget(s.Tenant)
	if l.shared == nil {
		return map[string]int64{}, nil
	}
	erased, err := l.options.Store.Erase(ctx, s)
	l.shared.forget(s)
	return maps.Clone(erased), err
}

var _ tenon.Eraser = (*Limiter)(nil)

// Stats is what a Limiter did since it was made.
type Stats struct {
	Allowed int64 // calls
	Denied  int64 // calls
	Errors  int64 // calls that were not decided, calls of the store that failed, calls of LimitsOf that failed

	// Of the memory in this process.
	Keys      int64 // of which something counts: each under each of its limits
	Evictions int64 // slots of keys whose time had passed that went to another key
	Shared    int64 // calls that found no slot, so that their key's limit was shared with others of its kind

	// Of the store.
	Away       int64 // calls that the limits' Away policies decided
	Remembered int64 // refusals that did not ask the store: it had said for how long
	Leased     int64 // calls that were given units of a lease
	Open       bool  // the store is left alone for a while, since its calls failed
	Calls      int64 // of the store
	Ops        int64 // carried by those
}

// Stats returns the present counts. Counting Keys looks at all the memory that was set aside.
func (l *Limiter) Stats() Stats {
	s := l.stats.read()
	for _, t := range l.local.tables() {
		s.Keys += t.live(l.local.clock.now())
		s.Evictions += t.reused.Load()
	}
	s.Shared = l.local.overflow.calls.Load()
	if l.shared != nil {
		l.shared.describe(&s)
	}
	return s
}

// forever is the patience of who has no deadline.
const forever = time.Duration(1<<63 - 1)
