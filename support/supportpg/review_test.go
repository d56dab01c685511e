package supportpg_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

func TestRulesThatWereRolledBackAreForgotten(t *testing.T) {
	t.Parallel()
	_, pool := database(t)
	desk := support.NewDesk(supportpg.New(pool, nil))
	opened, err := desk.Open(t.Context(), support.NewTicket{Tenant: "acme", Priority: support.P1, Issue: "x"})
	require.NoError(t, err)
	rules := func(first time.Duration) support.Rules {
		r := support.DefaultRules()
		r.Policies[0].Targets = map[support.Priority]support.Targets{support.P1: {FirstResponse: first}}
		return r
	}
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	bound := desk.WithStore(supportpg.New(tx, nil))
	_, err = bound.SetRules(t.Context(), rules(time.Minute), "")
	require.NoError(t, err)
	seen, err := bound.Get(t.Context(), opened.Ref)
	require.NoError(t, err)
	require.Equal(t, time.Minute, seen.Clocks[0].Target)
	require.NoError(t, tx.Rollback(t.Context()))

	_, err = desk.SetRules(t.Context(), rules(time.Hour), "")
	require.NoError(t, err)
	seen, err = desk.Get(t.Context(), opened.Ref)
	require.NoError(t, err)
	require.Equal(t, time.Hour, seen.Clocks[0].Target)
}

func TestATimerIsEndedByItsNameToo(t *testing.T) {
	t.Parallel()
	_, pool := database(t)
	store := supportpg.New(pool, nil)
	var timers []support.Timer
	for _, key := range []string{"a", "b"} {
		timers = append(timers, support.Timer{TimerRef: support.TimerRef{Tenant: "acme", Key: key}, At: time.Now().Add(-time.Hour), Kind: "x"})
	}
	require.NoError(t, store.Schedule(t.Context(), timers))
	lease := tenon.NewID(time.Now())
	got, err := store.Claim(t.Context(), support.Claim{Lease: lease, For: time.Minute, Kinds: []string{"x"}, Limit: 10})
	require.NoError(t, err)
	require.Len(t, got.Timers, 2)
	// As when the table is written anew meanwhile: a row stands where another was.
	got.Timers[0].Place = got.Timers[1].Place
	nothing := func(context.Context, support.Store) error { return nil }
	require.ErrorIs(t, store.Work(t.Context(), lease, got.Timers[:1], nothing), support.ErrLost)
	require.NoError(t, store.Fail(t.Context(), lease, []support.Failure{{Held: got.Timers[0], Dead: true}}))
	require.Zero(t, one[int](t, pool, "select count(*) from tenon.timers where dead_at is not null"))
	require.Equal(t, 2, left(t, pool))
	require.NoError(t, store.Work(t.Context(), lease, got.Timers[1:], nothing))
	require.Equal(t, "a", one[string](t, pool, "select key from tenon.timers"))
}
