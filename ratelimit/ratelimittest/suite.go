package ratelimittest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/ratelimit"
)

// NewStore returns a store for one subtest, on the clock now.
type NewStore func(t *testing.T, now func() time.Time) ratelimit.Store

// rule is one promise and how it is tried.
type rule conform.Rule[*rig]

// group is rules about one thing.
type group struct {
	name  string
	rules []rule
}

// TestStore checks that the stores that newStore gives keep what [ratelimit.Store] promises.
func TestStore(t *testing.T, newStore NewStore) {
	for _, g := range []group{
		takeRules, strictRules, bucketRules, calendarRules, flightRules, severalRules, backRules, leaseRules, eraseRules,
	} {
		conform.Test(t, g.name, g.rules, func(t *testing.T) *rig { return newRig(t, newStore) })
	}
	t.Run("model", func(t *testing.T) {
		t.Parallel()
		testModel(t, newStore)
	})
}

// rig is a store, its clock, and a key nobody else uses.
type rig struct {
	t     *testing.T
	store ratelimit.Store
	clock atomic.Int64 // microseconds since 1970
	key   ratelimit.Key
}

var keys atomic.Int64

// noon is when rules begin: a Tuesday.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func newRig(t *testing.T, newStore NewStore) *rig {
	t.Helper()
	r := &rig{t: t, key: newKey()}
	r.clock.Store(noon.UnixMicro())
	r.store = newStore(t, r.now)
	return r
}

func newKey() ratelimit.Key {
	n := fmt.Sprintf("%d-%d", time.Now().UnixNano(), keys.Add(1))
	return ratelimit.Key{Tenant: "tenant-" + n, Name: "key-" + n}
}

func (r *rig) now() time.Time { return time.UnixMicro(r.clock.Load()).UTC() }

func (r *rig) set(at time.Time) { r.clock.Store(at.UnixMicro()) }

func (r *rig) pass(d time.Duration) { r.clock.Add(d.Microseconds()) }

// settle carries out one operation on r's key, unless op names another.
func (r *rig) settle(op ratelimit.Op) ratelimit.Outcome {
	r.t.Helper()
	if op.Key == (ratelimit.Key{}) {
		op.Key = r.key
	}
	outcomes, err := r.store.Settle(r.t.Context(), []ratelimit.Op{op})
	if err != nil || len(outcomes) != 1 || outcomes[0].Err != nil {
		r.t.Fatalf("Settle(%+v): %+v, %v", op, outcomes, err)
	}
	return outcomes[0]
}

func (r *rig) take(n int64, limits ...ratelimit.Limit) ratelimit.Outcome {
	r.t.Helper()
	return r.settle(ratelimit.Op{Kind: ratelimit.OpTake, Limits: limits, N: n, Least: n})
}

func (r *rig) peek(n int64, limits ...ratelimit.Limit) ratelimit.Outcome {
	r.t.Helper()
	return r.settle(ratelimit.Op{Kind: ratelimit.OpPeek, Limits: limits, N: n, Least: n})
}

// took takes n units and requires that they are granted.
func (r *rig) took(n int64, limits ...ratelimit.Limit) ratelimit.Outcome {
	r.t.Helper()
	o := r.take(n, limits...)
	if !o.Granted || o.Units != n {
		r.t.Fatalf("%d units were not granted: %+v", n, o)
	}
	return o
}

// refused asks for n units and requires that they are refused.
func (r *rig) refused(n int64, limits ...ratelimit.Limit) ratelimit.Outcome {
	r.t.Helper()
	o := r.take(n, limits...)
	if o.Granted || o.Units != 0 {
		r.t.Fatalf("%d units were granted: %+v", n, o)
	}
	return o
}

func (r *rig) giveBack(o ratelimit.Outcome, n int64, limits ...ratelimit.Limit) {
	r.t.Helper()
	r.settle(ratelimit.Op{Kind: ratelimit.OpRefund, Limits: limits, N: n, At: o.At, Lapse: o.Lapse})
}

func equal[T comparable](r *rig, what string, want, got T) {
	r.t.Helper()
	if want != got {
		r.t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// exactly requires that n units are refused a microsecond before o's RetryAfter has passed and granted when it has.
func (r *rig) exactly(o ratelimit.Outcome, n int64, limits ...ratelimit.Limit) {
	r.t.Helper()
	if o.RetryAfter <= 0 || o.RetryAfter%time.Microsecond != 0 {
		r.t.Fatalf("RetryAfter %v", o.RetryAfter)
	}
	r.pass(o.RetryAfter - time.Microsecond)
	r.refused(n, limits...)
	r.pass(time.Microsecond)
	r.took(n, limits...)
}
