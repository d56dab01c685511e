package notifypg_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/notify/notifytest"
)

func TestANotificationCommitsWithItsCauseOrNotAtAll(t *testing.T) {
	t.Parallel()
	pool := database(t)
	outbox := notify.NewOutbox(notifypg.New(pool, nil), map[string]tenon.Notifier{"a": nil, "b": nil}, nil)
	for i, end := range []func(pgx.Tx, context.Context) error{pgx.Tx.Rollback, pgx.Tx.Commit} {
		tx := pgtest.Begin(t, pool)
		require.NoError(t, notifypg.New(tx, nil).Notify(t.Context(), notifytest.Notification("acme", "direct")))
		bound := outbox.WithStore(notifypg.New(tx, nil))
		require.NoError(t, bound.Notify(t.Context(), notifytest.Notification("acme", "routed")))
		require.Zero(t, pgtest.One[int](t, pool, "select count(*) from tenon.notifications"), "seen before the commit")
		require.NoError(t, end(tx, t.Context()))
		require.Equal(t, 3*i, pgtest.One[int](t, pool, "select count(*) from tenon.notifications"))
	}
}

func TestWhatGoesNowhereIsNotWritten(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := notifypg.New(pool, &notifypg.Options{Routing: notify.Routing{To: notify.To()}})
	require.NoError(t, store.Notify(t.Context(), notifytest.Notification("acme", "k")))
	require.Zero(t, pgtest.One[int](t, pool, "select count(*) from tenon.notifications"))
}

func TestARepeatDoesNotAbortTheCallersTransaction(t *testing.T) {
	t.Parallel()
	pool := database(t)
	require.NoError(t, notifypg.New(pool, nil).Notify(t.Context(), notifytest.Notification("acme", "k")))
	tx := pgtest.Begin(t, pool)
	store := notifypg.New(tx, nil)
	require.NoError(t, store.Notify(t.Context(), notifytest.Notification("acme", "k")))
	require.ErrorIs(t, store.Notify(t.Context(), tenon.Notification{}), tenon.ErrInvalid)
	require.ErrorIs(t, store.Replay(t.Context(), notify.Ref{ID: "no id"}, time.Now()), notify.ErrUnknownEntry)
	require.NoError(t, store.Notify(t.Context(), notifytest.Notification("acme", "other")))
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, 2, pgtest.One[int](t, pool, "select count(*) from tenon.notifications"))
}

func TestOfSeveralAmongWhichOneIsBadNoneIsWritten(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := notifypg.New(pool, nil)
	outbox := notify.NewOutbox(store, map[string]tenon.Notifier{"default": nil}, nil)
	for _, to := range []tenon.BatchNotifier{store, outbox} {
		err := to.NotifyBatch(t.Context(), []tenon.Notification{notifytest.Notification("acme", "good"), {Key: "bad"}})
		require.ErrorIs(t, err, tenon.ErrInvalid)
		require.Zero(t, pgtest.One[int](t, pool, "select count(*) from tenon.notifications"))
	}
}

func TestAnOpenTransactionOfAWriterDelaysNobody(t *testing.T) {
	t.Parallel()
	pool := database(t)
	tx := pgtest.Begin(t, pool)
	require.NoError(t, notifypg.New(tx, nil).Notify(t.Context(), notifytest.Notification("acme", "open")))
	require.NoError(t, notifypg.New(pool, nil).Notify(t.Context(), notifytest.Notification("acme", "done")))
	to := runFor(t, pool, func(to *notifytest.Notifier) bool { return len(to.Told()) == 1 })
	require.Equal(t, []string{"done"}, to.Keys())
	require.NoError(t, tx.Commit(t.Context()))
	to = runFor(t, pool, func(to *notifytest.Notifier) bool { return len(to.Told()) == 1 })
	require.Equal(t, []string{"open"}, to.Keys())
}

// runFor runs an outbox over db until enough says so, and returns what it delivered to.
func runFor(t *testing.T, db notifypg.DB, enough func(to *notifytest.Notifier) bool) *notifytest.Notifier {
	t.Helper()
	to := &notifytest.Notifier{}
	outbox := newOutbox(db, to)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- outbox.Run(ctx) }()
	require.Eventually(t, func() bool { return enough(to) }, 30*time.Second, 5*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	return to
}

// othersLocksSQL counts what other transactions of this database have locked.
const othersLocksSQL = `
select count(*)
from pg_locks
where pid <> pg_backend_pid()
  and database = (select oid from pg_database where datname = current_database())
  and locktype in ('relation', 'tuple', 'advisory')`

func TestNoConnectionIsHeldDuringADelivery(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := notifypg.New(pool, nil)
	for _, tenant := range []string{"a", "b", "c"} {
		require.NoError(t, store.Notify(t.Context(), notifytest.Notification(tenant, "k")))
	}
	begun, release := make(chan struct{}, 1000), make(chan struct{}) // more than three when leases end meanwhile
	outbox := newOutbox(pool, notify.Func(func(context.Context, tenon.Notification) error {
		begun <- struct{}{}
		<-release
		return nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- outbox.Run(ctx) }()
	for range 3 {
		<-begun
	}
	// The worker looks for more from time to time, so it is enough to see it idle once.
	require.Eventually(t, func() bool { return pool.Stat().AcquiredConns() == 0 }, 30*time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		var others int
		err := pool.QueryRow(t.Context(), othersLocksSQL).Scan(&others)
		return err == nil && others == 0
	}, 30*time.Second, time.Millisecond)
	close(release)
	cancel()
	require.NoError(t, <-ended)
}

func TestChannelSendsToThoseWhoListen(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `listen "Ops"`)
	require.NoError(t, err)
	channel := notifypg.Channel(pool, "Ops")
	long := notifytest.Notification("acme", "long")
	long.Text = strings.Repeat("x", 9000)
	longer := notifytest.Notification("acme", "longer")
	longer.Title, longer.Text = strings.Repeat("ä", 2000), strings.Repeat("x", 9000)
	longest := notifytest.Notification("acme", strings.Repeat("k", 1000))
	longest.Title = strings.Repeat("\\", 4000)
	for _, n := range []tenon.Notification{notifytest.Notification("acme", "short"), long, longer, longest} {
		require.NoError(t, channel.Notify(t.Context(), n))
		heard, err := conn.WaitForNotification(t.Context())
		require.NoError(t, err)
		var got tenon.Notification
		require.NoError(t, json.Unmarshal([]byte(heard.Payload), &got))
		require.Equal(t, n.Key, got.Key)
		require.Less(t, len(heard.Payload), 8000)
		if n.Key == "short" {
			require.Equal(t, n, got)
		}
	}
	require.ErrorIs(t, channel.Notify(t.Context(), tenon.Notification{Key: strings.Repeat("k", 9000)}), tenon.ErrInvalid)
}

func TestChannelIsANotifier(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	notifytest.TestNotifier(t, func(t *testing.T) (tenon.Notifier, func() []string) {
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		name := "ops_" + strings.ReplaceAll(tenon.NewID(time.Now()), "-", "")
		_, err = conn.Exec(t.Context(), "listen "+name)
		require.NoError(t, err)
		var keys []string
		return notifypg.Channel(pool, name), func() []string {
			pgtest.Exec(t, pool, "select pg_notify($1, 'end')", name)
			for {
				heard, err := conn.WaitForNotification(t.Context())
				require.NoError(t, err)
				if heard.Payload == "end" {
					return keys
				}
				var n tenon.Notification
				require.NoError(t, json.Unmarshal([]byte(heard.Payload), &n))
				keys = append(keys, n.Key)
			}
		}
	})
}

func TestErrorsHaveTheirClass(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	pgtest.Exec(t, pool, "drop table tenon.notifications, tenon.notification_groups")
	err := notifypg.New(pool, nil).Notify(t.Context(), notifytest.Notification("acme", "k"))
	require.ErrorContains(t, err, "migrations.Notify")
	closed, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	closed.Close()
	store := notifypg.New(closed, nil)
	require.ErrorIs(t, store.Notify(t.Context(), notifytest.Notification("acme", "k")), tenon.ErrUnavailable)
	_, err = store.Claim(t.Context(), notify.Claim{Destination: "d", Lease: tenon.NewID(time.Now()), Limit: 1})
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.ErrorIs(t, store.Settle(t.Context(), nil), tenon.ErrUnavailable)
	_, err = store.Tally(t.Context())
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	_, err = store.Prune(t.Context(), time.Now(), 1)
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	_, err = store.List(t.Context(), notify.Query{})
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	_, err = store.Clock(t.Context())
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, errors.Is(notifypg.New(pool, nil).Settle(ctx, nil), context.Canceled))
}

// noon is an instant of the past.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
