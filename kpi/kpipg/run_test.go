package kpipg_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
)

func tenon7() string { return tenon.NewID(time.Now()) }

const generous = 30 * time.Second

func TestRunMakesPartitionsAndTellsOfMissingOnes(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, `
do $$
declare part text;
begin
  for part in select inhrelid::regclass from pg_inherits where inhparent = 'tenon.events'::regclass
  loop
    execute 'drop table ' || part;
  end loop;
end $$`)
	_, err := patient(kpipg.New(pool, nil)).Track(t.Context(), sent("acme", "1"))
	require.Error(t, err, "no partition takes it")
	require.Zero(t, pgtest.One[int64](t, pool, "select count(*) from tenon.event_keys"), "nor is its key taken")
	store := kpipg.New(pool, &kpipg.Options{Every: 10 * time.Millisecond})
	running(t, store.Run)
	require.Eventually(t, func() bool { return !store.Stats().LastRun.IsZero() }, generous, 10*time.Millisecond)
	require.Zero(t, store.Stats().Missing)
	require.EqualValues(t, 4, pgtest.One[int64](t, pool, "select count(*) from pg_inherits where inhparent = 'tenon.events'::regclass"))
	track(t, pool, sent("acme", "1"))
}

func TestRunDropsEventsAndKeysThatAreOld(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, monthsAgo)
	old := tenon.NewID(time.Now().AddDate(0, -2, 0))
	pgtest.Exec(t, pool, `
insert into tenon.events
values ('acme', $1, '', 'quote_sent', '{}', now() - interval '2 months', now() - interval '2 months')`, old)
	pgtest.Exec(t, pool, "insert into tenon.event_keys (tenant_id, key, id) values ('acme', 'old', $1)", old)
	track(t, pool, sent("acme", "new"))
	day := 24 * time.Hour
	for _, kept := range []bool{true, false} {
		opts := &kpipg.Options{Every: 10 * time.Millisecond}
		if !kept {
			opts.KeepEvents, opts.KeepKeys = 20*day, 20*day
		}
		store := kpipg.New(pool, opts)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- store.Run(ctx) }()
		require.Eventually(t, func() bool { return !store.Stats().LastRun.IsZero() }, generous, 10*time.Millisecond)
		cancel()
		require.NoError(t, <-ended)
		want := int64(2)
		if !kept {
			want = 1
		}
		require.Equal(t, want, pgtest.One[int64](t, pool, "select count(*) from tenon.event_keys"))
		require.Equal(t, want, pgtest.One[int64](t, pool, "select count(*) from tenon.events"))
	}
}

func TestEventsThatAreNotFoldedYetAreNotDropped(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	pgtest.Exec(t, pool, monthsAgo)
	at := tenon.Instant(time.Now().AddDate(0, -2, 0))
	e := sent("acme", "old")
	e.ID, e.At, e.ReceivedAt, e.JSON = tenon.NewID(at), at, at, []byte(`{"quote":"old"}`)
	_, err := kpipg.New(pool, nil).Track(t.Context(), []kpi.Entry{{Event: e}})
	require.NoError(t, err)
	opts := kpipg.Options{Every: 10 * time.Millisecond, KeepEvents: 20 * 24 * time.Hour}
	broken := opts
	broken.Forward = func(pgx.Tx) tenon.Notifier { return full{errors.New("the disk is full")} }
	store := kpipg.New(pool, &broken)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	require.Eventually(t, func() bool { return store.Stats().LastError != "" }, generous, 10*time.Millisecond)
	require.EqualValues(t, 1, store.Stats().Backlog)
	require.Equal(t, at, store.Stats().Oldest.UTC())
	cancel()
	require.NoError(t, <-ended)
	events := func() int64 { return pgtest.One[int64](t, pool, "select count(*) from tenon.events") }
	require.EqualValues(t, 1, events(), "what no figure holds yet stays")

	running(t, kpipg.New(pool, &opts).Run)
	require.Eventually(t, func() bool { return events() == 0 }, generous, 10*time.Millisecond)
	require.Equal(t, "1 of 1, 0", figures(t, kpipg.New(pool, nil), kpi.Query{KPI: "sent", Tenant: "acme", Last: 100}))
}

func TestACrowdOfWritersFoldersAndReadersAgreeInTheEnd(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	for range 3 {
		running(t, kpipg.New(pool, &kpipg.Options{Every: time.Millisecond}).Run)
	}
	rounds := 12
	if conform.Soak() {
		rounds = 100
	}
	const writers = 4
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			tracker := patient(kpipg.New(pool, nil))
			for n := range rounds {
				quote := fmt.Sprint(n) // each writer sends the same events, in its own order
				if w%2 == 1 {
					quote = fmt.Sprint(rounds - 1 - n)
				}
				_, err := tracker.Track(t.Context(), sent("acme", quote), accepted("acme", quote))
				if err != nil {
					t.Error(err)
				}
				if _, err = tracker.Correct(t.Context(), sent("acme", quote)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	readers := make(chan struct{})
	go func() { wait.Wait(); close(readers) }()
	for reading := true; reading; {
		select {
		case <-readers:
			reading = false
		default:
			report, err := board(kpipg.New(pool, nil)).Read(t.Context(), kpi.Query{KPI: "quote_book", Last: 2})
			require.NoError(t, err)
			for _, p := range report.Points {
				require.LessOrEqual(t, p.Count, p.Sample, "never over 100 %%")
				require.LessOrEqual(t, p.Sample, int64(rounds))
			}
		}
	}
	want := fmt.Sprintf("%d of %d, 0", rounds, rounds)
	require.Equal(t, want, figure(t, pool, "quote_book", ""))
	require.Eventually(t, func() bool {
		return pgtest.One[int64](t, pool, "select count(*) from tenon.kpi_pending") == 0
	}, generous, 10*time.Millisecond)
	require.Equal(t, want, figure(t, pool, "quote_book", ""))
	consistent(t, pool)
}

func TestFiguresAreReadFromTheReplica(t *testing.T) {
	t.Parallel()
	primary := database(t)
	replica := database(t)
	define(t, primary)
	define(t, replica)
	track(t, primary, sent("acme", "1"))
	store := kpipg.New(primary, &kpipg.Options{Replica: replica})
	require.Equal(t, "0 of 0, 0", figureOf(t, store, "sent"), "what the replica knows")
	require.Equal(t, "0 of 0, 0", figureOf(t, store, "users"))
	track(t, replica, sent("acme", "1"))
	require.Equal(t, "1 of 1, 0", figureOf(t, store, "sent"))
	require.Equal(t, "1 of 1, 0", figureOf(t, store, "users"))
}

func TestABoundStoreDoesNotRun(t *testing.T) {
	t.Parallel()
	pool := database(t)
	require.ErrorIs(t, kpipg.New(pgtest.Begin(t, pool), nil).Run(t.Context()), tenon.ErrInvalid)
}
