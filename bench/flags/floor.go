package flags

import (
	"slices"
	"sync/atomic"
)

// floor is the least that an evaluation can be.
type floor struct {
	live atomic.Pointer[map[string]*floorFlag]
}

type floorFlag struct {
	killed bool
	def    bool
	seed   uint64 // of the hash, after the salt
	rules  []floorRule
	named  map[string]bool
}

type floorRule struct {
	conditions []floorCondition
	below      uint32 // of 100,000 buckets
	value      bool
}

type floorCondition struct {
	name string
	in   []string // one of, when there are any
	min  float64  // at least, otherwise
}

// subject is who is asked about.
type subject struct {
	tenant string
	attrs  []floorAttr
}

type floorAttr struct {
	name string
	text string
	num  float64
}

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
	all       = 100_000
)

// fnv is FNV-1a, the shortest hash there is.
func fnv(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return h
}

// bucket finishes the hash, so that its high bits can be used.
func bucket(h uint64) uint32 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	return uint32(uint64(uint32(h>>32)) * all >> 32)
}

func (s *subject) find(name string) *floorAttr {
	for i := range s.attrs {
		if s.attrs[i].name == name {
			return &s.attrs[i]
		}
	}
	return nil
}

// on evaluates.
func (f *floor) on(key string, s *subject, def bool) bool {
	flag := (*f.live.Load())[key]
	if flag == nil {
		return def
	}
	if flag.killed {
		return false
	}
	if flag.named != nil {
		if v, ok := flag.named[s.tenant]; ok {
			return v
		}
	}
	for i := range flag.rules {
		r := &flag.rules[i]
		if r.matches(s) && (r.below == all || bucket(fnv(flag.seed, s.tenant)) < r.below) {
			return r.value
		}
	}
	return flag.def
}

func (r *floorRule) matches(s *subject) bool {
	for i := range r.conditions {
		c := &r.conditions[i]
		a := s.find(c.name)
		if a == nil {
			return false
		}
		if len(c.in) == 0 && a.num < c.min || len(c.in) > 0 && !slices.Contains(c.in, a.text) {
			return false
		}
	}
	return true
}

// newFloor returns the 1,003 flags.
func newFloor() *floor {
	flag := func(key string, r floorRule) *floorFlag {
		r.value = true
		return &floorFlag{seed: fnv(fnvOffset, key+"."), rules: []floorRule{r}}
	}
	flags := map[string]*floorFlag{
		"on":      flag("on", floorRule{below: all}),
		"rollout": flag("rollout", floorRule{below: percent * all / 100}),
		"rule": flag("rule", floorRule{below: all, conditions: []floorCondition{
			{name: "country", in: []string{"US", "CA", "GB"}}, {name: "plan", in: []string{plan}}, {name: "seats", min: 50},
		}}),
	}
	for _, key := range manyKeys {
		flags[key] = flag(key, floorRule{below: percent * all / 100})
	}
	f := &floor{}
	f.live.Store(&flags)
	return f
}

func subjects() []subject {
	made := make([]subject, tenantCount)
	for i := range made {
		made[i] = subject{tenant: tenants[i], attrs: []floorAttr{
			{name: "country", text: country}, {name: "plan", text: plan}, {name: "seats", num: seats},
		}}
	}
	return made
}
