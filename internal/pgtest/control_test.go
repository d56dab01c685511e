package pgtest_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
)

func TestPauseHoldsEveryAnswerUntilResume(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := connect(t, s.URL("postgres"))
	require.NoError(t, s.Pause())
	answered := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "select 1")
		answered <- err
	}()
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	select {
	case err := <-answered:
		require.Fail(t, "a paused server answered", "%v", err)
	case <-short.Done():
	}
	require.NoError(t, s.Resume())
	require.NoError(t, <-answered)
}

func TestKillAndRestartLoseNothingCommitted(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	url := s.URL("postgres")
	conn := connect(t, url)
	exec1(t, conn, "create table t (n int)")
	for range 3 {
		exec1(t, conn, "insert into t values (1)")
		require.NoError(t, s.Kill())
		require.Error(t, conn.Ping(t.Context()))
		require.NoError(t, s.Restart(t.Context()))
		conn = connect(t, url)
	}
	require.Equal(t, 3, read[int](t, conn, "select count(*) from t"))
	require.NoError(t, s.Kill())
	require.ErrorContains(t, s.Pause(), "down")
}

func TestRestartOfARunningServerKeepsTheAddress(t *testing.T) {
	t.Parallel()
	s := start(t, &pgtest.Options{TCP: true})
	url := s.URL("postgres")
	exec1(t, connect(t, url), "create table t ()")
	require.NoError(t, s.Restart(t.Context()))
	require.Equal(t, url, s.URL("postgres"))
	require.Equal(t, 0, read[int](t, connect(t, url), "select count(*) from t"))
}

func TestStopOfAPausedServer(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	require.NoError(t, s.Pause())
	require.NoError(t, s.Stop())
	require.NoDirExists(t, s.Socket())
}

func TestStartSweepsLeftovers(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	left := filepath.Join(filepath.Dir(s.Socket()), "r-left")
	require.NoError(t, os.MkdirAll(left, 0o755))
	start(t, nil)
	require.NoDirExists(t, left)
	require.DirExists(t, s.Socket(), "a living one stays")
}
