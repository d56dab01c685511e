package gdprpg_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	roles := pgtest.NewRoles(t, database(t))
	app, worker := roles.App, roles.Worker
	ask := func(tx pgx.Tx, tenant string) error {
		desk := gdpr.NewDesk(gdprpg.New(tx, nil), nil, func(context.Context, gdpr.Asked) error { return nil }, nil)
		_, err := desk.Ask(staff(t.Context()), gdpr.Order{Kind: gdpr.KindErasure, Subject: tenon.Subject{Tenant: tenant}})
		return err
	}
	for _, tenant := range []string{"acme", "zenith"} {
		require.NoError(t, pgx.BeginFunc(t.Context(), app, func(tx pgx.Tx) error {
			pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', $1, true)", tenant)
			return ask(tx, tenant)
		}))
	}
	require.NoError(t, pgx.BeginFunc(t.Context(), app, func(tx pgx.Tx) error {
		pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', 'acme', true)")
		found, err := gdprpg.New(tx, nil).List(t.Context(), gdpr.Query{})
		require.NoError(t, err)
		require.Len(t, found, 1, "its own")
		return nil
	}))
	require.Error(t, pgx.BeginFunc(t.Context(), app, func(tx pgx.Tx) error {
		pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', 'acme', true)")
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
