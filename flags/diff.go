package flags

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/transbotai/tenon"
)

// errNoPopulation says that nobody said which tenants there are.
var errNoPopulation = errors.New("there is no Options.Population")

// Flip is a tenant that a change gives another variant.
type Flip struct {
	Tenant string `json:"tenant"`
	Before string `json:"before"` // empty: the caller's default
	After  string `json:"after"`
}

// Diff returns the tenants of Options.Population to whom after would give another variant than before, by tenant.
// Segments and prerequisites are those that are live. Nothing is stored.
func (s *Set) Diff(ctx context.Context, before, after Definition) ([]Flip, error) {
	if s.options.Population == nil {
		return nil, prefix(tenon.Invalid("population", "%v", errNoPopulation))
	}
	snap := s.live.Load()
	was, err := trial(snap, before)
	if err != nil {
		return nil, err
	}
	will, err := trial(snap, after)
	if err != nil {
		return nil, err
	}
	population, err := s.options.Population(ctx)
	if err != nil {
		return nil, err
	}
	return flips(snap, was, will, population), nil
}

// trial makes a definition ready that is not stored.
func trial(snap *snapshot, d Definition) (*compiled, error) {
	made, _, err := normal(d)
	if err != nil {
		return nil, err
	}
	c, err := compile(&made, snap.segments)
	return c, prefix(err)
}

func flips(snap *snapshot, was, will *compiled, population []Who) []Flip {
	found := map[Flip]bool{}
	for i := range population {
		w := &population[i]
		f := Flip{w.Tenant, was.variantFor(snap, w), will.variantFor(snap, w)}
		if f.Before != f.After {
			found[f] = true
		}
	}
	all := make([]Flip, 0, len(found))
	for f := range found {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Flip) int {
		return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.Before, b.Before), strings.Compare(a.After, b.After))
	})
	return all
}

func (c *compiled) variantFor(snap *snapshot, w *Who) string {
	o := c.decide(snap, w)
	if o.variant < 0 {
		return ""
	}
	return c.variants[o.variant].name
}
