package entitlements

import (
	"hash/maphash"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// views keeps an immutable view of each tenant that was asked about. Reading takes no lock.
type views struct {
	seed    maphash.Seed
	max     int
	count   atomic.Int64
	hand    atomic.Uint32
	flights flights
	shards  [64]shard
}

type shard struct {
	mu      sync.Mutex
	tenants atomic.Pointer[map[string]*view]
}

// view is what is known of one tenant. The map is never changed; the answers in it are, as use goes on.
type view struct {
	standing Standing
	loaded   time.Time // the store's time
	answers  map[string]*atomic.Pointer[answer]
	used     atomic.Bool // since the last refresh
	idle     atomic.Bool // not used when the hand of the eviction last passed
}

// answer is a Decision and how long it may serve.
type answer struct {
	decision Decision
	at       time.Time // the store's time when it was true
	until    time.Time // when it changes by itself; zero: never
	stale    bool      // something changed since
}

func newViews(limit int) *views {
	v := &views{seed: maphash.MakeSeed(), max: limit}
	for i := range v.shards {
		v.shards[i].tenants.Store(&map[string]*view{})
	}
	return v
}

func (v *views) shard(tenant string) *shard {
	return &v.shards[maphash.String(v.seed, tenant)%uint64(len(v.shards))]
}

func (v *views) get(tenant string) *view {
	return (*v.shard(tenant).tenants.Load())[tenant]
}

func (v *views) len() int { return int(v.count.Load()) }

// put keeps w unless a newer revision of the tenant is there.
func (v *views) put(tenant string, w *view) *view {
	s := v.shard(tenant)
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.tenants.Load()
	if have := old[tenant]; have != nil && have.standing.Rights.Revision > w.standing.Rights.Revision {
		return have
	} else if have == nil {
		v.count.Add(1)
	} else {
		w.idle.Store(have.idle.Load()) // that it was refreshed is no sign that anybody asks
	}
	next := maps.Clone(old)
	next[tenant] = w
	s.tenants.Store(&next)
	return w
}

// evict lets tenants go until at most max are left: those that were not asked about since the hand last came by.
func (v *views) evict() {
	for range 3 * len(v.shards) {
		if v.len() <= v.max {
			return
		}
		v.sweep(&v.shards[v.hand.Add(1)%uint32(len(v.shards))])
	}
}

func (v *views) sweep(s *shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.tenants.Load()
	next := make(map[string]*view, len(old))
	for tenant, w := range old {
		if w.idle.Swap(true) && v.len() > v.max {
			v.count.Add(-1)
			continue
		}
		next[tenant] = w
	}
	s.tenants.Store(&next)
}

// active returns the tenants that were asked about since the last call.
func (v *views) active() []string {
	var tenants []string
	for i := range v.shards {
		for tenant, w := range *v.shards[i].tenants.Load() {
			if w.used.Swap(false) {
				tenants = append(tenants, tenant)
			}
		}
	}
	return tenants
}

func (v *views) each(f func(tenant string, w *view)) {
	for i := range v.shards {
		for tenant, w := range *v.shards[i].tenants.Load() {
			f(tenant, w)
		}
	}
}

// expire makes the tenant's view too old to serve, but for a feature whose policy falls back on what was last known.
func (v *views) expire(tenant string) {
	w := v.get(tenant)
	if w == nil {
		return
	}
	for _, p := range w.answers {
		for old := p.Load(); !old.stale; old = p.Load() {
			next := *old
			next.stale = true
			if p.CompareAndSwap(old, &next) {
				break
			}
		}
	}
}

// newView answers every feature of the catalogue from a standing.
func newView(s Standing, versions *Versions, now time.Time) *view {
	w := &view{standing: s, loaded: now, answers: make(map[string]*atomic.Pointer[answer], len(versions.Features))}
	pointers := make([]atomic.Pointer[answer], len(versions.Features))
	for key := range versions.Features {
		a := s.answer(versions, key, now)
		pointers[0].Store(&a)
		w.answers[key], pointers = &pointers[0], pointers[1:]
	}
	return w
}

// answer decides a check of feature at now from the standing alone.
func (s Standing) answer(versions *Versions, feature string, now time.Time) answer {
	a := s.account(versions, feature, now)
	d := a.Check(now)
	until := a.Terms.Until
	for _, c := range a.Counters {
		until = earliest(until, c.End)
	}
	versions.advise(&d, 1)
	return answer{decision: d, at: now, until: until}
}

// account is the part of a standing that decides about one feature. Counters that are not there are zero.
func (s Standing) account(versions *Versions, feature string, now time.Time) *Account {
	a := &Account{Tenant: s.Rights.Tenant, Terms: versions.Terms(s.Rights, feature, now)}
	for _, w := range a.Terms.Windows(now) {
		for _, c := range s.Counters[feature] {
			if c.Period == w.Period && c.Start.Equal(w.Start) {
				w = c
			}
		}
		a.Counters = append(a.Counters, &w)
	}
	for i := range s.Rights.Grants {
		if g := s.Rights.Grants[i]; g.Feature == feature {
			a.Grants = append(a.Grants, &g)
		}
	}
	return a
}

// advise adds to a refusal that another plan would lift which one that is.
func (v *Versions) advise(d *Decision, quantity int64) {
	switch d.Reason {
	case ReasonNoPlan, ReasonNotInPlan, ReasonLimitReached:
		d.Upgrade = v.upgrade(*d, quantity)
	default:
		d.Upgrade = ""
	}
}

// upgrade returns the lowest plan, above or beside the present one, whose plain terms would allow what d refused.
func (v *Versions) upgrade(d Decision, quantity int64) string {
	present, _ := v.Plan(d.Plan, d.PlanVersion)
	for _, p := range v.PlansByTier() {
		if p.Tier < present.Tier || p.ID == d.Plan && p.Version == d.PlanVersion {
			continue
		}
		allowance, ok := p.Features[d.Feature]
		if !ok {
			continue
		}
		if allowance.allows(v.Features[d.Feature].Kind, d.Used+d.Held+max(quantity, 1)) {
			return p.ID
		}
	}
	return ""
}

func (a Allowance) allows(kind Kind, level int64) bool {
	if kind == Config {
		return true
	}
	for _, l := range a.Limits {
		w := window{Limit: l, Counter: &Counter{}}
		if kind == Boolean && l.Hard == 0 || kind != Boolean && w.room() < level {
			return false
		}
	}
	return true
}
