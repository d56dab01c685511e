package kpipg_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/migrations"
)

func TestWhatWasSentWhilePostgresWasAwayIsThereAfterwards(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t, &pgtest.Options{Durable: conform.Soak()}, migrations.KPI)
	pool := pgtest.Connect(t, server.URL("postgres"))
	define(t, pool)
	store := kpipg.New(pool, &kpipg.Options{Every: 10 * time.Millisecond})
	running(t, store.Run)
	tracker := kpi.NewTracker(store, nil)
	batcher := kpi.NewBatcher(tracker, &kpi.BatcherOptions{
		SpoolDir: t.TempDir(), Flush: time.Millisecond, Retry: 20 * time.Millisecond, MaxPending: 10, Full: kpi.Spill,
	})
	running(t, batcher.Run)
	send := func(from, to int) {
		for n := from; n < to; n++ {
			require.NoError(t, batcher.Send(t.Context(), sent("acme", fmt.Sprint(n))))
		}
	}
	send(0, 20)
	require.NoError(t, server.Kill())
	send(20, 60)
	_, err := tracker.Track(t.Context(), sent("acme", "lost"))
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.NoError(t, server.Restart(context.WithoutCancel(t.Context())))
	require.Eventually(t, func() bool {
		var n int64
		err := pool.QueryRow(t.Context(), "select count(*) from tenon.events where event_name = 'quote_sent' and properties ->> 'quote' <> 'lost'").Scan(&n)
		return err == nil && n == 60
	}, time.Minute, 20*time.Millisecond)
	require.Eventually(t, func() bool {
		var n int64
		return pool.QueryRow(t.Context(), "select count(*) from tenon.kpi_pending").Scan(&n) == nil && n == 0
	}, time.Minute, 20*time.Millisecond)
	consistent(t, pool)
}
