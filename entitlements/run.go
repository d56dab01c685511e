package entitlements

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Run keeps the views that are in use fresh, follows the store's clock and catalogue, and counts spooled use, until
// ctx is done; then it counts once more what is spooled, within Options.Drain, and returns what it could not finish.
// It is safe to run on every instance at once. A round that fails is logged, shown by Stats and tried again.
func (g *Gate) Run(ctx context.Context) error {
	if watcher, ok := g.store.Store.(Watcher); ok {
		cancel := watcher.Watch(func(tenant string) { g.changed(ctx, tenant) })
		defer cancel()
	}
	tick := time.NewTicker(g.options.Refresh)
	defer tick.Stop()
	for {
		g.note(ctx, g.round(ctx))
		select {
		case <-ctx.Done():
			return g.drain(ctx)
		case <-tick.C:
		}
	}
}

func (g *Gate) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.options.Drain)
	defer cancel()
	for {
		err := g.replay(ctx)
		left := g.spool.Left()
		if err != nil || left == 0 {
			return err
		}
		select { // somebody else has the file for a moment: who replays it too, or a child that is just being started
		case <-ctx.Done():
			return fmt.Errorf("%d spooled uses are left: %w", left, tenon.ErrUnavailable)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// round brings everything up to date once.
func (g *Gate) round(ctx context.Context) error {
	if _, err := g.clock.read(ctx, g.store); err != nil {
		return err
	}
	if _, err := g.reloadCatalog(ctx); err != nil {
		return err
	}
	return errors.Join(g.replay(ctx), g.refresh(ctx))
}

// refreshBatch is how many tenants one call of the store loads.
const refreshBatch = 200

func (g *Gate) refresh(ctx context.Context) error {
	g.noteOldest()
	for batch := range slices.Chunk(g.views.active(), refreshBatch) {
		if _, err := g.loadAll(ctx, batch); err != nil {
			return err
		}
	}
	now := time.Now()
	g.stats.refreshed.Store(&now)
	return nil
}

// noteOldest measures how old the views in use have become, before they are refreshed.
func (g *Gate) noteOldest() {
	s := g.clock.sample.Load()
	var oldest time.Duration
	g.views.each(func(w *view) {
		if w.used.Load() {
			oldest = max(oldest, time.Duration(s.now()-w.loaded.UnixNano()))
		}
	})
	g.stats.oldest.Store(int64(oldest))
}

func (g *Gate) note(ctx context.Context, err error) {
	text := ""
	if err != nil && ctx.Err() == nil {
		text = err.Error()
		g.options.Logger.Warn("entitlements not refreshed", "err", err)
	}
	g.stats.lastError.Store(&text)
}

// changed forgets what another process changed: one tenant, or everything.
func (g *Gate) changed(ctx context.Context, tenant string) {
	if tenant != "" {
		g.views.expire(tenant)
		return
	}
	if _, err := g.reloadCatalog(ctx); err != nil && ctx.Err() == nil {
		g.options.Logger.Warn("catalogue not reloaded", "err", err)
	}
	g.views.each((*view).expire)
}
