package auditpg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestTheAppRoleRecordsForOneTenantAndTheWorkerSealsAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	roles := pgtest.NewRoles(t, w.pool)
	as := func(role *pgxpool.Pool, f func(tx pgx.Tx)) {
		tx, err := role.Begin(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, tx.Rollback(context.Background())) }()
		f(tx)
	}
	w.record(4)
	as(roles.App, func(tx pgx.Tx) {
		_, err := tx.Exec(t.Context(), "select set_config('tenon.tenant_id', 'acme', true)")
		require.NoError(t, err)
		bound := w.log.WithStore(auditpg.New(tx, nil))
		_, err = bound.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b", Key: "fresh"})
		require.NoError(t, err)
		found, err := bound.List(t.Context(), audit.Query{AllTenants: true})
		require.NoError(t, err)
		require.Len(t, found, 3, "one tenant's alone")
		_, err = bound.Record(t.Context(), audit.Record{Tenant: "other", Action: "a.b"})
		require.Error(t, err)
	})
	for _, sql := range []string{
		"update tenon.audit_log set actor = 'x'", "delete from tenon.audit_log", "select * from tenon.audit_leaves",
		"select tenon.audit_new_epoch()", "select tenon.audit_drop_partition('x', now(), now(), 0)", "delete from tenon.audit_keys",
	} {
		as(roles.App, func(tx pgx.Tx) {
			_, err := tx.Exec(t.Context(), sql)
			require.Error(t, err, sql)
		})
	}
	for _, sql := range []string{"delete from tenon.audit_log", "update tenon.audit_leaves set leaf_index = 0", "truncate tenon.audit_log"} {
		as(roles.Worker, func(tx pgx.Tx) {
			_, err := tx.Exec(t.Context(), sql)
			require.Error(t, err, sql)
		})
	}
	worker := roles.Worker
	log := audit.NewLog(auditpg.New(worker, nil), w.options())
	require.NoError(t, auditpg.New(worker, nil).Start(t.Context()))
	require.Eventually(t, func() bool {
		_, err := log.Seal(t.Context())
		require.NoError(t, err)
		head, err := auditpg.New(worker, nil).Head(t.Context())
		require.NoError(t, err)
		return head.Waiting == 0 && head.Size == 4
	}, patience, 5*time.Millisecond)
	_, err := log.Checkpoint(t.Context())
	require.NoError(t, err)
	_, err = auditpg.New(worker, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.NoError(t, auditpg.New(worker, nil).Maintain(t.Context(), monthsAgo(0)))
	_, err = auditpg.New(worker, nil).Drop(t.Context(), monthsAgo(5), 0, nil)
	require.NoError(t, err)
	w.exec("update tenon.audit_state set system = 'another'")
	_, err = log.Seal(t.Context())
	require.NoError(t, err, "the worker begins an epoch")

	require.ErrorIs(t, auditpg.New(roles.App, nil).Start(t.Context()), tenon.ErrDenied)
}
