package slopg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

func TestAKilledServerLosesNothingThatWasObserved(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t, nil, migrations.SLO)
	pool := pgtest.Connect(t, server.URL("postgres"))
	store := slopg.New(pool, nil)
	define(t, store, uptime())
	r, err := slo.NewRecorder(store, []slo.Objective{uptime()}, &slo.RecorderOptions{Timeout: time.Minute})
	require.NoError(t, err)
	var want int64
	for n := range 6 {
		switch n {
		case 2:
			require.NoError(t, server.Kill())
		case 4:
			require.NoError(t, server.Restart(t.Context()))
			pool.Reset() // what is left of the connections to the server that died
		}
		r.Tick(start.Add(time.Duration(n) * time.Minute))
		for range 10 {
			r.Observe(slo.Good, 0)
			want++
		}
		err := r.Flush(t.Context())
		if away := n == 2 || n == 3; away {
			require.ErrorIs(t, err, tenon.ErrUnavailable)
			_, err = slo.NewReleasePolicy(slo.NewBoard(store, &slo.Options{Timeout: time.Minute})).Guard(t.Context())
			require.ErrorIs(t, err, tenon.ErrUnavailable)
		}
	}
	require.Eventually(t, func() bool { return r.Flush(t.Context()) == nil && r.Stats().Pending == 0 }, 30*time.Second, 20*time.Millisecond)
	require.Equal(t, want, count(t, store, uptime(), start, start.Add(6*time.Minute)).Valid)
}

func TestRunGoesOnWhenTheServerIsBack(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t, nil, migrations.SLO)
	pool := pgtest.Connect(t, server.URL("postgres"))
	pgtest.Exec(t, pool, hostSQL, pgx.QueryExecModeSimpleProtocol)
	store := slopg.New(pool, &slopg.Options{Tables: tables, Every: 20 * time.Millisecond})
	define(t, store, uptime())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	patience, tick := 30*time.Second, 20*time.Millisecond
	require.Eventually(t, func() bool { return !store.Stats().LastRun.IsZero() }, patience, tick)
	require.NoError(t, server.Kill())
	require.Eventually(t, func() bool { return store.Stats().LastError != "" }, patience, tick)
	require.NoError(t, server.Restart(t.Context()))
	pool.Reset()
	require.Eventually(t, func() bool { return store.Stats().LastError == "" }, patience, tick)
	now, err := store.Clock(t.Context())
	require.NoError(t, err)
	insert(t, pool, event{at: now, status: 200})
	require.Eventually(t, func() bool { // at once, or when its minute is counted again a minute later
		return count(t, store, uptime(), now.Add(-time.Hour), now.Add(time.Hour)).Valid == 1
	}, 3*time.Minute, tick)
	cancel()
	require.NoError(t, <-ended)
}
