package kpipg_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
)

const trackedSQL = `
select e.id::text || e.event_name || e.properties || e.user_id || coalesce(k.key, '') || (e.received_at = p.received_at) ||
  p.names::text || (p.times = array[e.occurred_at]) || (p.ids = array[e.id]) || p.folded
from tenon.events e
left join tenon.event_keys k on k.tenant_id = e.tenant_id and k.id = e.id
join tenon.kpi_pending p on p.tenant_id = e.tenant_id and p.id = e.id
where e.tenant_id = $1
order by e.id`

// One event goes by a statement of its own, several by one for many. Two tenants tell the same, one of them in company.
func TestOneEventIsStoredAsManyAre(t *testing.T) {
	t.Parallel()
	pool := database(t)
	r := rand.New(rand.NewPCG(1, 0))
	var earlier []kpi.Event
	for i := range 120 {
		e := randomEvent(r, i)
		if r.IntN(5) == 0 && i > 0 {
			e = earlier[r.IntN(i)]
		}
		earlier = append(earlier, e)
		among, beside := e, randomEvent(r, i)
		among.Tenant, beside.Tenant = "among", "beside"
		beside.Key = ""

		tx := pgtest.Begin(t, pool)
		var db kpipg.DB = tx
		if r.IntN(2) > 0 {
			db = pool
		}
		got, err := kpipg.New(db, nil).Track(t.Context(), []kpi.Entry{{Event: e}})
		require.NoError(t, err)
		want, err := kpipg.New(db, nil).Track(t.Context(), []kpi.Entry{{Event: among}, {Event: beside}})
		require.NoError(t, err)
		require.NoError(t, tx.Commit(t.Context()))
		require.Equal(t, want[:1], got, "%+v", e)
	}
	require.Equal(t, pgtest.List[string](t, pool, trackedSQL, "among"), pgtest.List[string](t, pool, trackedSQL, "alone"))
	require.Equal(t, pgtest.One[int64](t, pool, "select count(*) from tenon.event_keys where tenant_id = 'among'"),
		pgtest.One[int64](t, pool, "select count(*) from tenon.event_keys where tenant_id = 'alone'"))
}

// randomEvent has no key, or one of a few that recur.
func randomEvent(r *rand.Rand, i int) kpi.Event {
	at := tenon.Instant(time.Now())
	e := kpi.Event{
		ID: tenon.NewID(at), Tenant: "alone", User: "u", Name: "quote_sent", At: at, ReceivedAt: at,
		JSON: fmt.Appendf(nil, `{"n": %d, "text": "a \"b\" → c"}`, i),
	}
	if r.IntN(2) > 0 {
		e.Key = fmt.Sprint("k", r.IntN(30))
	}
	return e
}
