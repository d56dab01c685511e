package auditpg_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/audit/audittest"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func one[T any](t *testing.T, db auditpg.DB, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, db.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

func TestARecordStandsOrFallsWithTheCallersTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, commit := range []bool{false, true} {
		tx, err := w.pool.Begin(t.Context())
		require.NoError(t, err)
		bound := w.log.WithStore(auditpg.New(tx, nil))
		for _, key := range []string{"", "k", "k"} {
			_, err = bound.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b", Key: key})
			require.NoError(t, err)
		}
		_, err = bound.Record(t.Context(), audit.Record{Tenant: "acme", Action: "c.d", Key: "k"})
		require.ErrorIs(t, err, audit.ErrKeyReused, "and the transaction goes on")
		require.NoError(t, bound.RecordChange(t.Context(), tenon.Change{Tenant: "acme", Action: "plan.changed", Target: "plan/pro", After: json.RawMessage(`{"tier":2}`)}))
		found, err := bound.List(t.Context(), audit.Query{Tenant: "acme"})
		require.NoError(t, err)
		require.Len(t, found, 3)
		if commit {
			require.NoError(t, tx.Commit(t.Context()))
		} else {
			require.NoError(t, tx.Rollback(t.Context()))
		}
		want := map[bool]int64{false: 0, true: 3}[commit]
		require.Equal(t, want, one[int64](t, w.pool, "select count(*) from tenon.audit_log"))
	}
}

func TestAppendingAgainAfterAnyFaultStoresEverythingOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keyed := audittest.Entries("keyed", 3)
	for i := range keyed {
		keyed[i].Key = string(rune('a' + i))
	}
	batches := [][]audit.Entry{audittest.Entries("one", 1), audittest.Entries("few", 3), audittest.Entries("many", 40), keyed}
	want := int64(0)
	for _, batch := range batches {
		want += int64(len(batch))
		for _, fault := range []pgtest.Fault{pgtest.Fail, pgtest.CutBefore, pgtest.CutAfter} {
			for n := 1; ; n++ {
				w.exec("delete from tenon.audit_keys where tenant_id = $1", batch[0].Tenant)
				w.exec("delete from tenon.audit_log where tenant_id = $1", batch[0].Tenant)
				faulty := pgtest.NewFaulty(w.pool, n, fault)
				_, err := auditpg.New(faulty, nil).Append(t.Context(), batch)
				if faulty.Fired() {
					require.ErrorIs(t, err, tenon.ErrUnavailable)
				}
				ids, err := w.store.Append(t.Context(), batch)
				require.NoError(t, err)
				require.Equal(t, batch[0].ID, ids[0])
				require.Equal(t, int64(len(batch)), one[int64](t, w.pool, "select count(*) from tenon.audit_log where tenant_id = $1", batch[0].Tenant))
				if !faulty.Fired() {
					break
				}
			}
		}
	}
	require.Equal(t, want, one[int64](t, w.pool, "select count(*) from tenon.audit_log"))
	w.checkpoint()
	w.sound()
}

func TestTheAppRoleRecordsForOneTenantAndTheWorkerSealsAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn, err := pgx.Connect(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	name := strings.NewReplacer("-", "_").Replace(conn.Config().Database)
	roles := migrations.Roles{App: name + "_app", Worker: name + "_worker"}
	for _, role := range []string{roles.App, roles.Worker} {
		w.exec("create role " + role + " login")
		t.Cleanup(func() {
			for _, sql := range []string{"drop owned by " + role, "drop role " + role} {
				_, err := conn.Exec(context.Background(), sql)
				require.NoError(t, err)
			}
		})
	}
	require.NoError(t, migrations.ApplyGrants(t.Context(), conn, roles))
	require.NoError(t, migrations.EnableRLS(t.Context(), conn, roles))

	as := func(role string, f func(tx pgx.Tx)) {
		tx, err := w.pool.Begin(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, tx.Rollback(context.Background())) }()
		_, err = tx.Exec(t.Context(), "set local role "+role)
		require.NoError(t, err)
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
	config := w.pool.Config()
	config.ConnConfig.RuntimeParams["role"] = roles.Worker
	worker := connect(t, config)
	log := audit.NewLog(auditpg.New(worker, nil), w.options())
	require.NoError(t, auditpg.New(worker, nil).Start(t.Context()))
	require.Eventually(t, func() bool {
		_, err := log.Seal(t.Context())
		require.NoError(t, err)
		head, err := auditpg.New(worker, nil).Head(t.Context())
		require.NoError(t, err)
		return head.Waiting == 0 && head.Size == 4
	}, patience, 5*time.Millisecond)
	_, err = log.Checkpoint(t.Context())
	require.NoError(t, err)
	_, err = auditpg.New(worker, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.NoError(t, auditpg.New(worker, nil).Maintain(t.Context(), monthsAgo(0)))
	_, err = auditpg.New(worker, nil).Drop(t.Context(), monthsAgo(5), 0, nil)
	require.NoError(t, err)
	w.exec("update tenon.audit_state set system = 'another'")
	_, err = log.Seal(t.Context())
	require.NoError(t, err, "the worker begins an epoch")

	config = w.pool.Config()
	config.ConnConfig.RuntimeParams["role"] = roles.App
	require.ErrorIs(t, auditpg.New(connect(t, config), nil).Start(t.Context()), tenon.ErrDenied)
}
