package flagspg_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/listenpg"
)

// running runs f until the test ends or stop is called, and fails when it returns an error.
func running(t *testing.T, f func(ctx context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits as long as a busy machine may take.
func eventually(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, 30*time.Second, time.Millisecond)
}

func isOn(set *flags.Set, key, tenant string) bool {
	return set.Evaluate(key, &flags.Who{Tenant: tenant}).Value == true
}

func newListener(t *testing.T, url string) *listenpg.Listener {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	return listenpg.New(config, &listenpg.Options{MaxBackoff: 200 * time.Millisecond})
}

func TestASetLearnsAtOnceWhatOtherProcessesWrite(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	listener := newListener(t, url)
	set := flags.NewSet(flagspg.New(pool, &flagspg.Options{Listener: listener}), &flags.Options{Refresh: time.Hour, Timeout: time.Minute})
	running(t, listener.Run)
	running(t, set.Run)
	eventually(t, func() bool { return set.Status() == flags.StatusReady && listener.Stats().Connected })

	other := loaded(t, pool)
	d, err := other.Put(t.Context(), named("beta", "acme"), "")
	require.NoError(t, err)
	eventually(t, func() bool { return isOn(set, "beta", "acme") })
	_, err = other.SetDisabled(t.Context(), "beta", true, "broken")
	require.NoError(t, err)
	eventually(t, func() bool { return !isOn(set, "beta", "acme") })
	d.Version++
	require.NoError(t, other.Delete(t.Context(), "beta", d.Version, "done"))
	eventually(t, func() bool { _, err := set.Flag("beta"); return err != nil })
}

func TestPollingCoversWhatIsNotTold(t *testing.T) {
	t.Parallel()
	pool := database(t)
	set := flags.NewSet(flagspg.New(pool, nil), &flags.Options{Refresh: 5 * time.Millisecond, Timeout: time.Minute})
	running(t, set.Run)
	_, err := loaded(t, pool).Put(t.Context(), named("beta", "acme"), "")
	require.NoError(t, err)
	eventually(t, func() bool { return isOn(set, "beta", "acme") })
}

// mouth is a listener whose notifications the test says itself.
type mouth struct {
	mu  sync.Mutex
	fns []func(string)
}

func (m *mouth) Subscribe(channel string, fn func(string)) func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if channel == flagspg.Channel {
		m.fns = append(m.fns, fn)
	}
	return func() {}
}

func (m *mouth) say(payload string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, fn := range m.fns {
		fn(payload)
	}
}

func (m *mouth) heard() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.fns) > 0
}

func TestNotificationsOutOfOrderTwiceOrWithoutSenseNeverLeadBack(t *testing.T) {
	t.Parallel()
	pool := database(t)
	m := &mouth{}
	set := flags.NewSet(flagspg.New(pool, &flagspg.Options{Listener: m}), &flags.Options{Refresh: time.Hour, Timeout: time.Minute})
	running(t, set.Run)
	eventually(t, m.heard)

	const writes = 40
	store := flagspg.New(pool, nil)
	highest := int64(0)
	for n := range int64(writes) {
		put(t, store, record(t, named("beta", strconv.FormatInt(n, 10)), n+1))
		for range 3 {
			m.say(strconv.FormatInt(rand.Int64N(writes)+1, 10)) // also of revisions that are not there yet
		}
		m.say([]string{"", "garbage", "-1", "99999999999999999999"}[n%4])
		live := set.Revision()
		require.GreaterOrEqual(t, live, highest)
		highest = live
	}
	m.say("")
	eventually(t, func() bool { return set.Revision() == writes })
	require.True(t, isOn(set, "beta", strconv.Itoa(writes-1)))
}

func TestTheNotificationCarriesTheRevisionAlone(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	pgtest.Exec(t, conn, "listen "+flagspg.Channel)
	put(t, flagspg.New(pool, nil), record(t, named("beta", "acme"), 1), record(t, named("gamma"), 1))
	n, err := conn.WaitForNotification(t.Context())
	require.NoError(t, err)
	require.Equal(t, "1", n.Payload)
}

func TestWritersInCrowdsCountEveryRevisionOnce(t *testing.T) {
	t.Parallel()
	pool := database(t)
	require.NoError(t, loaded(t, pool).Declare(t.Context(), named("beta")))
	const writers, each = 6, 5
	var wait sync.WaitGroup
	for w := range writers {
		set := loaded(t, pool)
		wait.Go(func() {
			for n := range each {
				_, err := set.Edit(t.Context(), "beta", func(d *flags.Definition) error {
					d.Tenants = map[string]string{fmt.Sprint(w, "/", n): "on"}
					return nil
				}, "")
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	wait.Wait()
	require.EqualValues(t, 1+writers*each, pgtest.One[int64](t, pool, "select revision from tenon.flags_revision"))
	consistent(t, pool)
	counted(t, pool)
}

const inconsistentSQL = `
select v.key || ' ' || v.version
from (
  select *, lag(version, 1, 0::bigint) over w as before, lag(revision, 1, 0::bigint) over w as earlier,
    lead(version) over w is null as newest
  from tenon.flag_versions
  window w as (partition by kind, key order by version)) v
left join tenon.flags f on f.kind = v.kind and f.key = v.key
where v.version <> v.before + 1
  or v.revision <= v.earlier
  or v.revision > (select revision from tenon.flags_revision)
  or v.newest and (f.version, f.revision, f.body::text, f.at) is distinct from (v.version, v.revision, v.body::text, v.at)`

// consistent fails when versions have gaps, or the newest is not the one that is live.
func consistent(t *testing.T, db flagspg.DB) {
	t.Helper()
	require.Empty(t, pgtest.List[string](t, db, inconsistentSQL))
}

// counted fails when a revision is not one write, or a write not one revision.
func counted(t *testing.T, db flagspg.DB) {
	t.Helper()
	require.Equal(t, pgtest.One[int64](t, db, "select count(distinct revision) from tenon.flag_versions"),
		pgtest.One[int64](t, db, "select revision from tenon.flags_revision"))
}
