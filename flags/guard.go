package flags

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/transbotai/tenon"
)

// CohortGuard compares the tenants that have a flag with those that do not. A guard of Options.Guards that is one is
// asked as both. It names no type of this package, so that other features satisfy it.
type CohortGuard interface {
	// GuardCohort says whether a rollout may go on, whose present stage began at since. Has says whether a tenant takes
	// part, by its id alone: a ring that asks for other attributes has nobody. An error means that the guard could not
	// tell, which holds the rollout.
	GuardCohort(ctx context.Context, since time.Time, has func(tenant string) bool) (tenon.Verdict, error)
}

// askGuards asks every guard of c's ramp. Asked remembers the verdicts that do not depend on the flag.
func (s *Set) askGuards(ctx context.Context, snap *snapshot, c *compiled, asked map[string]tenon.Verdict) tenon.Verdict {
	all := tenon.Verdict{Outcome: tenon.Pass}
	for _, name := range c.definition.Rollout.Ramp.Guards {
		guard := s.options.Guards[name]
		if guard == nil {
			all = worse(all, tenon.Verdict{Outcome: tenon.Hold, Reasons: []string{"this process has no guard " + name}})
			continue
		}
		v, ok := asked[name]
		if !ok {
			v = s.askGuard(ctx, name, guard.Guard)
			asked[name] = v
		}
		all = worse(all, v)
		if cohorts, ok := guard.(CohortGuard); ok && c.definition.Rollout.Ramp.Reached > 0 {
			all = worse(all, s.askGuard(ctx, name, func(ctx context.Context) (tenon.Verdict, error) {
				return cohorts.GuardCohort(ctx, c.definition.Rollout.Ramp.Since, c.cohort())
			}))
		}
	}
	return all
}

// askGuard asks one guard, in bounded time. What it cannot tell, or says in no known word, holds.
func (s *Set) askGuard(ctx context.Context, name string, ask func(context.Context) (tenon.Verdict, error)) tenon.Verdict {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	v, err := ask(ctx)
	if err != nil {
		return tenon.Verdict{Outcome: tenon.Hold, Reasons: []string{fmt.Sprintf("guard %s could not tell: %v", name, err)}}
	}
	if !slices.Contains([]tenon.Outcome{tenon.Pass, tenon.Hold, tenon.Fail}, v.Outcome) {
		return tenon.Verdict{Outcome: tenon.Hold, Reasons: []string{fmt.Sprintf("guard %s said %q", name, v.Outcome)}}
	}
	if v.Outcome != tenon.Pass && len(v.Reasons) == 0 {
		v.Reasons = []string{fmt.Sprintf("guard %s says %s", name, v.Outcome)}
	}
	return v
}

// worse joins two verdicts: one that fails fails all, one that holds holds all.
func worse(a, b tenon.Verdict) tenon.Verdict {
	order := []tenon.Outcome{tenon.Pass, tenon.Hold, tenon.Fail}
	switch ia, ib := slices.Index(order, a.Outcome), slices.Index(order, b.Outcome); {
	case ib > ia:
		return b
	case ib == ia && a.Outcome != tenon.Pass:
		a.Reasons = slices.Concat(a.Reasons, b.Reasons)
	}
	return a
}

// cohort says of a tenant whether it takes part in the rollout.
func (c *compiled) cohort() func(tenant string) bool {
	return func(tenant string) bool {
		return tenant != "" && c.by == "" && c.rollout.has(tenant, &Who{Tenant: tenant})
	}
}

// Sample is how often something was tried, and went well.
type Sample struct {
	Good  int64
	Valid int64
}

// ratio returns the part that went well.
func (s Sample) ratio() float64 { return float64(s.Good) / float64(s.Valid) }

// Cohorts is a [CohortGuard] over two counts. With too few events it holds. It fails when the tenants that have the flag
// are below the floor, or worse than the others by more than the margin.
type Cohorts struct {
	// Count returns what the tenants that have the flag did since an instant, and what the others did.
	Count func(ctx context.Context, since time.Time, has func(tenant string) bool) (with, without Sample, err error)
	// Floor is the part that must go well whatever the others do, from 0 to 1; 0 means no floor.
	Floor float64
	// Margin is by how much those who have the flag may be worse than the others, from 0 to 1.
	Margin float64
	// Minimum is how many events each cohort needs before it is judged; 0 means 100.
	Minimum int64
}

var (
	_ tenon.Guard = Cohorts{}
	_ CohortGuard = Cohorts{}
)

// Guard implements [tenon.Guard]; by itself there is nothing to compare, and it passes.
func (Cohorts) Guard(context.Context) (tenon.Verdict, error) {
	return tenon.Verdict{Outcome: tenon.Pass}, nil
}

// GuardCohort implements [CohortGuard]. When everybody has the flag, the floor alone counts.
func (g Cohorts) GuardCohort(ctx context.Context, since time.Time, has func(tenant string) bool) (tenon.Verdict, error) {
	with, without, err := g.Count(ctx, since, has)
	if err != nil {
		return tenon.Verdict{}, err
	}
	minimum := g.Minimum
	if minimum <= 0 {
		minimum = 100
	}
	say := func(o tenon.Outcome, format string, args ...any) (tenon.Verdict, error) {
		return tenon.Verdict{Outcome: o, Reasons: []string{fmt.Sprintf(format, args...)}}, nil
	}
	switch {
	case with.Valid < minimum:
		return say(tenon.Hold, "%d events with the flag are too few to tell, %d are needed", with.Valid, minimum)
	case with.ratio() < g.Floor:
		return say(tenon.Fail, "%.2f %% went well with the flag, which is below the floor of %.2f %%", 100*with.ratio(), 100*g.Floor)
	case without.Valid == 0:
		return tenon.Verdict{Outcome: tenon.Pass}, nil
	case without.Valid < minimum:
		return say(tenon.Hold, "%d events without the flag are too few to compare with, %d are needed", without.Valid, minimum)
	case with.ratio() < without.ratio()-g.Margin:
		return say(tenon.Fail, "%.2f %% went well with the flag, and %.2f %% without it", 100*with.ratio(), 100*without.ratio())
	}
	return tenon.Verdict{Outcome: tenon.Pass}, nil
}

// holds remembers why ramps do not move, for [Set.Ramps].
type holds struct {
	mu  sync.Mutex
	why map[string][]string
}

func (h *holds) set(key string, why []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.why == nil {
		h.why = map[string][]string{}
	}
	h.why[key] = why
}

func (h *holds) clear(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.why, key)
}

func (h *holds) get(key string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.why[key])
}
