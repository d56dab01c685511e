package entitlements

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// views keeps a view of each tenant that was asked about. Reading takes no lock: a shard's table is never changed, but
// replaced.
type views struct {
	seed    maphash.Seed
	max     int
	count   atomic.Int64
	hand    atomic.Uint32
	flights flights
	shards  [64]shard
}

type shard struct {
	table  atomic.Pointer[table]
	mu     sync.Mutex
	floors map[string]time.Time // when this process changed a tenant's rights, until that is read back
}

// table finds views by tenant: open addressing, at most half full. An entry takes a quarter of a cache line, so that a
// look-up reads one line here and then the view.
type table struct {
	entries []entry // a power of two
	len     int
}

type entry struct {
	hash uint64
	view *view
}

func newTable(n int) *table {
	size := 4
	for size < 2*n {
		size *= 2
	}
	return &table{entries: make([]entry, size)}
}

func (t *table) get(hash uint64, tenant string) *view {
	mask := uint64(len(t.entries) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		e := &t.entries[i]
		if e.view == nil || e.hash == hash && e.view.tenant == tenant {
			return e.view
		}
	}
}

func (t *table) add(e entry) {
	mask := uint64(len(t.entries) - 1)
	i := e.hash & mask
	for t.entries[i].view != nil {
		i = (i + 1) & mask
	}
	t.entries[i] = e
	t.len++
}

// without returns a copy for n more entries that lacks those that drop says.
func (t *table) without(n int, drop func(*view) bool) *table {
	next := newTable(t.len + n)
	for _, e := range t.entries {
		if e.view != nil && !drop(e.view) {
			next.add(e)
		}
	}
	return next
}

func newViews(limit int) *views {
	v := &views{seed: maphash.MakeSeed(), max: limit}
	for i := range v.shards {
		v.shards[i].table.Store(newTable(0))
		v.shards[i].floors = map[string]time.Time{}
	}
	return v
}

// find returns the tenant's hash and shard: the table takes the low bits, the shard the high ones.
func (v *views) find(tenant string) (uint64, *shard) {
	hash := maphash.String(v.seed, tenant)
	return hash, &v.shards[hash>>58]
}

func (v *views) get(tenant string) *view {
	hash, s := v.find(tenant)
	return s.table.Load().get(hash, tenant)
}

func (v *views) len() int { return int(v.count.Load()) }

// put keeps w unless a view that was read later is there. One that was read before this process changed the tenant's
// rights is kept as too old to serve.
func (v *views) put(w *view) *view {
	hash, s := v.find(w.tenant)
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.table.Load()
	have := old.get(hash, w.tenant)
	if have != nil && have.loaded.After(w.loaded) {
		return have
	}
	if floor, ok := s.floors[w.tenant]; ok && !w.loaded.After(floor) {
		w.expire()
	} else {
		delete(s.floors, w.tenant)
	}
	if have == nil {
		v.count.Add(1)
	} else {
		w.idle.Store(have.idle.Load()) // that it was refreshed is no sign that anybody asks
	}
	next := old.without(1, func(x *view) bool { return x == have })
	next.add(entry{hash, w})
	s.table.Store(next)
	return w
}

// written notes that this process changed the tenant's rights before at, so that a view read earlier does not come back.
func (v *views) written(tenant string, at time.Time) {
	hash, s := v.find(tenant)
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.table.Load().get(hash, tenant)
	if w == nil && !v.flights.under(tenant) {
		return // what is read from now on is new
	}
	s.floors[tenant] = at
	if w != nil {
		w.expire()
	}
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
	s.table.Store(s.table.Load().without(0, func(w *view) bool {
		if !w.idle.Swap(true) || v.len() <= v.max {
			return false
		}
		v.count.Add(-1)
		delete(s.floors, w.tenant)
		return true
	}))
}

func (v *views) each(f func(w *view)) {
	for i := range v.shards {
		for _, e := range v.shards[i].table.Load().entries {
			if e.view != nil {
				f(e.view)
			}
		}
	}
}

// active returns the tenants that were asked about since the last call.
func (v *views) active() []string {
	var tenants []string
	v.each(func(w *view) {
		if w.used.Swap(false) {
			tenants = append(tenants, w.tenant)
		}
	})
	return tenants
}

// expire makes the tenant's view too old to serve.
func (v *views) expire(tenant string) {
	if w := v.get(tenant); w != nil {
		w.expire()
	}
}
