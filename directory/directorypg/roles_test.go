package directorypg_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// as returns a pool whose sessions have the role.
func as(t *testing.T, url, role string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	config.ConnConfig.RuntimeParams["role"] = role
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// newRole makes a role that goes with the test; roles belong to the server.
func newRole(t *testing.T, conn *pgx.Conn, part string) string {
	t.Helper()
	name := "directory_" + part + "_" + strings.ReplaceAll(tenon.NewID(time.Now()), "-", "")
	_, err := conn.Exec(t.Context(), "create role "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		for _, sql := range []string{"drop owned by " + name, "drop role " + name} {
			if _, err := conn.Exec(context.Background(), sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
	})
	return name
}

func TestTheAppWritesForItsTenantAndFindsEverybodysPublicPartners(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, migrations.Directory)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	roles := migrations.Roles{App: newRole(t, conn, "app"), Worker: newRole(t, conn, "worker")}
	require.NoError(t, migrations.ApplyGrants(t.Context(), conn, roles))
	require.NoError(t, migrations.EnableRLS(t.Context(), conn, roles))

	worker := directorypg.New(as(t, url, roles.Worker), nil)
	other := publish(t, bookAt(worker, noon, nil), "other", profile("Freight Other"))
	require.NoError(t, worker.Start(t.Context()))

	app := as(t, url, roles.App)
	require.ErrorIs(t, directorypg.New(app, nil).Start(t.Context()), migrations.ErrFiltered)
	require.ErrorIs(t, directory.NewBook(directorypg.New(app, nil), nil).Run(t.Context()), migrations.ErrFiltered)
	require.Equal(t, []string{"Freight Other"}, found(t, bookAt(directorypg.New(app, nil), noon, nil), directory.Search{Text: "frieght"}))

	tx, err := app.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	_, err = tx.Exec(t.Context(), "select set_config('tenon.tenant_id', 'acme', true)")
	require.NoError(t, err)
	book := bookAt(directorypg.New(tx, nil), noon.Add(time.Hour), nil)
	own := publish(t, book, "acme", profile("Freight Own"))
	_, err = book.AddDocument(t.Context(), own.Ref, directory.Document{Kind: "licence"})
	require.NoError(t, err)
	require.Equal(t, []string{"Freight Own", "Freight Other"}, found(t, book, directory.Search{Text: "frieght"}))
	_, err = book.Partner(t.Context(), other.Ref)
	require.ErrorIs(t, err, directory.ErrUnknownPartner)
	_, err = book.Unpublish(t.Context(), other.Ref, "")
	require.ErrorIs(t, err, directory.ErrUnknownPartner)
	all, err := book.List(t.Context(), directory.ListQuery{})
	require.NoError(t, err)
	require.Len(t, all, 1)
	_, err = tx.Exec(t.Context(), "update tenon.directory_entries set company_name = 'x'")
	require.ErrorContains(t, err, "permission denied")
}

func TestErasingATenantLeavesNothingOfIt(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := directorypg.New(pool, nil)
	ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: "ines"})
	p := profile("Zyxwvut Freight")
	d := publish(t, bookAt(store, noon, nil), "acme", p)
	publish(t, bookAt(store, noon, nil), "other", profile("Freight Other"))
	book := bookAt(store, noon, nil)
	_, err := book.AddDocument(ctx, d.Ref, directory.Document{Kind: "licence"})
	require.NoError(t, err)
	_, err = book.Verify(ctx, d.Ref)
	require.NoError(t, err)

	export := func(s tenon.Subject) map[string]int {
		rows := map[string]int{}
		for row, err := range store.Export(t.Context(), s) {
			require.NoError(t, err)
			require.Contains(t, string(row.Data), `"acme"`)
			rows[row.Table]++
		}
		return rows
	}
	all, ines := tenon.Subject{Tenant: "acme"}, tenon.Subject{Tenant: "acme", User: "ines"}
	require.Equal(t, map[string]int{
		"tenon.directory_companies": 1, "tenon.public_partners": 1, "tenon.directory_docs": 1, "tenon.directory_status_log": 4,
	}, export(all))
	require.Equal(t, map[string]int{
		"tenon.directory_companies": 1, "tenon.directory_docs": 1, "tenon.directory_status_log": 1,
	}, export(ines))
	erased, err := store.Erase(t.Context(), ines)
	require.NoError(t, err)
	require.EqualValues(t, 1, erased["tenon.directory_docs"])
	require.Empty(t, export(ines))

	erased, err = store.Erase(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{
		"tenon.directory_companies": 1, "tenon.public_partners": 1, "tenon.directory_docs": 1, "tenon.directory_status_log": 4,
		"tenon.directory_entries": 1, "tenon.directory_listings": 1, "tenon.directory_words": 1,
	}, erased)
	require.Empty(t, export(all))
	require.Equal(t, []string{"freight", "other"}, list[string](t, pool, "select word from tenon.directory_words order by word"))
	require.EqualValues(t, 1, one[int64](t, pool, "select count(*) from tenon.directory_listings"))
	again, err := store.Erase(t.Context(), all)
	require.NoError(t, err)
	for table, n := range again {
		require.Zero(t, n, table)
	}
	for _, s := range []tenon.Subject{{}, {User: "ines"}} {
		_, err := store.Erase(t.Context(), s)
		require.ErrorIs(t, err, tenon.ErrInvalid)
		for _, err := range store.Export(t.Context(), s) {
			require.ErrorIs(t, err, tenon.ErrInvalid)
		}
	}
	require.Equal(t, []string{"Freight Other"}, found(t, book, directory.Search{Text: "frieght"}))
}

func TestErasingATenantForgetsTheWordsOfWhatItPublishedBefore(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := directorypg.New(pool, nil)
	book := bookAt(store, noon, nil)
	publish(t, book, "other", profile("Freight Other"))
	d := publish(t, book, "acme", profile("Zyxwvut Freight"))
	_, err := book.Save(t.Context(), d.Ref, 1, profile("Quixotic Freight"))
	require.NoError(t, err)
	_, err = book.Submit(t.Context(), d.Ref, 2)
	require.NoError(t, err)
	_, err = book.Publish(t.Context(), d.Ref, 2)
	require.NoError(t, err)
	_, err = book.Unpublish(t.Context(), d.Ref, "")
	require.NoError(t, err)
	erased, err := store.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.Equal(t, []string{"freight", "other"}, list[string](t, pool, "select word from tenon.directory_words order by word"))
	require.EqualValues(t, 2, erased["tenon.directory_words"])
}
