package flags

import "slices"

// serve evaluates c and returns the variant; nil is the caller's default.
func (c *compiled) serve(s *Set, snap *snapshot, w *Who) *variant {
	o := c.observe(s, snap, w)
	if o.variant < 0 {
		return nil
	}
	return &c.variants[o.variant]
}

// observe decides, and notes what was decided.
func (c *compiled) observe(s *Set, snap *snapshot, w *Who) outcome {
	o := c.outcome
	if !c.still {
		o = c.decide(snap, w)
	}
	c.seen.note(o.variant)
	if s.expose != nil {
		s.expose.offer(c, o, w)
	}
	return o
}

// decide goes through the fixed order.
func (c *compiled) decide(snap *snapshot, w *Who) outcome {
	if c.still {
		return c.outcome
	}
	if c.prerequisites != nil && !c.prepared(snap, w) {
		return outcome{-1, -1, stepPrerequisite}
	}
	if c.tenants != nil {
		if w.Tenant == "" {
			return outcome{-1, -1, stepKeyMissing}
		}
		if v, ok := c.tenants[w.Tenant]; ok {
			return outcome{v, -1, stepTenant}
		}
	}
	for i := range c.rules {
		if c.rules[i].program.matches(w) {
			return c.share(&c.rules[i].share, w, outcome{step: stepRule, rule: int16(i)})
		}
	}
	if c.rollout != nil {
		key := w.key(c.by)
		if key == "" {
			return outcome{-1, -1, stepKeyMissing}
		}
		if c.rollout.has(key, w) {
			return c.share(&c.rollout.share, w, outcome{step: stepRollout, rule: -1})
		}
	}
	return outcome{c.fallback, -1, stepDefault}
}

// prepared says whether every prerequisite holds. One that takes part in a cycle does not: nobody can write a cycle, but
// the last good version of one flag beside a newer one of another may form it.
func (c *compiled) prepared(snap *snapshot, w *Who) bool {
	if snap.cyclic[c.key] {
		return false
	}
	for i := range c.prerequisites {
		if !c.prerequisites[i].holds(snap, w) {
			return false
		}
	}
	return true
}

func (p *prerequisite) holds(snap *snapshot, w *Who) bool {
	other := snap.flags[p.flag]
	if other == nil {
		return false
	}
	o := other.decide(snap, w)
	return o.variant >= 0 && slices.Contains(p.variants, other.variants[o.variant].name)
}

// has says whether the one with that key takes part.
func (r *rollout) has(key string, w *Who) bool {
	if Bucket(r.salt.hash(key), million) < r.threshold {
		return true
	}
	if len(r.extra) > 0 {
		if _, ok := r.extra[key]; ok {
			return true
		}
	}
	for _, ring := range r.rings {
		if ring.program.matches(w) {
			return true
		}
	}
	return false
}

// share completes o with the variant.
func (c *compiled) share(sh *share, w *Who, o outcome) outcome {
	o.variant = sh.variant
	if sh.parts == nil {
		return o
	}
	key := w.key(c.by)
	if key == "" {
		return outcome{-1, -1, stepKeyMissing}
	}
	o.variant = sh.pick(c.variantSalt.hash(key))
	o.step++ // stepRule is followed by stepRuleSplit, stepRollout by stepRolloutSplit
	return o
}

// detail evaluates and says why. A nil Value, or def, stands where the caller's default counts.
func detail[T any](s *Set, h *handle, w *Who, def T, values func(*variant) (T, bool)) Detail[T] {
	d := Detail[T]{Key: h.key, Value: def, Reason: ReasonError, Cause: CauseError, Rule: -1}
	if s.fixed != nil {
		if v, ok := fixed[T](s, h.key); ok {
			d.Value, d.Reason, d.Cause = v, ReasonStatic, CauseFixed
			return d
		}
	}
	snap, c := s.get(h)
	d.Stale = snap.fromDisk
	switch {
	case c == nil:
		d.Code = snap.whyMissing(h.key)
		return d
	case h.kind != anyType && h.kind != c.kind:
		d.Version, d.Code = c.version, CodeType
		return d
	}
	o := c.observe(s, snap, w)
	said := &steps[o.step]
	d.Reason, d.Cause, d.Code, d.Version, d.Rule = said.reason, said.cause, said.code, c.version, int(o.rule)
	d.Metadata = c.metadata
	if o.rule >= 0 {
		d.RuleID = c.rules[o.rule].id
	}
	if o.variant < 0 {
		return d
	}
	value, ok := values(&c.variants[o.variant])
	if !ok {
		d.Reason, d.Cause, d.Code = ReasonError, CauseError, CodeType
		return d
	}
	d.Value, d.Variant = value, c.variants[o.variant].name
	return d
}

// All evaluates every flag for w, by key and at one revision. It marks and exposes nothing: who asks for all, a front end,
// does not use all.
func (s *Set) All(w *Who) []Detail[any] {
	snap := s.live.Load()
	all := make([]Detail[any], 0, len(snap.flags))
	for _, key := range snap.keys() {
		d := s.peek(snap, snap.flags[key], w)
		if v, ok := s.fixed[key]; ok {
			d = Detail[any]{Key: key, Value: v, Reason: ReasonStatic, Cause: CauseFixed, Rule: -1}
		}
		all = append(all, d)
	}
	return all
}
