package entitlements_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// freight is a catalogue with a feature of each kind and each policy.
func freight() entitlements.Catalog {
	monthly := func(hard, soft int64) entitlements.Allowance {
		return entitlements.Allowance{Limits: []entitlements.Limit{{Hard: hard, Soft: soft, Period: entitlements.Monthly}}}
	}
	once := func(hard int64) entitlements.Allowance {
		return entitlements.Allowance{Limits: []entitlements.Limit{{Hard: hard}}}
	}
	return entitlements.Catalog{
		Features: []entitlements.Feature{
			{Key: "rates", Kind: entitlements.Metered},
			{Key: "events", Kind: entitlements.Metered, Fallback: entitlements.Fallback{Policy: entitlements.FailOpen}},
			{Key: "exports", Kind: entitlements.Metered, Fallback: entitlements.Fallback{Policy: entitlements.LastKnown, MaxAge: time.Minute}},
			{Key: "directory", Kind: entitlements.Gauge},
			{Key: "white_label", Kind: entitlements.Boolean},
			{Key: "retention", Kind: entitlements.Config, Number: true},
		},
		Plans: []entitlements.Plan{
			{ID: "starter", Name: "Starter", Tier: 1, Currency: "USD", Monthly: 9900, Features: map[string]entitlements.Allowance{
				"rates": monthly(100, 50), "events": monthly(100, 0), "exports": monthly(10, 0), "directory": once(50), "retention": {Value: "30"},
			}},
			{ID: "pro", Name: "Professional", Tier: 2, Currency: "USD", Monthly: 29900, Features: map[string]entitlements.Allowance{
				"rates": monthly(1000, 500), "exports": monthly(100, 0), "directory": once(500), "retention": {Value: "90"}, "white_label": once(1),
			}},
		},
		AddOns: []entitlements.AddOn{{ID: "lanes", Features: map[string]entitlements.Allowance{"rates": monthly(50, 0)}}},
	}
}

// setup returns a Gate over store with freight applied and the tenants on the plan starter.
func setup(t *testing.T, store entitlements.Store, opts *entitlements.Options, tenants ...string) *entitlements.Gate {
	t.Helper()
	g := entitlements.NewGate(store, opts)
	_, err := g.ApplyCatalog(t.Context(), freight())
	require.NoError(t, err)
	for _, tenant := range tenants {
		_, err := g.Subscribe(t.Context(), entitlements.Subscription{Tenant: tenant, Plan: "starter"})
		require.NoError(t, err)
	}
	return g
}

// consume uses and must not fail.
func consume(t *testing.T, g *entitlements.Gate, tenant, feature string, quantity int64) entitlements.Decision {
	t.Helper()
	d, err := g.Consume(t.Context(), entitlements.Use{Tenant: tenant, Feature: feature, Quantity: quantity})
	require.NoError(t, err)
	return d
}

// check checks and must not fail.
func check(t *testing.T, g *entitlements.Gate, tenant, feature string) entitlements.Decision {
	t.Helper()
	d, err := g.Check(t.Context(), tenant, feature)
	require.NoError(t, err)
	return d
}

// trouble is how a [troubled] store behaves.
type trouble int32

const (
	none     trouble = iota
	away             // answers that it is unavailable
	silent           // answers nothing until the context ends
	broken           // carries out the call, and then the connection is lost
	stumbles         // is broken once
)

// troubled is a store in memory that can be away.
type troubled struct {
	*entitlements.MemoryStore
	mood  atomic.Int32
	loads atomic.Int64 // tenants that were loaded
	calls atomic.Int64

	mu    sync.Mutex
	pause chan struct{} // where set, Load waits for it to close
}

func newTroubled() *troubled { return &troubled{MemoryStore: entitlements.NewMemoryStore(nil)} }

func (s *troubled) be(m trouble) { s.mood.Store(int32(m)) }

var errLost = fmt.Errorf("connection lost: %w", tenon.ErrUnavailable)

// before is called by every method, and after by those that write.
func (s *troubled) before(ctx context.Context) error {
	s.calls.Add(1)
	switch trouble(s.mood.Load()) {
	case away:
		return errLost
	case silent:
		<-ctx.Done()
		return ctx.Err()
	}
	return ctx.Err()
}

func (s *troubled) after() error {
	if trouble(s.mood.Load()) == broken || s.mood.CompareAndSwap(int32(stumbles), int32(none)) {
		return errLost
	}
	return nil
}

func (s *troubled) Settle(ctx context.Context, ops []entitlements.Op) ([]entitlements.Outcome, error) {
	if err := s.before(ctx); err != nil {
		return nil, err
	}
	outcomes, err := s.MemoryStore.Settle(ctx, ops)
	if lost := s.after(); lost != nil {
		return nil, lost
	}
	return outcomes, err
}

func (s *troubled) Load(ctx context.Context, tenants []string, now time.Time) ([]entitlements.Standing, error) {
	if err := s.before(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	pause := s.pause
	s.mu.Unlock()
	if pause != nil {
		<-pause
	}
	s.loads.Add(int64(len(tenants)))
	return s.MemoryStore.Load(ctx, tenants, now)
}

// hold makes Load wait until the returned function is called.
func (s *troubled) hold() (goOn func()) {
	pause := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pause = pause
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pause = nil
		close(pause)
	}
}

func (s *troubled) Versions(ctx context.Context) (*entitlements.Versions, error) {
	if err := s.before(ctx); err != nil {
		return nil, err
	}
	return s.MemoryStore.Versions(ctx)
}

func (s *troubled) Change(ctx context.Context, tenant string, now time.Time, edit entitlements.Edit) (*entitlements.Rights, error) {
	if err := s.before(ctx); err != nil {
		return nil, err
	}
	return s.MemoryStore.Change(ctx, tenant, now, edit)
}

// used returns what the store has counted of a feature in all.
func (s *troubled) used(t *testing.T, tenant, feature string) int64 {
	t.Helper()
	buckets, err := s.Usage(t.Context(), entitlements.UsageQuery{
		Tenant: tenant, Feature: feature, From: time.Unix(0, 0), To: time.Now().Add(time.Hour), Aggregation: entitlements.Sum,
	})
	require.NoError(t, err)
	var all int64
	for _, b := range buckets {
		all += b.Value
	}
	return all
}
