package flagspg_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/migrations"
)

// createRole makes a role that goes with the test; roles belong to the server.
func createRole(t *testing.T, admin *pgxpool.Pool, name string) {
	t.Helper()
	execute(t, admin, "create role "+name+" login")
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.ConnectConfig(ctx, admin.Config().ConnConfig)
		require.NoError(t, err)
		defer conn.Close(ctx)
		for _, sql := range []string{"reassign owned by " + name + " to current_user", "drop owned by " + name, "drop role " + name} {
			_, err = conn.Exec(ctx, sql)
			require.NoError(t, err, sql)
		}
	})
}

func as(t *testing.T, admin *pgxpool.Pool, role string) *pgxpool.Pool {
	t.Helper()
	config := admin.Config()
	config.ConnConfig.User = role
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func denied(t *testing.T, err error) {
	t.Helper()
	var pg *pgconn.PgError
	require.True(t, errors.As(err, &pg), "%v", err)
	require.Equal(t, "42501", pg.Code)
}

func TestUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	url, admin := database(t)
	name := admin.Config().ConnConfig.Database
	roles := migrations.Roles{Owner: name + "_owner", App: name + "_app", Worker: name + "_worker"}
	for _, role := range []string{roles.Owner, roles.App, roles.Worker} {
		createRole(t, admin, role)
	}
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	require.NoError(t, migrations.ApplyGrants(t.Context(), conn, roles))
	require.NoError(t, migrations.EnableRLS(t.Context(), conn, roles))
	require.NoError(t, conn.Close(t.Context()))
	app, worker := as(t, admin, roles.App), as(t, admin, roles.Worker)

	staff := loaded(t, worker)
	stored, err := staff.Put(t.Context(), named("beta", "acme"), "")
	require.NoError(t, err)

	set := loaded(t, app)
	require.Equal(t, true, set.Evaluate("beta", &flags.Who{Tenant: "acme"}).Value, "the app role evaluates for every tenant")
	for range 2 {
		require.NoError(t, flagspg.New(app, nil).Mark(t.Context(), []flags.Mark{{Flag: "beta", Variant: "on", Seen: now()}}))
	}
	_, err = set.Put(t.Context(), named("other"), "")
	denied(t, err)
	_, err = set.Versions(t.Context(), "beta", 0, 1)
	denied(t, err)
	_, err = flagspg.New(app, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	denied(t, err)

	_, err = staff.Put(t.Context(), stored, "nothing changed")
	require.NoError(t, err)
	versions, err := staff.Versions(t.Context(), "beta", 0, 10)
	require.NoError(t, err)
	require.Len(t, versions, 1)
	_, err = flagspg.New(worker, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
}
