package entitlements

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Check says whether the tenant may use one more unit of the feature. It answers from memory; the first call for a
// tenant, and one that finds its view older than Options.MaxAge, loads the view. It advises: only Consume and Reserve
// decide. When the store is away the feature's [Fallback] decides, and the Decision says so.
//
// An unknown feature gives [ErrUnknownFeature] beside a refusal.
func (g *Gate) Check(ctx context.Context, tenant, feature string) (d Decision, err error) {
	if !g.checkView(tenant, feature, &d) {
		return g.checkStored(ctx, tenant, feature)
	}
	return d, nil
}

// checkView answers from memory, if that may serve. It fills in the caller's own Decision, which is too large to be
// returned for nothing.
func (g *Gate) checkView(tenant, feature string, d *Decision) bool {
	s, w := g.clock.sample.Load(), g.views.get(tenant)
	if s == nil || w == nil {
		return false
	}
	at, _ := w.slot(feature)
	if at == nil {
		return false
	}
	a, now := at.load(), s.now()
	if !a.serves(now, g.options.MaxAge) {
		return false
	}
	w.touch()
	a.tell(now, d)
	return true
}

func (g *Gate) checkStored(ctx context.Context, tenant, feature string) (d Decision, err error) {
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
	at, _ := w.slot(feature)
	if at == nil {
		return Decision{Feature: feature, Answer: No, Reason: ReasonUnknownFeature}, ErrUnknownFeature
	}
	now, err := g.now(ctx)
	at.load().tell(now.UnixNano(), &d)
	return d, err
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
	all := make([]Decision, len(w.answers))
	for i := range w.answers {
		w.answers[i].load().tell(now.UnixNano(), &all[i])
	}
	return all, nil
}

// Preload loads the views of tenants, a few hundred in one call of the store, so that the first Check of each answers from
// memory. A service may call it at its start for those it expects; nothing depends on it.
func (g *Gate) Preload(ctx context.Context, tenants ...string) error {
	for i, tenant := range tenants {
		if err := validText(fmt.Sprintf("tenants[%d]", i), tenant, true); err != nil {
			return prefix(err)
		}
	}
	for batch := range slices.Chunk(tenants, refreshBatch) {
		if _, err := g.loadAll(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (g *Gate) fallbackAll(ctx context.Context, tenant string, cause error) ([]Decision, error) {
	versions := g.catalog.Load()
	if versions == nil {
		return nil, cause
	}
	var all []Decision
	for _, key := range g.featuresOf(versions).keys {
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
	if w == nil || !w.fresh(now.UnixNano(), g.options.MaxAge) {
		return g.load(ctx, tenant)
	}
	w.touch()
	return w, nil
}

// awayFor is how long after a failed load further ones answer by policy at once, so that a store that is away is not
// waited for by every caller.
const awayFor = time.Second

// load reads the tenant's view. Concurrent loads of one tenant are one; a caller that joined one that began before this
// process changed the tenant's rights loads again.
func (g *Gate) load(ctx context.Context, tenant string) (*view, error) {
	w, err := g.loadShared(ctx, tenant)
	if err == nil && w.stale() {
		w, err = g.loadShared(ctx, tenant)
	}
	if err == nil {
		w.touch()
	}
	return w, err
}

func (g *Gate) loadShared(ctx context.Context, tenant string) (*view, error) {
	if g.bound { // the transaction is the caller's alone
		found, err := g.loadAll(ctx, []string{tenant})
		if err != nil {
			return nil, err
		}
		return found[0], nil
	}
	if g.wasAway() {
		return nil, errAway
	}
	return g.views.flights.do(ctx, tenant, func() (*view, error) {
		found, err := g.loadAll(context.WithoutCancel(ctx), []string{tenant})
		if err != nil {
			return nil, err
		}
		return found[0], nil
	})
}

func (g *Gate) wasAway() bool {
	at := g.away.Load()
	return at != 0 && time.Since(time.Unix(0, at)) < awayFor
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
		found[i] = g.keep(newView(s, g.featuresOf(versions), now))
	}
	return found, nil
}

// featuresOf returns the order of the catalogue's features, which all views of one catalogue share.
func (g *Gate) featuresOf(v *Versions) *features {
	f := g.features.Load()
	if f == nil || f.of != v {
		f = newFeatures(v)
		g.features.Store(f)
	}
	return f
}

// keep puts w among the views, unless g is bound to a transaction.
func (g *Gate) keep(w *view) *view {
	if g.bound {
		return w
	}
	return g.views.put(w)
}

// covering returns a catalogue that covers the tenant's rights: one that another process made a moment ago is read
// again.
func (g *Gate) covering(ctx context.Context, versions *Versions, r *Rights) (*Versions, error) {
	if versions.Covers(r) {
		return versions, nil
	}
	return g.reloadCatalog(ctx)
}

// knowing returns a catalogue that covers the tenant's rights and has the feature, or [ErrUnknownFeature]. What another
// process declared a moment ago is read again.
func (g *Gate) knowing(ctx context.Context, feature string, r *Rights) (*Versions, error) {
	versions, err := g.versions(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := versions.Features[feature]; !ok || !versions.Covers(r) {
		if versions, err = g.reloadCatalog(ctx); err != nil {
			return nil, err
		}
	}
	if _, ok := versions.Features[feature]; !ok {
		return nil, ErrUnknownFeature
	}
	return versions, nil
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
	slot, known := w.slot(after.Feature)
	if slot == nil {
		return
	}
	if v := g.catalog.Load(); v != nil {
		v.advise(&after, 1)
	}
	slot.change(func(a answer) (answer, bool) {
		if a.at > at.UnixNano() || a.common.PlanVersion != after.PlanVersion || a.common.Plan != after.Plan {
			return a, false
		}
		return known.pack(after, at.UnixNano(), a.until), true
	})
}
