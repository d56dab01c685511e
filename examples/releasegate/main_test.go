package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/slo"
	"github.com/transbotai/tenon/slo/slopg"
)

// TestMain lets the test program stand in for the program itself.
func TestMain(m *testing.M) {
	if os.Getenv("RELEASEGATE_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// gate runs the program as a pipeline does.
func gate(t *testing.T, url string, args ...string) (status int, out string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "RELEASEGATE_TEST_MAIN=1", "DATABASE_URL="+url)
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err := cmd.Run()
	var exit *exec.ExitError
	require.True(t, err == nil || errors.As(err, &exit), "%v", err)
	return cmd.ProcessState.ExitCode(), b.String()
}

var uptime = slo.Objective{
	Key: slo.Key{Name: "uptime"}, Kind: slo.Ratio, Target: 999_000, Window: slo.Window{Length: 24 * time.Hour},
}

// service counts events in a database of its own.
type service struct {
	*testing.T
	url    string
	board  *slo.Board
	rec    *slo.Recorder
	outbox *notifypg.Store
}

func newService(t *testing.T) service {
	t.Helper()
	url := pgtest.Database(t, migrations.SLO, migrations.Notify)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	store := slopg.New(pool, nil)
	board := slo.NewBoard(store, nil)
	_, err = board.Define(t.Context(), uptime)
	require.NoError(t, err)
	rec, err := slo.NewRecorder(store, []slo.Objective{uptime}, nil)
	require.NoError(t, err)
	now, err := store.Clock(t.Context())
	require.NoError(t, err)
	rec.Tick(now.Add(-2 * time.Minute)) // whichever clock the board goes by, it is past
	return service{t, url, board, rec, notifypg.New(pool, nil)}
}

func (s service) observe(good, bad int) {
	for range good {
		s.rec.Observe(slo.Good, 0)
	}
	for range bad {
		s.rec.Observe(slo.Bad, 0)
	}
	require.NoError(s, s.rec.Flush(s.Context()))
}

func TestReleaseGate(t *testing.T) {
	t.Parallel()
	s := newService(t)

	status, out := gate(t, s.url)
	require.Equal(t, 2, status, out)
	require.Contains(t, out, "unknown\n- uptime has no data")

	s.observe(100_000, 40)
	status, out = gate(t, s.url)
	require.Equal(t, 0, status, out)
	require.Equal(t, "go\n", out)

	s.observe(0, 20)
	status, out = gate(t, s.url)
	require.Equal(t, 1, status, out)
	require.Contains(t, out, "frozen\n- releases are frozen since")
	require.Contains(t, out, "because of uptime")
	told, err := s.outbox.List(t.Context(), notify.Query{})
	require.NoError(t, err)
	require.NotEmpty(t, told, "on-call is told of what the gate found")

	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "the engineer on call"})
	_, err = slo.NewReleasePolicy(s.board).Override(ctx, time.Now().Add(time.Hour), "mends what burns the budget")
	require.NoError(t, err)
	status, out = gate(t, s.url)
	require.Equal(t, 0, status, out)
	require.Contains(t, out, "the engineer on call lets releases pass")
	require.Contains(t, out, "mends what burns the budget")
}

func TestWithoutAnAnswerItIsUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url  string
		args []string
	}{
		"no database":       {"", nil},
		"no such server":    {"postgres:///nowhere?host=/nonexistent", nil},
		"no tables":         {pgtest.Database(t), nil},
		"no such flag":      {"", []string{"-frozen"}},
		"no time to answer": {pgtest.Database(t, migrations.SLO), []string{"-within", "1ns"}},
	} {
		status, out := gate(t, c.url, c.args...)
		require.Equal(t, 2, status, "%s: %s", name, out)
		require.NotEmpty(t, out, name)
	}
}
