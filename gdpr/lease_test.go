package gdpr_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

// long are tables of which an erasure takes a while.
type long struct {
	erase  func(ctx context.Context) error
	erased atomic.Int64
}

func (*long) Plan(context.Context, tenon.Subject) (gdpr.Plan, error) {
	return gdpr.Plan{}.Sealed(), nil
}

func (*long) Mark(context.Context, gdpr.Deletion) (map[string]int64, error) { return nil, nil }

func (*long) Restore(context.Context, gdpr.Deletion) (map[string]int64, error) { return nil, nil }

func (l *long) Erase(ctx context.Context, _ gdpr.Deletion, _ gdpr.Plan) (gdpr.Erasure, error) {
	l.erased.Add(1)
	return gdpr.Erasure{}, l.erase(ctx)
}

// erasing returns a desk with a lease of a minute that nobody is told by, and an erasure whose grace is over.
func erasing(t *testing.T, store gdpr.Store, tables gdpr.Tables) (*gdpr.Desk, gdpr.Key) {
	t.Helper()
	anybody := func(context.Context, gdpr.Asked) error { return nil }
	desk := gdpr.NewDesk(store, tables, anybody, &gdpr.Options{Grace: -1, Lease: time.Minute})
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "dpo"})
	r, err := desk.Ask(ctx, gdpr.Order{Kind: gdpr.KindErasure, Subject: tenon.Subject{Tenant: "acme"}})
	require.NoError(t, err)
	r, err = desk.Verify(ctx, r.Key, "called back")
	require.NoError(t, err)
	return desk, r.Key
}

func TestWorkThatTakesLongerThanALeaseIsDoneOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tables := &long{erase: func(context.Context) error { time.Sleep(10 * time.Minute); return nil }}
		desk, key := erasing(t, gdpr.NewMemoryStore(nil), tables)
		first := make(chan error, 1)
		go func() { first <- desk.Round(t.Context()) }()
		for range 9 {
			time.Sleep(time.Minute)
			require.NoError(t, desk.Round(t.Context()), "another instance finds nothing to do")
			require.EqualValues(t, 1, tables.erased.Load())
		}
		require.NoError(t, <-first)
		require.EqualValues(t, 1, desk.Stats().Completed)
		require.EqualValues(t, 1, tables.erased.Load())
		ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "dpo"})
		_, err := desk.Request(ctx, key)
		require.ErrorIs(t, err, gdpr.ErrUnknownRequest, "it is forgotten whose it was")
	})
}

func TestWorkThatHasLostItsLeaseIsBrokenOffAndWritesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tables := &long{erase: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		store := gdpr.NewMemoryStore(nil)
		desk, key := erasing(t, store, tables)
		first := make(chan error, 1)
		go func() { first <- desk.Round(t.Context()) }()
		synctest.Wait()
		taken := time.Now().Add(time.Hour)
		_, err := store.Change(t.Context(), "acme", func(c *gdpr.Case) (gdpr.Effects, error) {
			c.Requests[0].Lease, c.Requests[0].LeaseUntil = "another", taken
			return gdpr.Effects{}, nil
		})
		require.NoError(t, err)
		began := time.Now()
		require.ErrorIs(t, <-first, tenon.ErrConflict)
		require.LessOrEqual(t, time.Since(began), time.Minute, "it is noticed within a lease")
		c, err := store.Load(t.Context(), "acme")
		require.NoError(t, err)
		r, err := c.Request(key.ID)
		require.NoError(t, err)
		require.Equal(t, "another", r.Lease)
		require.True(t, taken.Equal(r.LeaseUntil))
		require.Empty(t, r.Step("tables").Error)
		require.Zero(t, r.Step("tables").Attempts)
	})
}

func TestNegativeOptionsMeanTheDefaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tables := &long{erase: func(context.Context) error { return nil }}
		anybody := func(context.Context, gdpr.Asked) error { return nil }
		desk := gdpr.NewDesk(gdpr.NewMemoryStore(nil), tables, anybody, &gdpr.Options{
			Grace: -1, Warn: -1, Every: -1, Lease: -1, Timeout: -1, Backoff: -1, MaxBackoff: -1, KeepFiles: -1,
		})
		ctx, cancel := context.WithCancel(tenon.WithCaller(t.Context(), tenon.Caller{Actor: "dpo"}))
		r, err := desk.Ask(ctx, gdpr.Order{Kind: gdpr.KindErasure, Subject: tenon.Subject{Tenant: "acme"}})
		require.NoError(t, err)
		_, err = desk.Verify(ctx, r.Key, "called back")
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() { ended <- desk.Run(ctx) }()
		time.Sleep(time.Minute)
		cancel()
		require.NoError(t, <-ended)
		require.EqualValues(t, 1, desk.Stats().Completed)
	})
}
