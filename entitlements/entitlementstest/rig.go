package entitlementstest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// rig drives a store for one tenant at times that it chooses.
type rig struct {
	t      *testing.T
	store  entitlements.Store
	tenant string
	now    time.Time
}

// newRig returns a rig at [noon] whose tenant nobody subscribed.
func newRig(t *testing.T, store entitlements.Store) *rig {
	t.Helper()
	prepare(t, store)
	return &rig{t: t, store: store, tenant: newTenant(), now: noon}
}

func newTenant() string { return "suite-" + newID() }

// newID mints ids by the real clock whatever time a rule plays at, as a Gate does: stores may lay events out by id.
func newID() string { return tenon.NewID(time.Now()) }

// other returns a rig for another tenant of the same store.
func (r *rig) other() *rig { return &rig{t: r.t, store: r.store, tenant: newTenant(), now: r.now} }

func (r *rig) ctx() context.Context { return r.t.Context() }

// later moves the time on.
func (r *rig) later(d time.Duration) { r.now = r.now.Add(d) }

// op makes an operation as a Gate does.
func (r *rig) op(kind entitlements.OpKind, u entitlements.Use) entitlements.Op {
	u.Tenant = r.tenant
	op := entitlements.Op{Kind: kind, Use: u, ID: newID(), Now: r.now, At: u.At, Digest: digest(kind, u)}
	if u.At.IsZero() {
		op.At = r.now
	}
	if u.Key == "" {
		op.Use.Key = op.ID
	}
	return op
}

// digest tells payloads apart, as a Gate's does; a store only compares it.
func digest(kind entitlements.OpKind, u entitlements.Use) int64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d|%s|%d|%d|%v", kind, u.Feature, u.Quantity, u.At.UnixMicro(), u.Metadata)
	return int64(h.Sum64())
}

// settle carries out operations in one call.
func (r *rig) settle(ops ...entitlements.Op) []entitlements.Outcome {
	r.t.Helper()
	outcomes, err := r.store.Settle(r.ctx(), ops)
	if err != nil {
		r.t.Fatalf("Settle: %v", err)
	}
	if len(outcomes) != len(ops) {
		r.t.Fatalf("Settle gave %d outcomes for %d operations", len(outcomes), len(ops))
	}
	return outcomes
}

// do carries out one operation that must not fail.
func (r *rig) do(op entitlements.Op) entitlements.Outcome {
	r.t.Helper()
	o := r.settle(op)[0]
	if o.Err != nil {
		r.t.Fatalf("operation %d: %v", op.Kind, o.Err)
	}
	return o
}

// tries carries out one operation and returns the reason of its answer. Other goroutines than the test's may call it.
func (r *rig) tries(op entitlements.Op) entitlements.Reason {
	r.t.Helper()
	outcomes, err := r.store.Settle(r.ctx(), []entitlements.Op{op})
	if err != nil || len(outcomes) != 1 || outcomes[0].Err != nil {
		r.t.Errorf("Settle: %v, %v", outcomes, err)
		return entitlements.ReasonNone
	}
	return outcomes[0].Decision.Reason
}

// fails carries out one operation that must fail with an error of the class.
func (r *rig) fails(op entitlements.Op, class error) {
	r.t.Helper()
	if o := r.settle(op)[0]; !errors.Is(o.Err, class) {
		r.t.Fatalf("operation %d: error %v, want %v", op.Kind, o.Err, class)
	}
}

// faults is fails with an invalid field.
func (r *rig) faults(op entitlements.Op, field string) {
	r.t.Helper()
	var bad *tenon.FieldError
	o := r.settle(op)[0]
	if !errors.As(o.Err, &bad) || bad.Field != field {
		r.t.Fatalf("operation %d: error %v, want a fault of the field %q", op.Kind, o.Err, field)
	}
}

func use(feature string, quantity int64) entitlements.Use {
	return entitlements.Use{Feature: feature, Quantity: quantity}
}

func keyed(feature string, quantity int64, key string) entitlements.Use {
	return entitlements.Use{Feature: feature, Quantity: quantity, Key: key}
}

// consume uses, gated.
func (r *rig) consume(feature string, quantity int64) entitlements.Decision {
	r.t.Helper()
	return r.do(r.op(entitlements.OpConsume, use(feature, quantity))).Decision
}

// check asks without using.
func (r *rig) check(feature string) entitlements.Decision {
	r.t.Helper()
	return r.consume(feature, 0)
}

// record counts what happened at an instant, ungated.
func (r *rig) record(feature string, quantity int64, at time.Time) {
	r.t.Helper()
	r.do(r.op(entitlements.OpRecord, entitlements.Use{Feature: feature, Quantity: quantity, At: at}))
}

// reserve holds a quantity that must fit.
func (r *rig) reserve(feature string, quantity int64, ttl time.Duration) entitlements.Hold {
	r.t.Helper()
	o := r.do(r.reserveOp(use(feature, quantity), ttl))
	if !o.Decision.Allowed {
		r.t.Fatalf("the hold of %d was refused: %s", quantity, o.Decision.Reason)
	}
	return o.Hold
}

func (r *rig) reserveOp(u entitlements.Use, ttl time.Duration) entitlements.Op {
	op := r.op(entitlements.OpReserve, u)
	op.Until = r.now.Add(ttl)
	return op
}

func (r *rig) holdOp(kind entitlements.OpKind, hold string, actual int64) entitlements.Op {
	return entitlements.Op{
		Kind: kind, ID: newID(), Now: r.now, At: r.now, Hold: hold,
		Use: entitlements.Use{Tenant: r.tenant, Quantity: actual},
	}
}

func (r *rig) commit(h entitlements.Hold, actual int64) entitlements.Outcome {
	r.t.Helper()
	return r.do(r.holdOp(entitlements.OpCommit, h.ID, actual))
}

func (r *rig) release(h entitlements.Hold) entitlements.Outcome {
	r.t.Helper()
	return r.do(r.holdOp(entitlements.OpRelease, h.ID, 0))
}

func (r *rig) correctOp(key string) entitlements.Op {
	op := r.op(entitlements.OpCorrect, entitlements.Use{Key: key})
	op.Digest = 0
	return op
}

func (r *rig) correct(key string) {
	r.t.Helper()
	r.do(r.correctOp(key))
}

// standing loads the tenant as it stands now.
func (r *rig) standing() entitlements.Standing {
	r.t.Helper()
	found, err := r.store.Load(r.ctx(), []string{r.tenant}, r.now)
	if err != nil || len(found) != 1 {
		r.t.Fatalf("Load: %d standings, %v", len(found), err)
	}
	return found[0]
}

// counter returns the loaded counter of the present period of a feature, zero when there is none.
func (r *rig) counter(feature string, p entitlements.Period) entitlements.Counter {
	r.t.Helper()
	s := r.standing()
	start, _ := p.Bounds(anchor(s.Rights.Entitlement), r.now)
	for _, c := range s.Counters[feature] {
		if c.Period == p && c.Start.Equal(start) {
			return c
		}
	}
	return entitlements.Counter{}
}

// anchor is what a tenant's periods are counted from.
func anchor(e *entitlements.Entitlement) time.Time {
	switch {
	case !e.Anchor.IsZero():
		return e.Anchor
	case !e.CurrentPeriodStart.IsZero():
		return e.CurrentPeriodStart
	}
	return e.StartedAt
}

// reconciled fails when a counter differs from what it counts.
func (r *rig) reconciled() {
	r.t.Helper()
	reporter, ok := r.reporter()
	if !ok || r.t.Failed() {
		return
	}
	drifts, err := reporter.Reconcile(r.ctx(), r.tenant, false)
	if err != nil {
		r.t.Fatalf("Reconcile: %v", err)
	}
	for _, d := range drifts {
		r.t.Errorf("Reconcile: %s %s: %d is stored, %d is counted", d.Feature, d.What, d.Stored, d.Counted)
	}
}

// reporter returns the store's reports; false where it has none, and what they would show is not looked at.
func (r *rig) reporter() (entitlements.Reporter, bool) {
	reporter, ok := r.store.(entitlements.Reporter)
	return reporter, ok
}
