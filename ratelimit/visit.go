package ratelimit

// visit is one operation on one key: the slots of all its limits, locked, so that all of them are taken from or none.
type visit struct {
	local   *local
	key     uint64 // the key's hash
	now     int64
	looks   bool    // takes nothing, so needs no slot that is not there
	spilled bool    // gives back what was taken in the overflow, unless the key has a slot by now
	stripe  *stripe // held
	spills  bool    // holds the overflow

	// An array, so that a visit needs no memory but the stack.
	array [MaxLimits]spot
	used  int
}

func (v *visit) spots() []spot { return v.array[:v.used] }

// open locks the slots of rules and reads them. The caller closes v.
func (v *visit) open(rules []*rule) {
	if len(rules) > 1 {
		v.enter()
	}
	for _, r := range rules {
		if r.unlimited {
			continue
		}
		s := &v.array[v.used]
		v.used++
		s.rule = r
		v.lock(s)
	}
	v.now = v.local.clock.now() // once everything is held, so that nobody has seen a later time
	for i := range v.spots() {
		v.array[i].now = v.now
		v.array[i].read()
	}
}

func (v *visit) close() {
	for i := range v.spots() {
		s := &v.array[i]
		s.close()
		if s.spilled {
			v.local.overflow.keep(s)
		}
	}
	if v.spills {
		v.local.overflow.Unlock()
	}
	if v.stripe != nil {
		v.stripe.Unlock()
	}
}

// enter takes the key's stripe.
func (v *visit) enter() {
	if v.stripe == nil {
		v.stripe = &v.local.stripes[v.key%stripes]
		v.stripe.Lock()
	}
}

// spill takes the overflow.
func (v *visit) spill() {
	if !v.spills {
		v.spills = true
		v.local.overflow.Lock()
	}
}

// lock finds the key's slot, or makes one.
func (v *visit) lock(s *spot) {
	t, h := v.local.table(s.rule), slotHash(v.key, s.rule)
	if v.hold(s, t, h) {
		return
	}
	v.enter()
	if v.hold(s, t, h) {
		return
	}
	switch {
	case v.spilled:
		v.share(s)
		return
	case v.looks:
		v.borrow(s)
		return
	}
	if i, ok := t.claim(h, v.local.clock.now()); ok {
		s.slot, s.row = t.slot(i), t.row(i)
		v.inherit(s)
		return
	}
	v.local.overflow.calls.Add(1)
	v.share(s)
}

// hold locks the slot that h has.
func (v *visit) hold(s *spot, t *table, h uint64) bool {
	for {
		i := t.find(h)
		if i < 0 {
			return false
		}
		s.slot, s.row = t.slot(i), t.row(i)
		var ok bool
		if s.word, ok = s.slot.lockOf(h); ok {
			return true
		}
	}
}

// inherit lets a key that just got a slot begin with what the overflow counts: some of that may be its own.
func (v *visit) inherit(s *spot) {
	s.word = 0
	if v.local.overflow.until.Load() < v.local.clock.now() {
		return
	}
	v.spill()
	if from := v.local.overflow.slots[s.rule.salt]; from != nil {
		s.word = from.word.Load()
		s.copy(&from.row)
	}
}

// share gives the key the overflow's slot.
func (v *visit) share(s *spot) {
	v.spill()
	o := &v.local.overflow
	shared := o.slots[s.rule.salt]
	if shared == nil {
		shared = &spare{}
		o.slots[s.rule.salt] = shared
	}
	s.slot, s.spilled = &shared.slot, true
	if s.rule.Algorithm != TokenBucket {
		s.row = &shared.row
	}
	s.word = s.slot.lock()
}

// borrow lets a key that has no slot look at what it would begin with.
func (v *visit) borrow(s *spot) {
	var own spare
	s.slot = &own.slot
	if s.rule.Algorithm != TokenBucket {
		s.row = &own.row
	}
	v.inherit(s)
}

// copy fills the spot's row.
func (s *spot) copy(from *row) {
	if s.row == nil {
		return
	}
	for i := range from {
		s.row[i].Store(from[i].Load())
	}
}
