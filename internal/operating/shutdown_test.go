package operating_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
)

// drain is what every loop is granted by default, and time for a busy machine to notice.
const drain = 10*time.Second + patience

func TestEveryLoopEndsWithinItsDrainAndLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	pool := pgtest.Connect(t, pgtest.Database(t, house...))
	s := open(t, pool, patience)
	prepare(t, s, "acme", "other")
	stop := background(t, s)
	const sent = 300
	for range sent {
		require.NoError(t, s.batcher.Send(t.Context(), kpi.Event{Tenant: "acme", Name: "quote_sent"}))
		_, err := s.log.Enqueue(staff(t.Context()), audit.Record{Tenant: "acme", Action: "quote.sent"})
		require.NoError(t, err)
	}
	for _, tenant := range []string{"acme", "other"} {
		for name, write := range s.writes(tenant) {
			require.NoError(t, write(staff(t.Context())), name)
		}
	}
	began := time.Now()
	for name, err := range stop() {
		require.NoError(t, err, name)
	}
	require.Less(t, time.Since(began), drain)

	require.Equal(t, sent+2, pgtest.One[int](t, pool, "select count(*) from tenon.events"), "events that were sent")
	require.Equal(t, sent+2, pgtest.One[int](t, pool, "select count(*) from tenon.audit_log where action = 'quote.sent'"))
	require.Equal(t, 2, pgtest.One[int](t, pool, "select count(*) from tenon.usage_events"))
	require.Equal(t, 2, pgtest.One[int](t, pool, "select count(*) from tenon.tickets"))
	told := len(s.told.Keys())
	waiting := pgtest.One[int](t, pool, "select count(*) from tenon.notifications where state <> 'delivered'")
	all := pgtest.One[int](t, pool, "select count(*) from tenon.notifications")
	require.GreaterOrEqual(t, told+waiting, all, "told, or still to be told")

	again := open(t, pool, patience) // the next process finds what is left
	background(t, again)
	require.Eventually(t, func() bool {
		left := pgtest.One[int](t, pool, "select count(*) from tenon.notifications where state <> 'delivered'")
		folded := pgtest.One[int](t, pool, "select count(*) from tenon.kpi_pending")
		return left == 0 && folded == 0
	}, patience, 10*time.Millisecond)
}
