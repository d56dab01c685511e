package supportpg_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

func TestWhatACallersTransactionWritesCommitsOrGoesWithIt(t *testing.T) {
	t.Parallel()
	pool := database(t)
	desk := support.NewDesk(supportpg.New(pool, nil))
	for _, commits := range []bool{false, true} {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		opened, err := desk.WithStore(supportpg.New(tx, nil)).Open(t.Context(), support.NewTicket{Tenant: "acme", Priority: support.P1, Issue: "x"})
		require.NoError(t, err)
		_, err = desk.WithStore(supportpg.New(tx, nil)).Close(t.Context(), opened.Ref)
		require.ErrorIs(t, err, support.ErrTransition, "which leaves the transaction usable")
		end := tx.Rollback
		if commits {
			end = tx.Commit
		}
		require.NoError(t, end(t.Context()))
		_, err = desk.Get(t.Context(), opened.Ref)
		if !commits {
			require.ErrorIs(t, err, support.ErrUnknownTicket)
			require.Zero(t, left(t, pool))
			continue
		}
		require.NoError(t, err)
		require.Equal(t, 1, left(t, pool))
	}
}

func TestTheAcknowledgementAndTheEndOfTheLadderAreOneTransaction(t *testing.T) {
	t.Parallel()
	pool := database(t)
	desk := support.NewDesk(supportpg.New(pool, nil))
	opened, err := desk.Open(t.Context(), support.NewTicket{Tenant: "acme", Priority: support.P1, Issue: "x"})
	require.NoError(t, err)
	due := func() time.Time { return pgtest.One[time.Time](t, pool, "select at from tenon.timers").UTC() }
	require.Equal(t, opened.OpenedAt.Add(45*time.Minute), due(), "the first response is at risk first")
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = desk.WithStore(supportpg.New(tx, nil)).Reply(t.Context(), opened.Ref, "we look")
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, opened.OpenedAt.Add(45*time.Minute), due())
	_, err = desk.Reply(t.Context(), opened.Ref, "we look")
	require.NoError(t, err)
	require.Equal(t, opened.OpenedAt.Add(3*time.Hour), due(), "what is left is the resolution at risk")
}

func TestAHandlerThatWritesTheHostsRowsAndAHostThatCancelsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, "create table public.orders (id text primary key, state text); insert into public.orders values ('7', 'new')")
	store := supportpg.New(pool, nil)
	timers, err := support.NewTimers(store, support.Work{"x": {Each: func(context.Context, support.Store, support.Timer) error { return nil }}}, nil)
	require.NoError(t, err)
	ref := support.TimerRef{Tenant: "acme", Key: "7"}
	require.NoError(t, timers.Schedule(t.Context(), support.Timer{TimerRef: ref, At: time.Now().Add(-time.Hour), Kind: "x"}))
	lease := tenon.NewID(time.Now())
	got, err := store.Claim(t.Context(), support.Claim{Lease: lease, For: time.Minute, Kinds: []string{"x"}, Limit: 10})
	require.NoError(t, err)
	require.Len(t, got.Timers, 1)

	host, err := pool.Begin(t.Context())
	require.NoError(t, err)
	pgtest.Exec(t, host, "update public.orders set state = 'paid' where id = '7'")
	began, worked := make(chan struct{}), make(chan error, 1)
	go func() {
		worked <- store.Work(t.Context(), lease, got.Timers, func(ctx context.Context, s support.Store) error {
			close(began)
			tx, _ := supportpg.Tx(s)
			_, err := tx.Exec(ctx, "update public.orders set state = 'late' where id = '7'")
			return err
		})
	}()
	<-began
	n, err := timers.WithStore(supportpg.New(host, nil)).Cancel(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, host.Commit(t.Context()))
	require.ErrorIs(t, <-worked, support.ErrLost)
	require.Equal(t, "paid", pgtest.One[string](t, pool, "select state from public.orders"))
}

func TestHandlersWriteInTheTransactionThatEndsTheirTimers(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, "create table public.fired (key text primary key)")
	fire := func(ctx context.Context, tx pgx.Tx, timer support.Timer) error {
		if _, err := tx.Exec(ctx, "insert into public.fired (key) values ($1)", timer.Key); err != nil {
			return err
		}
		if timer.Key == "one bad" || timer.Key == "many bad" {
			return errors.New("no route")
		}
		return nil
	}
	each := supportpg.Each(fire)
	batch := supportpg.Batch(func(ctx context.Context, tx pgx.Tx, timers []support.Timer) error {
		for _, timer := range timers {
			if err := fire(ctx, tx, timer); err != nil {
				return err
			}
		}
		return nil
	})
	store := supportpg.New(pool, nil)
	work := support.Work{"one": {Each: each}, "many": {Batch: batch}}
	timers, err := support.NewTimers(store, work, &support.TimersOptions{Attempts: 1})
	require.NoError(t, err)
	for _, key := range []string{"one good", "one bad", "one more", "many good", "many bad"} {
		kind, _, _ := strings.Cut(key, " ")
		require.NoError(t, timers.Schedule(t.Context(), support.Timer{
			TimerRef: support.TimerRef{Tenant: "acme", Key: key}, At: time.Now().Add(-time.Hour), Kind: kind,
		}))
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- timers.Run(ctx) }()
	given := func() int {
		return pgtest.One[int](t, pool, "select count(*) from tenon.timers where dead_at is not null")
	}
	require.Eventually(t, func() bool { return left(t, pool) == 2 && given() == 2 }, time.Minute, time.Millisecond)
	stop()
	require.NoError(t, <-ended)
	fired := pgtest.List[string](t, pool, "select key from public.fired")
	require.ElementsMatch(t, []string{"many good", "one good", "one more"}, fired)

	_, ok := supportpg.Tx(store)
	require.False(t, ok, "it is in no transaction")
	for _, other := range []support.Store{store, support.NewMemoryStore(nil)} {
		require.ErrorContains(t, each(t.Context(), other, support.Timer{}), "not kept by this package")
		require.ErrorContains(t, batch(t.Context(), other, nil), "not kept by this package")
	}
}

func TestATourThatIsEndedInATransactionThatGoesIsShownAgain(t *testing.T) {
	t.Parallel()
	pool := database(t)
	tours, err := support.NewTours(supportpg.New(pool, nil), []support.Tour{{
		Key: "rates", Feature: "Rates", Title: "Welcome to Rates!", Steps: []support.TourStep{{Anchor: "#lane", Title: "A lane"}},
	}}, nil)
	require.NoError(t, err)
	bob := support.Viewer{Tenant: "acme", User: "bob"}
	for _, commits := range []bool{false, true} {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		_, err = tours.WithStore(supportpg.New(tx, nil)).Complete(t.Context(), bob, "rates")
		require.NoError(t, err)
		end := tx.Rollback
		if commits {
			end = tx.Commit
		}
		require.NoError(t, end(t.Context()))
		_, shown, err := tours.Next(t.Context(), bob)
		require.NoError(t, err)
		require.Equal(t, !commits, shown)
	}
}
