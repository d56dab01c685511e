package ratelimit

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// perKey remembers what LimitsOf said. It has a place for a fixed number of keys; one that comes takes the place of
// another with the same place.
type perKey struct {
	limiter *Limiter
	places  [4096]atomic.Pointer[limitsOfKey]

	mu      sync.Mutex // of who puts something into a place
	forgets int64      // calls of Forget: what was asked before one may be out of date
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
	forgets := p.forgotten()
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
	p.put(place, fresh, forgets)
	return fresh.rules
}

func (p *perKey) forgotten() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.forgets
}

// put keeps fresh for as long as it is good: not at all when somebody forgot since it was asked for.
func (p *perKey) put(place *atomic.Pointer[limitsOfKey], fresh *limitsOfKey, forgets int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.forgets != forgets {
		fresh.until = 0
	}
	place.Store(fresh)
}

// Forget lets the next call of each key of tenant ask LimitsOf again: after the tenant's plan was changed.
func (l *Limiter) Forget(tenant string) {
	if l.perKey == nil {
		return
	}
	l.perKey.mu.Lock()
	defer l.perKey.mu.Unlock()
	l.perKey.forgets++
	for i := range l.perKey.places {
		place := &l.perKey.places[i]
		if known := place.Load(); known != nil && known.key.Tenant == tenant {
			ended := *known
			ended.until = 0
			place.Store(&ended)
		}
	}
}
