package flags

import "maps"

// VersionKey is the name under which [Looked.Metadata] has the flag's version, an int64.
const VersionKey = "version"

// Looked is a flag as it is at one revision. It serves adapters that are handed a map of attributes, and want to look up
// those alone that matter. Do not keep it.
type Looked struct {
	set  *Set
	snap *snapshot
	c    *compiled // nil: there is no such flag
	key  string
}

// Answer is the part of a [Detail] that fits in registers.
type Answer struct {
	Value   any // as of [Set.Evaluate]
	Variant string
	Reason  Reason
	Code    Code
}

// Look finds a flag, once for all that an adapter wants of it.
func (s *Set) Look(key string) Looked {
	snap := s.shared.live.Load()
	return Looked{set: s, snap: snap, c: snap.flags[key], key: key}
}

// Still says whether the answer is the same for everybody and is told to nobody, so that a zero Who will do.
func (l *Looked) Still() bool { return l.c == nil || l.c.still && l.set.expose == nil }

// Answer evaluates as [Set.EvaluateAs] does, and leaves out what is told of the way.
func (l *Looked) Answer(want Type, w *Who) Answer {
	if l.set.fixed != nil {
		if v, ok := l.set.fixed[l.key]; ok {
			return Answer{Value: v, Reason: ReasonStatic}
		}
	}
	switch {
	case l.c == nil:
		return Answer{Reason: ReasonError, Code: l.snap.whyMissing(l.key)}
	case l.c.definition.Type != want:
		return Answer{Reason: ReasonError, Code: CodeType}
	}
	o := l.c.observe(l.set, l.snap, w)
	said := &steps[o.step]
	if o.variant < 0 {
		return Answer{Reason: said.reason, Code: said.code}
	}
	v := &l.c.variants[o.variant]
	return Answer{v.value, v.name, said.reason, said.code}
}

// Metadata returns the flag's metadata with its version, nil where there is no flag. It is shared and must not be
// changed.
func (l *Looked) Metadata() map[string]any {
	if l.c == nil {
		return nil
	}
	if told := l.c.told.Load(); told != nil {
		return *told
	}
	m := make(map[string]any, len(l.c.metadata)+1)
	maps.Copy(m, l.c.metadata)
	m[VersionKey] = l.c.version
	l.c.told.Store(&m)
	return m
}

// asksAt is what a flag asked at a revision.
type asksAt struct {
	revision int64
	names    []string
}

// Asks returns the names of the attributes that the answer may depend on, in order and without [TenantAttr], those of
// segments and prerequisites too. The list is shared and must not be changed. A flag that is not there asks nothing.
func (l *Looked) Asks() []string {
	if l.c == nil {
		return nil
	}
	if known := l.c.asks.Load(); known != nil && known.revision == l.snap.revision {
		return known.names
	}
	a := asking{snap: l.snap, names: map[string]bool{}, been: map[recordKey]bool{}}
	a.flag(l.key)
	delete(a.names, TenantAttr)
	names := sortedKeys(a.names)
	l.c.asks.Store(&asksAt{l.snap.revision, names})
	return names
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
