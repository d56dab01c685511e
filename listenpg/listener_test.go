package listenpg_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/listenpg"
)

const soon = time.Minute

func config(t *testing.T, url string) *pgx.ConnConfig {
	t.Helper()
	c, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	return c
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func notify(t *testing.T, conn *pgx.Conn, channel, payload string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), "select pg_notify($1, $2)", channel, payload)
	require.NoError(t, err)
}

// run starts Run and returns what ends it.
func run(t *testing.T, l *listenpg.Listener) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

// heard receives what a subscriber is called with.
type heard chan string

func (h heard) call(payload string) { h <- payload }

func (h heard) require(t *testing.T, payloads ...string) {
	t.Helper()
	for _, want := range payloads {
		select {
		case got := <-h:
			require.Equal(t, want, got)
		case <-time.After(soon):
			require.Fail(t, "heard nothing", "want %q", want)
		}
	}
}

func newHeard() heard { return make(heard, 1000) }

func TestNotificationsArriveInOrderAfterTheFirstCall(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	l := listenpg.New(config(t, url), nil)
	a, also, b, late := newHeard(), newHeard(), newHeard(), newHeard()
	l.Subscribe("tenon_a", a.call)
	l.Subscribe("tenon_a", also.call)
	l.Subscribe(`Odd "name"; drop`, b.call)
	stop := run(t, l)
	a.require(t, "")
	also.require(t, "")
	b.require(t, "")

	conn := connect(t, url)
	notify(t, conn, "tenon_a", "1")
	notify(t, conn, `Odd "name"; drop`, "2")
	notify(t, conn, "tenon_late", "nobody")
	notify(t, conn, "tenon_a", "3")
	a.require(t, "1", "3")
	also.require(t, "1", "3")
	b.require(t, "2")

	l.Subscribe("tenon_late", late.call) // while Run waits
	late.require(t, "")
	notify(t, conn, "tenon_late", "4")
	late.require(t, "4")

	stats := l.Stats()
	require.True(t, stats.Connected)
	require.WithinDuration(t, time.Now(), stats.Since, soon)
	require.EqualValues(t, 0, stats.Reconnects)
	require.EqualValues(t, 4, stats.Notifications)
	require.Equal(t, 4, stats.Subscribers)
	require.Empty(t, stats.LastError)
	require.NoError(t, stop())
	require.False(t, l.Stats().Connected)
	require.Empty(t, a)
}

func TestReconnectAfterTheBackendIsGone(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	l := listenpg.New(config(t, url), &listenpg.Options{MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond})
	h := newHeard()
	l.Subscribe("tenon_a", h.call)
	run(t, l)
	conn := connect(t, url)
	for i := range 5 {
		h.require(t, "")
		notify(t, conn, "tenon_a", fmt.Sprint(i))
		h.require(t, fmt.Sprint(i))
		_, err := conn.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity
			where datname = current_database() and application_name = 'tenon listener'`)
		require.NoError(t, err)
	}
	h.require(t, "")
	require.EqualValues(t, 5, l.Stats().Reconnects)
	require.Contains(t, l.Stats().LastError, "57P01")
}

func TestReconnectAfterTheServerFallsSilent(t *testing.T) {
	t.Parallel()
	c := config(t, pgtest.Database(t))
	dial := c.DialFunc
	var silent atomic.Bool
	c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		silent.Store(false)
		return throughPipe(conn, &silent), nil
	}
	l := listenpg.New(c, &listenpg.Options{
		Keepalive: 20 * time.Millisecond, Timeout: 500 * time.Millisecond, MinBackoff: time.Millisecond,
	})
	h := newHeard()
	l.Subscribe("tenon_a", h.call)
	run(t, l)
	h.require(t, "")
	require.EqualValues(t, 0, l.Stats().Reconnects)
	silent.Store(true)
	h.require(t, "")
	require.EqualValues(t, 1, l.Stats().Reconnects)
	require.Contains(t, l.Stats().LastError, "keepalive")
}

// throughPipe returns a connection to conn that stays open and carries nothing back while silent.
func throughPipe(conn net.Conn, silent *atomic.Bool) net.Conn {
	near, far := net.Pipe()
	go func() {
		_, _ = io.Copy(conn, far)
		conn.Close()
	}()
	go func() {
		defer far.Close()
		buf := make([]byte, 1<<16)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			if !silent.Load() {
				_, _ = far.Write(buf[:n])
			}
		}
	}()
	return near
}

func TestCancelStopsTheCalls(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	l := listenpg.New(config(t, url), nil)
	gone, stays, itself := newHeard(), newHeard(), newHeard()
	cancel := l.Subscribe("tenon_a", gone.call)
	l.Subscribe("tenon_b", stays.call)
	var cancelItself func()
	cancelItself = l.Subscribe("tenon_a", func(payload string) {
		itself.call(payload)
		if payload == "1" {
			cancelItself()
			cancelItself()
		}
	})
	run(t, l)
	gone.require(t, "")
	stays.require(t, "")
	itself.require(t, "")
	cancel()
	conn := connect(t, url)
	notify(t, conn, "tenon_a", "1")
	itself.require(t, "1")
	notify(t, conn, "tenon_a", "2")
	notify(t, conn, "tenon_b", "3")
	stays.require(t, "3")
	require.Empty(t, gone)
	require.Empty(t, itself)
	require.Equal(t, 1, l.Stats().Subscribers)

	before := l.Stats().Notifications
	back := newHeard()
	l.Subscribe("tenon_c", back.call) // once this is heard, tenon_a is no longer listened to
	back.require(t, "")
	notify(t, conn, "tenon_a", "4")
	notify(t, conn, "tenon_b", "5")
	stays.require(t, "5")
	require.Equal(t, before+1, l.Stats().Notifications)
}

func TestASlowSubscriberDelaysNobody(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	l := listenpg.New(config(t, url), &listenpg.Options{Queue: 3})
	slow, fast := newHeard(), newHeard()
	release := make(chan struct{})
	l.Subscribe("tenon_a", func(payload string) {
		slow.call(payload)
		<-release
	})
	l.Subscribe("tenon_a", fast.call)
	stop := run(t, l)
	slow.require(t, "") // and holds
	fast.require(t, "")

	conn := connect(t, url)
	for _, p := range []string{"1", "2", "1", "2", "3", "1"} {
		notify(t, conn, "tenon_a", p)
		fast.require(t, p)
	}
	release <- struct{}{}
	slow.require(t, "1")                        // what waits already is not put in again
	for _, p := range []string{"4", "5", "6"} { // 2, 3 and 4 wait; 5 is one too many
		notify(t, conn, "tenon_a", p)
		fast.require(t, p)
	}
	close(release)
	require.NoError(t, stop())
	slow.require(t, "", "6")
	require.Empty(t, slow)
}

func TestAPoolerIsRefused(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	pooled := pgtest.PgBouncer(t, pgtest.Shared(t), config(t, url).Database, nil)
	l := listenpg.New(config(t, pooled), &listenpg.Options{MinBackoff: time.Millisecond})
	l.Subscribe("tenon_a", func(string) { t.Error("called") })
	run(t, l)
	require.Eventually(t, func() bool { return l.Stats().LastError == listenpg.ErrIndirect.Error() }, soon, time.Millisecond)
	require.False(t, l.Stats().Connected)
}

func TestAttemptsSpreadOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := config(t, "postgres:///x?host=/nowhere&user=x")
		var at []time.Time
		c.DialFunc = func(context.Context, string, string) (net.Conn, error) {
			at = append(at, time.Now())
			return nil, errors.New("no route")
		}
		l := listenpg.New(c, &listenpg.Options{MinBackoff: 100 * time.Millisecond, MaxBackoff: 10 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		require.NoError(t, l.Run(ctx), "being without a connection is not an error of Run")
		require.Contains(t, l.Stats().LastError, "no route")

		var pauses []time.Duration
		for _, next := range at[1:] {
			if pause := next.Sub(at[0]); pause > 0 { // pgx may dial twice at once: with and without TLS
				pauses = append(pauses, pause)
				at[0] = next
			}
		}
		require.Greater(t, len(pauses), 30)
		different := map[time.Duration]bool{}
		for i, pause := range pauses {
			bound := min(10*time.Second, 100*time.Millisecond<<min(i, 20))
			require.GreaterOrEqual(t, pause, bound/2)
			require.LessOrEqual(t, pause, bound)
			different[pause] = true
		}
		require.Greater(t, len(different), len(pauses)/2, "jitter")
	})
}
