package directory

import (
	"context"
	"errors"
	"time"

	"github.com/transbotai/tenon"
)

// runner is who acts when nobody does.
const runner = "directory.Run"

// Run tells of documents that pass a threshold, once a day how many are not valid, and brings partners in line with the
// policy, until ctx is done. It is safe to run on every instance at once. It refuses to start with a policy that cannot
// be followed, or when row level security hides tenants from it. A round that fails is logged, shown by Stats and tried
// again; each batch is a transaction of its own, and nothing is told twice.
func (b *Book) Run(ctx context.Context) error {
	if b.fault != nil {
		return prefix(b.fault)
	}
	if _, ok := tenon.CallerFrom(ctx); !ok {
		ctx = tenon.WithCaller(ctx, tenon.Caller{Actor: runner})
	}
	tick := time.NewTicker(b.options.Every)
	defer tick.Stop()
	for started := false; ; {
		err := b.round(ctx, &started)
		if !started && err != nil && !errors.Is(err, tenon.ErrUnavailable) && ctx.Err() == nil {
			return err
		}
		b.note(ctx, err)
		select {
		case <-ctx.Done():
			return nil // every batch is a transaction, and the next Run finds what is left
		case <-tick.C:
		}
	}
}

func (b *Book) round(ctx context.Context, started *bool) error {
	if s, ok := b.store.(tenon.Starter); ok && !*started {
		if err := s.Start(ctx); err != nil {
			return err
		}
	}
	*started = true
	_, err := b.Settle(ctx)
	if err == nil {
		_, err = b.Digest(ctx)
	}
	if errors.Is(err, errNoDigest) {
		return nil
	}
	return err
}

func (b *Book) note(ctx context.Context, err error) {
	now, text := time.Now(), ""
	switch {
	case err == nil:
		b.stats.lastRun.Store(&now)
	case ctx.Err() == nil:
		text = err.Error()
		b.options.Logger.Error("directory papers", "err", err)
	}
	b.stats.lastError.Store(&text)
}
