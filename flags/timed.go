package flags

import (
	"context"
	"time"

	"github.com/transbotai/tenon"
)

// timed bounds each call of a store.
type timed struct {
	Store
	limit time.Duration
}

func (t timed) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, t.limit)
}

func (t timed) Load(ctx context.Context, since int64) (Update, error) {
	ctx, cancel := t.limited(ctx)
	defer cancel()
	return t.Store.Load(ctx, since)
}

func (t timed) Write(ctx context.Context, w Write) (int64, error) {
	ctx, cancel := t.limited(ctx)
	defer cancel()
	return t.Store.Write(ctx, w)
}

func (t timed) Versions(ctx context.Context, q VersionQuery) ([]Record, error) {
	ctx, cancel := t.limited(ctx)
	defer cancel()
	return t.Store.Versions(ctx, q)
}

func (t timed) Mark(ctx context.Context, marks []Mark) error {
	ctx, cancel := t.limited(ctx)
	defer cancel()
	return t.Store.Mark(ctx, marks)
}

func (t timed) Marks(ctx context.Context) ([]Mark, error) {
	ctx, cancel := t.limited(ctx)
	defer cancel()
	return t.Store.Marks(ctx)
}

// Clock returns the store's time, or this machine's where the store has none.
func (t timed) Clock(ctx context.Context) (time.Time, error) {
	c, ok := t.Store.(tenon.Clock)
	if !ok {
		return time.Now(), nil
	}
	ctx, cancel := t.limited(ctx)
	defer cancel()
	return c.Clock(ctx)
}
