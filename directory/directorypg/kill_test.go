package directorypg_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/internal/proctest"
)

// counting tells in rows, so that what is told twice is there twice.
var counting = &directorypg.Options{Notifier: pgtest.Notifier}

// small makes many transactions of few alerts.
var small = &directory.Options{Batch: 3}

// settle settles batch after batch, and says after each how many partners it was.
func settle(ctx context.Context, c *proctest.Child, _ order, pool *pgxpool.Pool) error {
	store := directorypg.New(pool, counting)
	c.Ready()
	for n := 0; ctx.Err() == nil; n++ {
		if _, err := bookAt(store, noon, small).Settle(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		c.Say(n)
	}
	return nil
}

// due adds partners with a document that expires today.
func due(t *testing.T, pool *pgxpool.Pool, n int) {
	t.Helper()
	book := bookAt(directorypg.New(pool, nil), noon, nil)
	for range n {
		d, err := book.Create(t.Context(), "acme", profile("One"))
		require.NoError(t, err)
		_, err = book.AddDocument(t.Context(), d.Ref, directory.Document{Kind: "licence", Expires: directory.DateOf(noon)})
		require.NoError(t, err)
	}
}

func TestProcessesThatAreKilledWhileTheyAlertTellEachDocumentOnce(t *testing.T) {
	t.Parallel()
	pool := database(t)
	url := pool.Config().ConnString()
	pgtest.Tell(t, pool)
	kills, all := 3, 0
	if conform.Soak() {
		kills = 100
	}
	for range kills {
		due(t, pool, 40)
		all += 40
		var children []*proctest.Process[int]
		for range 2 {
			children = append(children, proctest.Start[int](t, "settle", order{URL: url}))
		}
		for _, c := range children {
			c.Begin()
		}
		require.Eventually(t, func() bool {
			var n int
			return pool.QueryRow(t.Context(), "select count(*) from public.told").Scan(&n) == nil && n > all-35
		}, 30*time.Second, time.Millisecond)
		for _, c := range children {
			c.Kill()
		}
	}
	_, err := bookAt(directorypg.New(pool, counting), noon, small).Settle(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, all, pgtest.One[int64](t, pool, "select count(*) from public.told"))
	require.EqualValues(t, all, pgtest.One[int64](t, pool, "select count(distinct key) from public.told"))
}

// TestRenewalsRaceWithAlerts renews documents while others alert, and holds every alert against what was in force.
func TestRenewalsRaceWithAlerts(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Tell(t, pool)
	due(t, pool, 30)
	store := directorypg.New(pool, counting)
	partners, err := bookAt(store, noon, nil).List(t.Context(), directory.ListQuery{Limit: 100})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 5 {
				if _, err := bookAt(store, noon, small).Settle(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for _, d := range partners {
			_, err := bookAt(store, noon, nil).AddDocument(t.Context(), d.Ref, directory.Document{
				Kind: "licence", Expires: directory.DateOf(noon).Add(100),
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	before := pgtest.One[int64](t, pool, "select count(*) from public.told")
	require.Equal(t, before, pgtest.One[int64](t, pool, "select count(distinct key) from public.told"), "each at most once")
	_, err = bookAt(store, noon.AddDate(0, 0, 10), nil).Settle(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, pgtest.One[int64](t, pool, "select count(*) from public.told"), "nothing of what was renewed")
	require.EqualValues(t, 30, pgtest.One[int64](t, pool, "select count(*) from tenon.directory_docs where in_force and version = 2"))
	_, err = bookAt(store, noon.AddDate(0, 0, 95), nil).Settle(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, before+30, pgtest.One[int64](t, pool, "select count(*) from public.told"))
}

// TestWordsThatAreForgottenWhileTheyAreLearntStay erases tenants while others publish the same words.
func TestWordsThatAreForgottenWhileTheyAreLearntStay(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := directorypg.New(pool, nil)
	rounds := 15
	if conform.Soak() {
		rounds = 1000
	}
	for n := range rounds {
		name := fmt.Sprintf("Quixotic Marmalade %c%c", 'a'+n%26, 'a'+n/26%26)
		publish(t, bookAt(store, noon, nil), "first", profile(name))
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := store.Erase(t.Context(), tenon.Subject{Tenant: "first"}); err != nil {
				t.Error(err)
			}
		})
		for i := range 2 {
			wg.Go(func() { publish(t, bookAt(store, noon, nil), fmt.Sprint("second", i), profile(name)) })
		}
		wg.Wait()
		require.Len(t, found(t, bookAt(store, noon, nil), directory.Search{Text: "marmelade quixotik"}), 2)
		for i := range 2 {
			_, err := store.Erase(t.Context(), tenon.Subject{Tenant: fmt.Sprint("second", i)})
			require.NoError(t, err)
		}
		require.Zero(t, pgtest.One[int64](t, pool, "select count(*) from tenon.directory_words"))
	}
}

// TestPublishersOfTheSameWordsDoNotDeadlock has many write the same words in other orders at once.
func TestPublishersOfTheSameWordsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	store := directorypg.New(database(t), nil)
	names := []string{"alpha beta gamma delta", "delta gamma beta alpha", "gamma alpha delta beta"}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() { publish(t, bookAt(store, noon, nil), fmt.Sprint("t", i%4), profile(names[i%3])) })
	}
	wg.Wait()
	require.Len(t, found(t, bookAt(store, noon, nil), directory.Search{Text: "gama"}), 12)
}
