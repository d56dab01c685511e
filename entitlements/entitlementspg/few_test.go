package entitlementspg_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
)

// One or two uses go by a statement of their own, more by one for many. Two tenants do the same, one of them in company.
func TestFewUsesAreSettledAsManyAre(t *testing.T) {
	t.Parallel()
	pool := database(t)
	seeds, steps := uint64(4), 60
	if conform.Soak() {
		seeds, steps = 40, 400
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed_", seed), func(t *testing.T) {
			t.Parallel()
			fewAndMany(t, pool, rand.New(rand.NewPCG(seed, 0)), steps)
		})
	}
}

func fewAndMany(t *testing.T, pool *pgxpool.Pool, r *rand.Rand, steps int) {
	g, at := newGate(pool, nil), now()
	alone, among := tenon.NewID(at), tenon.NewID(at)
	for _, tenant := range []string{alone, among} {
		_, err := entitlementspg.New(pool, nil).Change(t.Context(), tenant, at, subscribed("basic", at))
		require.NoError(t, err)
	}
	company := []string{subscribe(t, g, "top"), subscribe(t, g, "top")}
	for range steps {
		at = at.Add(time.Duration(r.IntN(90)) * time.Minute)
		few := randomOps(r, alone, at)
		many := make([]entitlements.Op, 0, len(few)+len(company))
		for _, o := range few {
			o.Use.Tenant = among
			many = append(many, o)
		}
		for _, tenant := range company {
			many = append(many, op(entitlements.OpConsume, use(tenant, calls, 1, ""), at))
		}
		commit := r.IntN(4) > 0
		got := settleIn(t, pool, few, r.IntN(2) > 0, commit)
		want := settleIn(t, pool, many, r.IntN(2) > 0, commit)
		require.Equal(t, want[:len(few)], got, "%+v", few)
	}
	require.Equal(t, normal(among, dump(t, pool, among)), normal(alone, dump(t, pool, alone)))
	reconciled(t, g, alone)
}

// randomOps returns one or two uses, of the same account or of two, with keys of their own or of a few that recur.
func randomOps(r *rand.Rand, tenant string, at time.Time) []entitlements.Op {
	ops := make([]entitlements.Op, 1+r.IntN(2))
	for i := range ops {
		features := []string{calls, mixed, alarms, tasks, open, seats, hourly, "nothing"}
		u := use(tenant, features[r.IntN(len(features))], 1+r.Int64N(3)*r.Int64N(5), "")
		if r.IntN(3) == 0 {
			u.Key = fmt.Sprint("k", r.IntN(20))
		}
		if r.IntN(8) == 0 {
			u.At = at.Add(-time.Duration(r.IntN(5)) * time.Hour)
		}
		kind := entitlements.OpConsume
		if r.IntN(5) == 0 {
			kind = entitlements.OpRecord
		}
		ops[i] = op(kind, u, at)
		if r.IntN(2) == 0 {
			ops[i].Metadata = json.RawMessage(`{"lane": "a \"b\" → c"}`)
		}
	}
	return ops
}

// settleIn settles ops on the pool or in a transaction, and not at all when they are not to be kept.
func settleIn(t *testing.T, pool *pgxpool.Pool, ops []entitlements.Op, bound, keep bool) []entitlements.Outcome {
	t.Helper()
	var outcomes []entitlements.Outcome
	var err error
	if !bound && keep {
		outcomes, err = entitlementspg.New(pool, &entitlementspg.Options{Timeout: time.Minute}).Settle(t.Context(), ops)
		require.NoError(t, err)
		return outcomes
	}
	tx := pgtest.Begin(t, pool)
	outcomes, err = entitlementspg.New(tx, nil).Settle(t.Context(), ops)
	require.NoError(t, err)
	if keep {
		require.NoError(t, tx.Commit(t.Context()))
	} else {
		require.NoError(t, tx.Rollback(t.Context()))
	}
	return outcomes
}
