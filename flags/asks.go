package flags

// Asks returns the names of the attributes that the answer of a flag may depend on, by name and without [TenantAttr],
// those of its segments and prerequisites too. It lets an adapter that is handed a map look up those alone. It holds for
// the revision that is live; a flag that is not there asks nothing.
func (s *Set) Asks(key string) []string {
	a := asking{snap: s.live.Load(), names: map[string]bool{}, been: map[recordKey]bool{}}
	a.flag(key)
	delete(a.names, TenantAttr)
	return sortedKeys(a.names)
}

// asking collects names on a walk over what is live.
type asking struct {
	snap  *snapshot
	names map[string]bool
	been  map[recordKey]bool
}

// first says whether the walk has not been there.
func (a *asking) first(kind Kind, key string) bool {
	k := recordKey{kind, key}
	was := a.been[k]
	a.been[k] = true
	return !was
}

func (a *asking) flag(key string) {
	c := a.snap.flags[key]
	if c == nil || !a.first(KindFlag, key) {
		return
	}
	d := c.definition
	if d.By != "" {
		a.names[d.By] = true
	}
	for _, p := range d.Prerequisites {
		a.flag(p.Flag)
	}
	for i := range d.Rules {
		a.condition(&d.Rules[i].If)
	}
	if d.Rollout != nil {
		a.rollout(d.Rollout)
	}
}

func (a *asking) rollout(r *Rollout) {
	a.segments(r.Rings)
	if r.Ramp != nil {
		for _, stage := range r.Ramp.Stages {
			a.segments(stage.Rings)
		}
	}
}

func (a *asking) segments(keys []string) {
	for _, key := range keys {
		if seg := a.snap.segments[key]; seg != nil && a.first(KindSegment, key) {
			a.condition(&seg.segment.If)
		}
	}
}

func (a *asking) condition(c *Condition) {
	for i := range c.All {
		a.condition(&c.All[i])
	}
	for i := range c.Any {
		a.condition(&c.Any[i])
	}
	if c.Not != nil {
		a.condition(c.Not)
	}
	if c.Segment != "" {
		a.segments([]string{c.Segment})
	}
	if c.Attr != "" {
		a.names[c.Attr] = true
	}
}
