package gdprpg_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// newRoles puts the database under row level security, and returns a pool for each role.
func newRoles(t *testing.T) (admin, app, worker *pgxpool.Pool) {
	t.Helper()
	admin = pgtest.Pool(t, migrations.GDPR)
	name := admin.Config().ConnConfig.Database
	roles := migrations.Roles{App: name + "_app", Worker: name + "_worker"}
	for _, role := range []string{roles.App, roles.Worker} {
		mustExec(t, admin, "create role "+role+" login")
		t.Cleanup(func() {
			ctx := context.Background()
			conn, err := pgx.ConnectConfig(ctx, admin.Config().ConnConfig)
			require.NoError(t, err)
			defer conn.Close(ctx)
			for _, sql := range []string{"drop owned by " + role, "drop role " + role} {
				_, err := conn.Exec(ctx, sql)
				require.NoError(t, err, sql)
			}
		})
	}
	conn, err := pgx.ConnectConfig(t.Context(), admin.Config().ConnConfig)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.NoError(t, migrations.ApplyGrants(t.Context(), conn, roles))
	require.NoError(t, migrations.EnableRLS(t.Context(), conn, roles))
	return admin, as(t, admin, roles.App), as(t, admin, roles.Worker)
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

func TestUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	_, app, worker := newRoles(t)
	ask := func(tx pgx.Tx, tenant string) error {
		desk := gdpr.NewDesk(gdprpg.New(tx, nil), nil, func(context.Context, gdpr.Asked) error { return nil }, nil)
		_, err := desk.Ask(staff(t.Context()), gdpr.Order{Kind: gdpr.KindErasure, Subject: tenon.Subject{Tenant: tenant}})
		return err
	}
	for _, tenant := range []string{"acme", "zenith"} {
		require.NoError(t, pgx.BeginFunc(t.Context(), app, func(tx pgx.Tx) error {
			mustExec(t, tx, "select set_config('tenon.tenant_id', $1, true)", tenant)
			return ask(tx, tenant)
		}))
	}
	require.NoError(t, pgx.BeginFunc(t.Context(), app, func(tx pgx.Tx) error {
		mustExec(t, tx, "select set_config('tenon.tenant_id', 'acme', true)")
		found, err := gdprpg.New(tx, nil).List(t.Context(), gdpr.Query{})
		require.NoError(t, err)
		require.Len(t, found, 1, "its own")
		return nil
	}))
	require.Error(t, pgx.BeginFunc(t.Context(), app, func(tx pgx.Tx) error {
		mustExec(t, tx, "select set_config('tenon.tenant_id', 'acme', true)")
		return ask(tx, "another")
	}), "for somebody else")

	found, err := gdprpg.New(worker, nil).List(t.Context(), gdpr.Query{})
	require.NoError(t, err)
	require.Len(t, found, 2, "the worker sees all")
	require.NoError(t, gdprpg.New(worker, nil).Start(t.Context()))
	require.ErrorIs(t, gdprpg.New(app, nil).Start(t.Context()), migrations.ErrFiltered)
	desk := gdpr.NewDesk(gdprpg.New(app, nil), nil, func(context.Context, gdpr.Asked) error { return nil }, nil)
	require.ErrorIs(t, desk.Run(t.Context()), migrations.ErrFiltered, "it would find nothing to do")
}
