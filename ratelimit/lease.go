package ratelimit

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon"
)

// known is what this process knows of keys without asking the store: units that it was leased, and refusals.
type known struct {
	seed       maphash.Seed
	shards     [64]knownShard
	remembered atomic.Int64
	leases     atomic.Int64
}

type knownShard struct {
	mu      sync.Mutex
	keys    map[Key]*standing
	sweepAt int
}

// standing is what is known of one key under one list of rules. Times are of the limiter's clock.
type standing struct {
	rules *rule // the first of the list: another list knows nothing

	units  int64 // leased and not given out
	until  int64 // when they lapse
	asking bool  // somebody asks for a lease

	refused int64 // so many units and more are refused
	since   int64 // as it stood then
	retry   int64 // until then the store is not asked
	d       Decision
}

// rememberFor bounds for how long a refusal is believed, so that what another process resets or gives back is seen
// soon.
const rememberFor = time.Second

func (k *known) init() {
	k.seed = maphash.MakeSeed()
	for i := range k.shards {
		k.shards[i].keys, k.shards[i].sweepAt = map[Key]*standing{}, 64
	}
}

func (k *known) shard(key Key) *knownShard { return &k.shards[key.hash(k.seed)%uint64(len(k.shards))] }

// lock returns what is known of q's key, nil when that is nothing, with its shard locked.
func (k *known) lock(q *question) (*knownShard, *standing) {
	shard := k.shard(q.key)
	shard.mu.Lock()
	if s := shard.keys[q.key]; s != nil && s.rules == q.rules[0] {
		return shard, s
	}
	return shard, nil
}

// answer decides q from what is known. When it cannot, lease is how many units to ask for, 0 for those of q alone.
func (k *known) answer(q *question, size int64) (d Decision, lease int64, ok bool) {
	shard, s := k.lock(q)
	defer shard.mu.Unlock()
	switch {
	case s == nil:
	case s.units >= q.n && q.asked < s.until:
		k.leases.Add(1)
		return s.giveOut(q), 0, true
	case q.n >= s.refused && q.asked < s.retry:
		k.remembered.Add(1)
		return s.refuse(q), 0, true
	case s.asking || s.units > 0 && q.asked < s.until:
		return d, 0, false
	}
	if size <= q.n {
		return d, 0, false
	}
	shard.put(q).asking = true
	return d, size, false
}

// giveOut takes q's units from the lease.
func (s *standing) giveOut(q *question) Decision {
	s.units -= q.n
	d := s.d
	d.Allowed, d.Cost, d.Remaining = true, q.n, d.Remaining+s.units
	return d
}

// refuse repeats the refusal, as it stands by now.
func (s *standing) refuse(q *question) Decision {
	d := s.d
	past := time.Duration(max(q.asked-s.since, 0))
	d.Cost, d.RetryAfter = q.n, max(d.RetryAfter-past, 1)
	d.ResetAfter = max(d.ResetAfter-past, d.RetryAfter)
	return d
}

// asked ends what answer began when it asked for a lease.
func (k *known) asked(q *question) {
	shard, s := k.lock(q)
	if s != nil {
		s.asking = false
	}
	shard.mu.Unlock()
}

// leased keeps units for later calls. They lapse lapse after q was asked.
func (k *known) leased(q *question, units int64, lapse time.Duration, d Decision) {
	shard, _ := k.lock(q)
	s := shard.put(q)
	s.units, s.until, s.d = units, q.asked+int64(lapse), d
	s.refused, s.retry = 0, 0
	shard.mu.Unlock()
}

// refused remembers d, which was answered now. Another call may need fewer units, or come when the limits are others.
func (k *known) refused(q *question, d Decision, now int64) {
	if d.RetryAfter == 0 {
		return
	}
	shard, _ := k.lock(q)
	s := shard.put(q)
	s.refused, s.retry, s.since, s.d = q.n, q.asked+int64(min(d.RetryAfter, rememberFor)), now, d
	s.units, s.until = 0, 0
	shard.mu.Unlock()
}

func (k *known) forget(key Key) {
	shard := k.shard(key)
	shard.mu.Lock()
	delete(shard.keys, key)
	shard.mu.Unlock()
}

func (k *known) forgetAll(subject tenon.Subject) {
	for i := range k.shards {
		shard := &k.shards[i]
		shard.mu.Lock()
		for key := range shard.keys {
			if key.Belongs(subject) {
				delete(shard.keys, key)
			}
		}
		shard.mu.Unlock()
	}
}

// put returns what is known of q's key, to be added to. Each time the keys have doubled it drops those of which
// nothing is known any more.
func (shard *knownShard) put(q *question) *standing {
	if s := shard.keys[q.key]; s != nil && s.rules == q.rules[0] {
		return s
	}
	if len(shard.keys) >= shard.sweepAt {
		for key, s := range shard.keys {
			if !s.asking && s.until <= q.asked && s.retry <= q.asked {
				delete(shard.keys, key)
			}
		}
		shard.sweepAt = max(2*len(shard.keys), 64)
	}
	s := &standing{rules: q.rules[0]}
	shard.keys[q.key] = s
	return s
}

// lease returns how many units a process takes at a time under rules; 1 for none.
func (l *Limiter) lease(rules []*rule) int64 {
	size := int64(1 << 62)
	for _, r := range rules {
		if !r.unlimited {
			size = min(size, r.leaseOf(int64(l.options.Processes)))
		}
	}
	return size
}

const (
	defaultLease = 16
	leaseShare   = 256 // the limit is at least so many times the processes
)

func (r *rule) leaseOf(processes int64) int64 {
	switch {
	case r.Algorithm == Concurrency:
		return 1
	case r.Lease > 0:
		return min(r.Lease, r.ceiling)
	case processes > 0 && r.ceiling >= leaseShare*processes:
		return defaultLease
	default:
		return 1
	}
}

// leaseFor returns for how long leased units may be given out. Under a strict limit that is no shorter than the answer
// may be on its way: who asked uses his units then.
func leaseFor(rules []*rule, o *Options) time.Duration {
	d := o.LeaseFor
	if d <= 0 {
		d = fractionOf(rules)
	}
	for _, r := range rules {
		if r.Algorithm == Strict && !r.unlimited {
			return max(d, o.Timeout)
		}
	}
	return d
}

// fractionOf returns 1/Cells of the shortest window of rules, at most a second.
func fractionOf(rules []*rule) time.Duration {
	d := time.Second
	for _, r := range rules {
		switch {
		case r.unlimited:
		case r.Algorithm == TokenBucket:
			d = min(d, time.Duration(r.depth/ticks/Cells))
		case r.Window > 0:
			d = min(d, r.Window/Cells)
		}
	}
	return d
}
