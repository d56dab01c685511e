package notifypg_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/notify/notifytest"
)

func TestWorkThatFailsAtAnyStatementLosesNothingAndKeepsTheOrder(t *testing.T) {
	t.Parallel()
	pool := database(t)
	for _, fault := range pgtest.Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			steps := 0
			pgtest.EveryStep(t, pgtest.Always(fault), func(n int, fault pgtest.Fault) bool {
				destination := fault.String() + "/" + time.Now().String()
				faulty := pgtest.NewFaulty(pool, n, fault)
				deliverThree(t, faulty, destination)
				require.Equal(t, 3, pgtest.One[int](t, pool,
					"select count(*) from tenon.notifications where destination = $1 and state = 'delivered'", destination))
				steps = n
				return faulty.Fired()
			})
			require.Greater(t, steps, 10, "too few steps to be true")
		})
	}
}

// deliverThree writes three notifications of a group and delivers them, by hand, with explicit times: each step is tried
// until it goes well.
func deliverThree(t *testing.T, db notifypg.DB, destination string) {
	t.Helper()
	store := notifypg.New(db, &notifypg.Options{Routing: notify.Routing{To: notify.To(destination)}})
	must := func(f func() error) {
		t.Helper()
		for range 3 {
			if f() == nil {
				return
			}
		}
		t.Fatal("it does not go well")
	}
	for _, key := range []string{"1", "2", "3"} {
		must(func() error { return store.Notify(t.Context(), notifytest.Notification(destination, key)) })
	}
	now := time.Now()
	var delivered []string
	for range 20 {
		now = now.Add(2 * time.Minute) // past the lease of a claim whose answer was lost
		var got []notify.Entry
		lease := tenon.NewID(now)
		must(func() (err error) {
			got, err = store.Claim(t.Context(), notify.Claim{
				Destination: destination, Lease: lease, Now: now, Until: now.Add(time.Minute), Limit: 5,
			})
			return err
		})
		for _, e := range got {
			delivered = append(delivered, e.Notification.Key)
			must(func() error {
				return store.Settle(t.Context(), []notify.Result{{Entry: e, Lease: lease, State: notify.Delivered, At: now}})
			})
		}
	}
	require.Equal(t, []string{"1", "2", "3"}, delivered)
}

func TestFaultsOfReplayEraseAndPrune(t *testing.T) {
	t.Parallel()
	for _, fault := range pgtest.Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			pgtest.EveryStep(t, pgtest.Always(fault), func(n int, fault pgtest.Fault) bool {
				plain := notifypg.New(pool, nil)
				deliverThree(t, pool, "acme")
				list, err := plain.List(t.Context(), notify.Query{Tenant: "acme"})
				require.NoError(t, err)
				faulty := pgtest.NewFaulty(pool, n, fault)
				store := notifypg.New(faulty, nil)
				faulty.Try(t, func() error { return store.Replay(t.Context(), list[0].Ref(), time.Now()) })
				faulty.Try(t, func() error {
					_, err := store.Prune(t.Context(), time.Now().Add(time.Hour), 100)
					return err
				})
				require.Equal(t, 1, pgtest.One[int](t, pool, "select count(*) from tenon.notifications"), "what is pending again")
				faulty.Try(t, func() error {
					_, err := store.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
					return err
				})
				require.Zero(t, pgtest.One[int](t, pool, "select count(*) from tenon.notifications"))
				return faulty.Fired()
			})
		})
	}
}

func TestRunGoesOnWhenPostgresWasAway(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t, nil, migrations.Notify)
	pool := pgtest.Connect(t, server.URL("postgres"))

	to := &notifytest.Notifier{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- newOutbox(pool, to).Run(ctx) }()
	for i, key := range []string{"before", "after"} {
		require.Eventually(t, func() bool { // the pool's connections may be dead
			return notifypg.New(pool, nil).Notify(t.Context(), notifytest.Notification("acme", key)) == nil
		}, 30*time.Second, 10*time.Millisecond)
		require.Eventually(t, func() bool { return slices.Contains(to.Keys(), key) }, 30*time.Second, 10*time.Millisecond)
		if i == 0 {
			require.NoError(t, server.Kill())
			require.NoError(t, server.Restart(t.Context()))
		}
	}
	// What was told a moment before the server died, and not settled yet, is told again.
	require.Equal(t, []string{"before", "after"}, slices.Compact(to.Keys()))
	cancel()
	require.NoError(t, <-ended)
}
