package entitlementspg_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/proctest"
)

// steady uses without an end, in an order of keys that its parent knows, and says what was answered.
func steady(ctx context.Context, c *child) error {
	together(8, func(i int) {
		for n := 0; ; n++ {
			key := fmt.Sprintf("%s/%d/%d", c.Name, i, n)
			if err := c.steadily(ctx, key, n); err != nil {
				c.Say(report{Err: err.Error()})
				return
			}
			c.Say(report{Key: key, Quantity: steadyQuantity(n)})
		}
	})
	return nil
}

// steadyQuantity is what the n-th use of a goroutine uses.
func steadyQuantity(n int) int64 { return int64(1 + n%3) }

// steadily consumes, and every fourth time by way of a hold.
func (c *child) steadily(ctx context.Context, key string, n int) error {
	u := use(c.Tenant, open, steadyQuantity(n), key)
	if n%4 != 3 {
		d, err := c.gate.Consume(ctx, u)
		if err == nil && !d.Allowed {
			err = errors.New(d.Reason.String())
		}
		return err
	}
	r, err := c.gate.Reserve(ctx, u, time.Hour)
	if err != nil {
		return err
	}
	_, err = c.gate.Commit(ctx, r.Hold, u.Quantity)
	return err
}

func TestAProcessKilledAtAnyMomentLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	kills := 5
	if conform.Soak() {
		kills = 200
	}
	var sum int64
	for k := range kills {
		p := proctest.Start[report](t, "steady", order{URL: url, Tenant: tenant, Name: fmt.Sprint(k)})
		p.Begin()
		for range 50 + 37*k%211 {
			require.True(t, p.Next())
		}
		reports := p.Kill()
		stored := pgtest.List[string](t, pool, "select key from tenon.usage_keys where tenant_id = $1", tenant)
		sum += settleUnknown(t, g, tenant, reports, stored)
		reconciled(t, g, tenant)
	}
	require.Equal(t, sum, used(t, pool, tenant, open))
	require.Equal(t, sum, pgtest.One[int64](t, pool, "select sum(qty)::bigint from tenon.usage_events where tenant_id = $1", tenant))
	require.Equal(t,
		pgtest.One[int64](t, pool, "select count(*) from tenon.usage_events where tenant_id = $1", tenant),
		pgtest.One[int64](t, pool, "select count(*) from tenon.usage_keys where tenant_id = $1", tenant))
	require.Empty(t, pgtest.List[string](t, pool, `
select k.key
from tenon.usage_keys k
left join tenon.usage_events e on e.tenant_id = k.tenant_id and e.id = k.id
where k.tenant_id = $1
  and e.id is null`, tenant))
}

// settleUnknown checks that all that was answered is there, finds out with the same key what became of the use after
// each goroutine's last answer, and returns what was used in all.
func settleUnknown(t *testing.T, g *entitlements.Gate, tenant string, reports []report, stored []string) (sum int64) {
	t.Helper()
	there := map[string]bool{}
	for _, key := range stored {
		there[key] = true
	}
	last := map[string]int{}
	for _, r := range reports {
		require.Empty(t, r.Err)
		sum += r.Quantity
		parts := strings.Split(r.Key, "/")
		var n int
		_, err := fmt.Sscan(parts[2], &n)
		require.NoError(t, err)
		last[parts[0]+"/"+parts[1]] = n
		require.True(t, there[r.Key], "%s was answered and is not there", r.Key)
	}
	for goroutine, n := range last {
		sum += settleOne(t, g, tenant, fmt.Sprintf("%s/%d", goroutine, n+1), n+1)
	}
	// A goroutine that was not answered even once began with 0.
	for i := range 8 {
		goroutine := strings.Split(reports[0].Key, "/")[0] + fmt.Sprintf("/%d", i)
		if _, answered := last[goroutine]; !answered {
			sum += settleOne(t, g, tenant, goroutine+"/0", 0)
		}
	}
	return sum
}

// settleOne sends a use again, with its key.
func settleOne(t *testing.T, g *entitlements.Gate, tenant, key string, n int) int64 {
	t.Helper()
	u := use(tenant, open, steadyQuantity(n), key)
	if n%4 != 3 {
		allowed(t, g, u)
		return u.Quantity
	}
	r, err := g.Reserve(t.Context(), u, time.Hour)
	require.NoError(t, err)
	_, err = g.Commit(t.Context(), r.Hold, u.Quantity)
	require.NoError(t, err)
	return u.Quantity
}
