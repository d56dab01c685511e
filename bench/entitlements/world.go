package entitlements

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

const plan = "pro"

// world is tenants who are all on one plan, which meters every feature by the month.
type world struct {
	gate     *entitlements.Gate
	tenants  []string
	features []string
}

// newWorld declares the features and subscribes the tenants. No limit is reached: what is compared is the way that
// nearly every use takes.
func newWorld(ctx context.Context, gate *entitlements.Gate, tenants, features int) (*world, error) {
	began := time.Now().Add(-time.Hour) // one for all, so that pgbench knows which period everybody is in
	w := &world{gate: gate, tenants: names("tenant", tenants), features: names("feature", features)}
	if _, err := gate.ApplyCatalog(ctx, w.catalog()); err != nil {
		return nil, err
	}
	return w, w.each(func(tenant string) error {
		_, err := gate.Subscribe(ctx, entitlements.Subscription{Tenant: tenant, Plan: plan, StartedAt: began})
		return err
	})
}

func (w *world) catalog() entitlements.Catalog {
	p := entitlements.Plan{ID: plan, Features: map[string]entitlements.Allowance{}}
	var c entitlements.Catalog
	for _, key := range w.features {
		c.Features = append(c.Features, entitlements.Feature{Key: key, Kind: entitlements.Metered})
		p.Features[key] = entitlements.Allowance{Limits: []entitlements.Limit{{Hard: 1e12, Period: entitlements.Monthly}}}
	}
	c.Plans = []entitlements.Plan{p}
	return c
}

// setupWorkers is how many calls go on at once while a world is made.
const setupWorkers = 32

// each calls f for every tenant, many at once, and returns the first error.
func (w *world) each(f func(tenant string) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, setupWorkers)
	for range setupWorkers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(w.tenants)); i = next.Add(1) - 1 {
				if err := f(w.tenants[i]); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

// names returns n names. The first has the number 0, as pgbench counts.
func names(kind string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%d", kind, i)
	}
	return all
}

// arrived returns copies of the names, as a request brings them: equal, and elsewhere in memory.
func arrived(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = strings.Clone(name)
	}
	return all
}
