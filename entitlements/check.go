package entitlements

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Check says whether the tenant may use one more unit of the feature. It answers from memory; the first call for a
// tenant, and one that finds its view older than Options.MaxAge, loads the view. It advises: only Consume and Reserve
// decide. When the store is away the feature's [Fallback] decides, and the Decision says so.
//
// An unknown feature gives [ErrUnknownFeature] beside a refusal.
func (g *Gate) Check(ctx context.Context, tenant, feature string) (Decision, error) {
	g.stats.checks.Add(1)
	if s := g.clock.sample.Load(); s != nil {
		if w := g.views.get(tenant); w != nil {
			if p := w.answers[feature]; p != nil {
				if d, ok := p.Load().fresh(s.now(), g.options.MaxAge); ok {
					w.touch()
					return d, nil
				}
			}
		}
	}
	return g.checkStored(ctx, tenant, feature)
}

// fresh returns the answer as a Decision with its age, when it may still serve.
func (a *answer) fresh(now time.Time, maxAge time.Duration) (Decision, bool) {
	age := now.Sub(a.at)
	if age > maxAge || a.stale || !a.until.IsZero() && !now.Before(a.until) {
		return Decision{}, false
	}
	d := a.decision
	d.Age = max(age, 1)
	return d, true
}

// touch marks w as used. It writes only when that changes something, so that readers share the cache line.
func (w *view) touch() {
	if !w.used.Load() {
		w.used.Store(true)
	}
	if w.idle.Load() {
		w.idle.Store(false)
	}
}

func (g *Gate) checkStored(ctx context.Context, tenant, feature string) (Decision, error) {
	if err := errors.Join(validText("tenant", tenant, true), validText("feature", feature, true)); err != nil {
		return Decision{Feature: feature}, prefix(err)
	}
	if v := g.catalog.Load(); v != nil && g.recent() && !g.bound {
		if _, ok := v.Features[feature]; !ok {
			return Decision{Feature: feature, Answer: No, Reason: ReasonUnknownFeature}, ErrUnknownFeature
		}
	}
	w, err := g.load(ctx, tenant)
	if err != nil {
		return g.fallback(ctx, tenant, feature, 1, err)
	}
	p := w.answers[feature]
	if p == nil {
		return Decision{Feature: feature, Answer: No, Reason: ReasonUnknownFeature}, ErrUnknownFeature
	}
	a := p.Load()
	d := a.decision
	d.Age = max(time.Since(g.clock.local(a.at)), 1)
	return d, nil
}

// local returns the local instant at which the store's clock read t.
func (c *clock) local(t time.Time) time.Time {
	if c.from != nil {
		return c.from.local(t)
	}
	s := c.sample.Load()
	return s.local.Add(t.Sub(s.store))
}

// CheckAll returns the Decision for every feature of the catalogue, by key, from one consistent view. Limits that
// cannot be had are answered feature by feature as in Check.
func (g *Gate) CheckAll(ctx context.Context, tenant string) ([]Decision, error) {
	if err := validText("tenant", tenant, true); err != nil {
		return nil, prefix(err)
	}
	w, err := g.fresh(ctx, tenant)
	if err != nil {
		return g.fallbackAll(ctx, tenant, err)
	}
	now, err := g.now(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Decision, 0, len(w.answers))
	for _, key := range slices.Sorted(maps.Keys(w.answers)) {
		a := w.answers[key].Load()
		d := a.decision
		d.Age = max(now.Sub(a.at), 1)
		all = append(all, d)
	}
	return all, nil
}

func (g *Gate) fallbackAll(ctx context.Context, tenant string, cause error) ([]Decision, error) {
	versions := g.catalog.Load()
	if versions == nil {
		return nil, cause
	}
	var all []Decision
	for _, key := range slices.Sorted(maps.Keys(versions.Features)) {
		d, err := g.fallback(ctx, tenant, key, 1, cause)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// fresh returns a view of which every answer may still serve.
func (g *Gate) fresh(ctx context.Context, tenant string) (*view, error) {
	now, err := g.now(ctx)
	if err != nil {
		return nil, err
	}
	w := g.views.get(tenant)
	if w == nil {
		return g.load(ctx, tenant)
	}
	for _, p := range w.answers {
		if _, ok := p.Load().fresh(now, g.options.MaxAge); !ok {
			return g.load(ctx, tenant)
		}
	}
	w.touch()
	return w, nil
}

// awayFor is how long after a failed load further ones answer by policy at once, so that a store that is away is not
// waited for by every caller.
const awayFor = time.Second

// load reads the tenant's view. Concurrent loads of one tenant are one.
func (g *Gate) load(ctx context.Context, tenant string) (*view, error) {
	if at := g.away.Load(); at != 0 && time.Since(time.Unix(0, at)) < awayFor && !g.bound {
		return nil, errAway
	}
	return g.views.flights.do(ctx, tenant, func() (*view, error) {
		ctx, cancel := g.withTimeout(context.WithoutCancel(ctx))
		defer cancel()
		found, err := g.loadAll(ctx, []string{tenant})
		if err != nil {
			return nil, err
		}
		found[0].touch()
		return found[0], nil
	})
}

// errAway stands for the failure of a moment ago.
var errAway = unavailable("the store was away a moment ago")

// loadAll reads and keeps the views of tenants.
func (g *Gate) loadAll(ctx context.Context, tenants []string) ([]*view, error) {
	found, err := g.readAll(ctx, tenants)
	if errors.Is(err, tenon.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		g.away.Store(time.Now().UnixNano())
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	g.away.Store(0)
	g.views.evict()
	return found, nil
}

func (g *Gate) readAll(ctx context.Context, tenants []string) ([]*view, error) {
	versions, err := g.versions(ctx)
	if err != nil {
		return nil, err
	}
	now, err := g.now(ctx)
	if err != nil {
		return nil, err
	}
	standings, err := g.store.Load(ctx, tenants, now)
	if err != nil {
		return nil, err
	}
	g.stats.loads.Add(int64(len(standings)))
	found := make([]*view, len(standings))
	for i, s := range standings {
		if versions, err = g.covering(ctx, versions, s.Rights); err != nil {
			return nil, err
		}
		found[i] = g.keep(tenants[i], newView(s, versions, now))
	}
	return found, nil
}

// keep puts w among the views, unless g is bound to a transaction.
func (g *Gate) keep(tenant string, w *view) *view {
	if g.bound {
		return w
	}
	return g.views.put(tenant, w)
}

// covering returns a catalogue that holds the tenant's plan: one that another process made a moment ago is read again.
func (g *Gate) covering(ctx context.Context, versions *Versions, r *Rights) (*Versions, error) {
	if r.Entitlement == nil {
		return versions, nil
	}
	if _, ok := versions.Plan(r.Entitlement.Plan, r.Entitlement.Version); ok {
		return versions, nil
	}
	return g.reloadCatalog(ctx)
}

// learn puts what the store just said into the view.
func (g *Gate) learn(tenant string, after Decision, at time.Time) {
	if g.bound || after.Reason == ReasonNone {
		return
	}
	w := g.views.get(tenant)
	if w == nil {
		return
	}
	p := w.answers[after.Feature]
	if p == nil {
		return
	}
	for {
		old := p.Load()
		if old.at.After(at) || old.decision.PlanVersion != after.PlanVersion || old.decision.Plan != after.Plan {
			return
		}
		next := &answer{decision: after, at: at, until: old.until, stale: old.stale}
		if v := g.catalog.Load(); v != nil {
			v.advise(&next.decision, 1)
		}
		if p.CompareAndSwap(old, next) {
			return
		}
	}
}
