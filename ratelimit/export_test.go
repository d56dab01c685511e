package ratelimit

import "time"

// SetBack puts the limiter's clock back, as no monotonic clock goes.
func (l *Limiter) SetBack(d time.Duration) {
	l.local.clock.base = l.local.clock.base.Add(d)
	for _, t := range l.local.tables() {
		t.clock = l.local.clock
	}
}

// Bytes returns how much memory was set aside for keys.
func (l *Limiter) Bytes() (n int) {
	for _, t := range l.local.tables() {
		n += len(t.slots)*16 + len(t.rows)*56
	}
	return n
}

// HandOn gives the slots of all keys to nobody in particular, in the middle of whatever is being done to them.
func (l *Limiter) HandOn() {
	for _, t := range l.local.tables() {
		for i := range t.slots {
			if h := t.slots[i].hash.Load(); h != 0 {
				t.slots[i].hash.Store(h + 1)
			}
		}
	}
}

// Known returns of how many keys something is kept that the store said.
func (l *Limiter) Known() (n int) {
	for i := range l.shared.known.shards {
		shard := &l.shared.known.shards[i]
		shard.mu.Lock()
		n += len(shard.keys)
		shard.mu.Unlock()
	}
	return n
}

// Hold locks the slots of all keys until the returned function is called.
func (l *Limiter) Hold() (release func()) {
	words := map[*slot]uint64{}
	for _, t := range l.local.tables() {
		for i := range t.slots {
			words[&t.slots[i]] = t.slots[i].lock()
		}
	}
	return func() {
		for s, w := range words {
			s.unlock(w)
		}
	}
}
