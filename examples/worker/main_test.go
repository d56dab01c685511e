package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/support"
	"github.com/transbotai/tenon/support/supportpg"
)

// TestMain lets the test program stand in for the program itself.
func TestMain(m *testing.M) {
	if os.Getenv("WORKER_TEST_MAIN") != "" {
		os.Exit(start())
	}
	os.Exit(m.Run())
}

// database returns one with an invoice of acme's that has been overdue for an hour.
func database(t *testing.T) (url string, pool *pgxpool.Pool) {
	t.Helper()
	url = pgtest.Database(t, migrations.Support, migrations.Notify)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	require.NoError(t, supportpg.New(pool, nil).Schedule(t.Context(), []support.Timer{{
		TimerRef: support.TimerRef{Tenant: "acme", Key: "invoice/17"}, At: time.Now().Add(-time.Hour), Kind: "invoice.overdue",
	}}))
	return url, pool
}

func entries(t *testing.T, pool *pgxpool.Pool) []notify.Entry {
	t.Helper()
	list, err := notify.NewOutbox(notifypg.New(pool, nil), nil, nil).List(t.Context(), notify.Query{Tenant: "acme"})
	require.NoError(t, err)
	return list
}

func TestSIGTERMEndsAWorkerWell(t *testing.T) {
	t.Parallel()
	url, pool := database(t)
	self, err := os.Executable()
	require.NoError(t, err)
	worker := exec.Command(self)
	worker.Env = append(os.Environ(), "WORKER_TEST_MAIN=1", "DATABASE_URL="+url)
	out, err := worker.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, worker.Start())
	t.Cleanup(func() { _ = worker.Process.Kill() })

	said := bufio.NewScanner(out)
	for said.Scan() && !strings.Contains(said.Text(), "invoice/17 is overdue") {
		require.NotContains(t, said.Text(), "failed")
	}
	require.NoError(t, worker.Process.Signal(syscall.SIGTERM))
	for said.Scan() {
		require.NotContains(t, said.Text(), "failed")
	}
	require.NoError(t, worker.Wait())
	require.Len(t, entries(t, pool), 1)
	require.Equal(t, notify.Delivered, entries(t, pool)[0].State)
}

// slow is told, and takes its time to say that it was.
type slow struct{ told, heard chan struct{} }

func (s slow) Notify(context.Context, tenon.Notification) error {
	close(s.told)
	<-s.heard
	return nil
}

func TestAWorkerThatIsToldToStopEndsWhatItIsAt(t *testing.T) {
	t.Parallel()
	url, pool := database(t)
	ctx, stop := context.WithCancel(t.Context())
	oncall, ended := slow{make(chan struct{}), make(chan struct{})}, make(chan error, 1)
	go func() { ended <- run(ctx, url, oncall) }()
	select {
	case <-oncall.told:
	case <-time.After(time.Minute):
		t.Fatal("nobody was told")
	}
	stop()
	require.Empty(t, ended, "it waits for the delivery")
	close(oncall.heard)
	require.NoError(t, <-ended)
	list := entries(t, pool)
	require.Len(t, list, 1)
	require.Equal(t, notify.Delivered, list[0].State)
	require.Equal(t, 1, list[0].Attempts)
}
