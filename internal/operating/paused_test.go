package operating_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
)

// A server that stands still answers nothing and closes nothing: only the caller's own deadline ends a call.
func TestCallsOfAServerThatStandsStillEndAtTheirDeadlineAndGoOnAfterwards(t *testing.T) {
	t.Parallel()
	server := start(t, nil)
	pool := pgtest.Connect(t, server.URL("postgres")+"&pool_max_conns=12")
	s := open(t, pool, patience)
	prepare(t, s, "before", "paused", "after")
	for name, write := range s.writes("before") {
		require.NoError(t, write(staff(t.Context())), name)
	}
	require.NoError(t, server.Pause())
	ctx, cancel := context.WithTimeout(staff(t.Context()), 200*time.Millisecond)
	defer cancel()
	ended := map[string]chan error{}
	for name, write := range s.writes("paused") {
		end := make(chan error, 1)
		ended[name] = end
		go func() { end <- write(ctx) }()
	}
	for name, end := range ended {
		select {
		case err := <-end:
			require.ErrorIs(t, err, tenon.ErrUnavailable, name)
		case <-time.After(patience):
			require.Fail(t, "a call outlives its deadline", name)
		}
	}
	require.NoError(t, server.Resume())
	for name, write := range s.writes("after") {
		require.Eventually(t, func() bool { return write(staff(t.Context())) == nil }, patience, 10*time.Millisecond, name)
	}
	for name, write := range s.writes("paused") { // tried again, it is done once, as the fault matrix shows
		require.NoError(t, write(staff(t.Context())), name)
	}
}
