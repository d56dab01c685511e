package ratelimit

import (
	"context"
	"slices"
	"sync/atomic"
)

// perKey remembers what LimitsOf said. It has a place for a fixed number of keys; one that comes takes the place of
// another with the same place.
type perKey struct {
	limiter *Limiter
	forgets atomic.Int64 // calls of Forget: what was asked before one may be out of date
	places  [4096]atomic.Pointer[limitsOfKey]
}

// limitsOfKey does not change once it is in its place.
type limitsOfKey struct {
	key   Key
	rules []*rule
	until int64
}

func newPerKey(l *Limiter) *perKey { return &perKey{limiter: l} }

// rulesOf returns the rules of key, which the caller must not change.
func (l *Limiter) rulesOf(ctx context.Context, key Key) []*rule {
	if l.perKey == nil {
		return l.rules
	}
	return l.perKey.rules(ctx, key)
}

func (p *perKey) rules(ctx context.Context, key Key) []*rule {
	l := p.limiter
	place := &p.places[key.hash(l.local.seed)%uint64(len(p.places))]
	now := l.local.clock.now()
	known := place.Load()
	if known != nil && known.key != key {
		known = nil
	}
	if known != nil && now < known.until {
		return known.rules
	}
	fresh := &limitsOfKey{key: key, rules: l.rules, until: now + int64(l.options.LimitsFor)}
	forgets := p.forgets.Load()
	limits, err := l.options.LimitsOf(ctx, key)
	if err == nil && len(limits) > 0 {
		err = checkLimits(limits, l.options.Processes)
	}
	switch {
	case err != nil:
		l.stats.errors.Add(1)
		l.options.Logger.WarnContext(ctx, "limits of a key", "err", err)
		if known == nil {
			return l.rules // asked again next time
		}
		fresh.rules = known.rules
	case known != nil && slices.EqualFunc(known.rules, limits, func(r *rule, l Limit) bool { return r.Limit == l }):
		fresh.rules = known.rules // with what is known of them: leases, refusals
	case len(limits) > 0:
		fresh.rules = l.compile(limits)
	}
	if p.forgets.Load() != forgets {
		fresh.until = 0
	}
	place.Store(fresh)
	return fresh.rules
}

// Forget lets the next call of each key of tenant ask LimitsOf again: after the tenant's plan was changed.
func (l *Limiter) Forget(tenant string) {
	if l.perKey == nil {
		return
	}
	l.perKey.forgets.Add(1)
	for i := range l.perKey.places {
		place := &l.perKey.places[i]
		if known := place.Load(); known != nil && known.key.Tenant == tenant {
			ended := *known
			ended.until = 0
			place.CompareAndSwap(known, &ended)
		}
	}
}
