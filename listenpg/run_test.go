package listenpg_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/listenpg"
)

func TestRunDrains(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	l := listenpg.New(config(t, url), nil)
	h, begun, release := newHeard(), make(chan struct{}), make(chan struct{})
	l.Subscribe("tenon_a", func(payload string) {
		if payload == "1" {
			close(begun)
			<-release
		}
		h.call(payload)
	})
	fast := newHeard()
	l.Subscribe("tenon_a", fast.call)
	stop := run(t, l)
	fast.require(t, "")
	conn := connect(t, url)
	notify(t, conn, "tenon_a", "1")
	notify(t, conn, "tenon_a", "2")
	fast.require(t, "1", "2")
	<-begun
	ended := make(chan error)
	go func() { ended <- stop() }()
	require.Eventually(t, func() bool { return !l.Stats().Connected }, soon, time.Millisecond)
	select {
	case err := <-ended:
		require.Fail(t, "Run did not wait", "%v", err)
	default:
	}
	close(release)
	require.NoError(t, <-ended)
	h.require(t, "", "1", "2")
}

func TestRunNamesWhatItCouldNotFinishAndRunsAgain(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	l := listenpg.New(config(t, url), &listenpg.Options{Drain: time.Millisecond})
	var once sync.Once
	var calls, most atomic.Int32
	begun, release, h := make(chan struct{}), make(chan struct{}), newHeard()
	l.Subscribe("tenon_stuck", func(payload string) {
		if n := calls.Add(1); n > most.Load() {
			most.Store(n)
		}
		once.Do(func() {
			close(begun)
			<-release
		})
		calls.Add(-1)
		h.call(payload)
	})
	stop := run(t, l)
	<-begun
	err := stop()
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "tenon_stuck")

	l.Subscribe("tenon_b", newHeard().call)
	again := run(t, l)
	require.Eventually(t, func() bool { return l.Stats().Connected }, soon, time.Millisecond)
	close(release)
	h.require(t, "", "")
	notify(t, connect(t, url), "tenon_stuck", "1")
	h.require(t, "1")
	require.NoError(t, again())
	require.EqualValues(t, 1, most.Load(), "never twice at once")
}

func TestTimesThatAreSwitchedOffBoundNothing(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	l := listenpg.New(config(t, url), &listenpg.Options{Keepalive: -1, Timeout: -1})
	h := newHeard()
	l.Subscribe("tenon_a", h.call)
	stop := run(t, l)
	h.require(t, "")
	notify(t, connect(t, url), "tenon_a", "1")
	h.require(t, "1")
	require.NoError(t, stop())
	require.Empty(t, l.Stats().LastError)
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, listenpg.New(nil, nil).Run(t.Context()), tenon.ErrInvalid)

	l := listenpg.New(config(t, pgtest.Database(t)), nil)
	h := newHeard()
	for _, channel := range []string{"", strings.Repeat("x", 64), "a\x00b", "\xff"} {
		l.Subscribe(channel, func(string) { t.Error("called") })()
	}
	l.Subscribe(strings.Repeat("x", 63), h.call)
	run(t, l)
	h.require(t, "")
	require.ErrorIs(t, l.Run(t.Context()), tenon.ErrConflict)
}
