package supportpg_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

func TestRulesThatWereRolledBackAreForgotten(t *testing.T) {
	t.Parallel()
	pool := database(t)
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
	pool := database(t)
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
	require.Zero(t, pgtest.One[int](t, pool, "select count(*) from tenon.timers where dead_at is not null"))
	require.Equal(t, 2, left(t, pool))
	require.NoError(t, store.Work(t.Context(), lease, got.Timers[1:], nothing))
	require.Equal(t, "a", pgtest.One[string](t, pool, "select key from tenon.timers"))
}

func TestNewRulesSetTheTimersOfEveryTicketAnew(t *testing.T) {
	t.Parallel()
	pool := database(t)
	count := 250 // of which the same id is two tenants'
	if conform.Soak() {
		count = 10_000
	}
	store := supportpg.New(pool, telling)
	pgtest.Tell(t, pool)
	desk, now := support.NewDesk(clocked{store, begun}), pgtest.One[time.Time](t, pool, "select clock_timestamp()")
	var refs []support.Ref
	for i := range count {
		n := support.NewTicket{Tenant: []string{"acme", "zenith"}[i%2], ID: tenon.NewID(begun), Priority: support.P3, Issue: "x"}
		if i%2 == 1 {
			n.ID = refs[i-1].ID
		}
		opened, err := support.NewDesk(clocked{store, now}).Open(t.Context(), n)
		require.NoError(t, err)
		refs = append(refs, opened.Ref)
	}
	rules, err := desk.Rules(t.Context())
	require.NoError(t, err)
	rules.Policies[0].Targets = map[support.Priority]support.Targets{support.P3: {FirstResponse: time.Nanosecond}}
	rules.Policies[0].WarnAt = -1
	desk = support.NewDesk(store)
	_, err = desk.SetRules(t.Context(), rules, "")
	require.NoError(t, err)
	timers, err := support.NewTimers(store, desk.Work(), &support.TimersOptions{Poll: time.Millisecond})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- timers.Run(ctx) }()
	const (
		waiting = "select count(*) from tenon.timers where not cancelled"
		toldOf  = "select count(*) from public.told where key like 'support.breached/%'"
	)
	require.Eventually(t, func() bool { return pgtest.One[int](t, pool, waiting) == 0 }, 2*time.Minute, 10*time.Millisecond, "timers are left")
	stop()
	require.NoError(t, <-ended)
	require.Equal(t, count, pgtest.One[int](t, pool, toldOf), "each is told once")
}
