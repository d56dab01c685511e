package directorypg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/internal/pgtest"
)

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
	require.Equal(t, []string{"freight", "other"}, pgtest.List[string](t, pool, "select word from tenon.directory_words order by word"))
	require.EqualValues(t, 1, pgtest.One[int64](t, pool, "select count(*) from tenon.directory_listings"))
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
	require.Equal(t, []string{"freight", "other"}, pgtest.List[string](t, pool, "select word from tenon.directory_words order by word"))
	require.EqualValues(t, 2, erased["tenon.directory_words"])
}
