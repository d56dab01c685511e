package entitlementstest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// Gate returns a Gate over memory to which c is applied and in which each tenant is on a plan: tenants maps the one's id
// to the other's. It fails the test where c or a plan is wrong.
func Gate(t testing.TB, c entitlements.Catalog, tenants map[string]string) *entitlements.Gate {
	t.Helper()
	g := entitlements.NewGate(entitlements.NewMemoryStore(nil), nil)
	if _, err := g.ApplyCatalog(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range slices.Sorted(maps.Keys(tenants)) {
		if _, err := g.Subscribe(t.Context(), entitlements.Subscription{Tenant: tenant, Plan: tenants[tenant]}); err != nil {
			t.Fatalf("tenant %q on plan %q: %v", tenant, tenants[tenant], err)
		}
	}
	return g
}

// Notifier is a [tenon.Notifier] that remembers what it was told. The zero value is ready; its methods may be called
// concurrently.
type Notifier struct {
	mu   sync.Mutex
	told []tenon.Notification
	err  error
}

var _ tenon.Notifier = (*Notifier)(nil)

// Notify implements [tenon.Notifier].
func (n *Notifier) Notify(_ context.Context, one tenon.Notification) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return n.err
	}
	n.told = append(n.told, one)
	return nil
}

// Told returns what the Notifier was told, in order.
func (n *Notifier) Told() []tenon.Notification {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.told)
}

// Fail makes the Notifier refuse with err from now on; nil makes it take again.
func (n *Notifier) Fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = err
}

// Recorder is a [tenon.Recorder] that remembers what it was handed. The zero value is ready; its methods may be called
// concurrently.
type Recorder struct {
	mu      sync.Mutex
	changes []Recorded
	err     error
}

var _ tenon.Recorder = (*Recorder)(nil)

// Recorded is a change and who made it.
type Recorded struct {
	tenon.Change
	Caller tenon.Caller
}

// RecordChange implements [tenon.Recorder].
func (r *Recorder) RecordChange(ctx context.Context, c tenon.Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	caller, _ := tenon.CallerFrom(ctx)
	r.changes = append(r.changes, Recorded{Change: c, Caller: caller})
	return nil
}

// Changes returns what the Recorder was handed, in order.
func (r *Recorder) Changes() []Recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.changes)
}

// Fail makes the Recorder refuse with err from now on; nil makes it take again.
func (r *Recorder) Fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}
