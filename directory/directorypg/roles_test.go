package directorypg_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestTheAppWritesForItsTenantAndFindsEverybodysPublicPartners(t *testing.T) {
	t.Parallel()
	roles := pgtest.NewRoles(t, database(t))
	worker, app := directorypg.New(roles.Worker, nil), roles.App
	other := publish(t, bookAt(worker, noon, nil), "other", profile("Freight Other"))
	require.NoError(t, worker.Start(t.Context()))

	require.ErrorIs(t, directorypg.New(app, nil).Start(t.Context()), migrations.ErrFiltered)
	require.ErrorIs(t, directory.NewBook(directorypg.New(app, nil), nil).Run(t.Context()), migrations.ErrFiltered)
	require.Equal(t, []string{"Freight Other"}, found(t, bookAt(directorypg.New(app, nil), noon, nil), directory.Search{Text: "frieght"}))

	tx := pgtest.Begin(t, app)
	pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', 'acme', true)")
	book := bookAt(directorypg.New(tx, nil), noon.Add(time.Hour), nil)
	own := publish(t, book, "acme", profile("Freight Own"))
	_, err := book.AddDocument(t.Context(), own.Ref, directory.Document{Kind: "licence"})
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
