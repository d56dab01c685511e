package flagspg_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// away is how long Postgres stays away.
func away() time.Duration {
	if conform.Soak() {
		return time.Minute
	}
	return 200 * time.Millisecond
}

// asking evaluates without a pause until stop, which returns how often the answer was wrong.
func asking(set *flags.Set, key, tenant string) (stop func() (asked, wrong int)) {
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	var asked, wrong int
	wait.Go(func() {
		for ; ctx.Err() == nil; asked++ {
			if !isOn(set, key, tenant) {
				wrong++
			}
		}
	})
	return func() (int, int) {
		cancel()
		wait.Wait()
		return asked, wrong
	}
}

func TestSetsAnswerWhilePostgresIsAwayAndCatchUpAfterwards(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t, nil, migrations.Flags)
	url := server.URL("postgres")
	pool := pgtest.Connect(t, url)
	copied := filepath.Join(t.TempDir(), "flags.json")
	opts := &flags.Options{
		Refresh: 10 * time.Millisecond, Every: 10 * time.Millisecond, MarkEvery: -1, Timeout: time.Minute, Bootstrap: copied,
	}
	require.NoError(t, loaded(t, pool).Declare(t.Context(), named("beta", "acme")))
	polls := flags.NewSet(flagspg.New(pool, nil), opts)
	running(t, polls.Run)
	listener := newListener(t, url)
	running(t, listener.Run)
	hears := flags.NewSet(flagspg.New(pool, &flagspg.Options{Listener: listener}), &flags.Options{Refresh: time.Hour, MarkEvery: -1, Timeout: time.Minute})
	running(t, hears.Run)
	eventually(t, func() bool {
		return isOn(polls, "beta", "acme") && isOn(hears, "beta", "acme") && listener.Stats().Connected
	})
	eventually(t, func() bool { _, err := os.Stat(copied); return err == nil })

	stop := asking(polls, "beta", "acme")
	require.NoError(t, server.Kill())
	eventually(t, func() bool { return polls.Stats().LastError != "" && !listener.Stats().Connected })
	_, err := polls.Edit(t.Context(), "beta", func(*flags.Definition) error { return nil }, "")
	require.ErrorIs(t, err, tenon.ErrUnavailable)

	late := flags.NewSet(flagspg.New(pool, nil), opts)
	require.NoError(t, late.Load(t.Context()), "one that starts now has the copy on disk")
	require.Equal(t, flags.StatusStale, late.Status())
	require.True(t, isOn(late, "beta", "acme"))

	<-time.After(away())
	require.NoError(t, server.Restart(t.Context()))
	other := loaded(t, pgtest.Connect(t, url))
	_, err = other.Put(t.Context(), named("later", "acme"), "")
	require.NoError(t, err)
	for name, set := range map[string]*flags.Set{"by polling": polls, "by listening": hears} {
		require.Eventually(t, func() bool { return isOn(set, "later", "acme") }, time.Minute, time.Millisecond, name)
		require.Equal(t, flags.StatusReady, set.Status())
	}
	eventually(t, func() bool { return late.Load(t.Context()) == nil }) // the pool may still have connections that are dead
	require.Equal(t, flags.StatusReady, late.Status())
	require.True(t, isOn(late, "later", "acme"))
	asked, wrong := stop()
	require.Positive(t, asked)
	require.Zero(t, wrong)
}
