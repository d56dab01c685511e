package auditpg_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/audit/audittest"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestARecordStandsOrFallsWithTheCallersTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, commit := range []bool{false, true} {
		tx := pgtest.Begin(t, w.pool)
		bound := w.log.WithStore(auditpg.New(tx, nil))
		for _, key := range []string{"", "k", "k"} {
			_, err := bound.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b", Key: key})
			require.NoError(t, err)
		}
		_, err := bound.Record(t.Context(), audit.Record{Tenant: "acme", Action: "c.d", Key: "k"})
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
		require.Equal(t, want, pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_log"))
	}
}

func TestInACallersTransactionARecordThatIsThereAlreadyIsLeftOutAndTheTransactionGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := tenon.Instant(time.Now())
	r := audit.Record{ID: tenon.NewID(at), At: at, Tenant: "acme", Action: "a.b"}
	_, err := w.log.Record(t.Context(), r)
	require.NoError(t, err)
	tx := pgtest.Begin(t, w.pool)
	bound := w.log.WithStore(auditpg.New(tx, nil))
	for range 2 {
		id, err := bound.Record(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, r.ID, id)
	}
	_, err = bound.Record(t.Context(), audit.Record{Tenant: "acme", Action: "c.d"})
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	require.EqualValues(t, 2, pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_log"))
}

func TestABatchOfARoleUnderRowLevelSecurityGoesWithoutACopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	roles := pgtest.NewRoles(t, w.pool)
	conn, err := roles.App.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	pgtest.Exec(t, conn, "select set_config('tenon.tenant_id', 'acme', false)")
	store := auditpg.New(conn.Conn(), nil)
	entries := audittest.Entries("acme", 40)
	for _, batch := range [][]audit.Entry{entries[:20], entries[10:30], entries} { // again, and some of it again
		ids, err := store.Append(t.Context(), batch)
		require.NoError(t, err)
		require.Len(t, ids, len(batch))
	}
	_, err = store.Append(t.Context(), append(audittest.Entries("acme", 60)[40:], audittest.Entry("other", 1)))
	require.Error(t, err, "a batch of another tenant's too")
	require.EqualValues(t, 40, pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_log"))
}

func TestARecordThatPostgresCannotKeepIsRefusedByItsClass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, n := range []int{1, 5, 20} { // by an insert, by one of many, by COPY
		entries := audittest.Entries("acme", n)
		entries[n-1].Actor = "a\x00"
		_, err := w.store.Append(t.Context(), entries)
		require.ErrorIs(t, err, tenon.ErrInvalid, "%d", n)
	}
	require.Zero(t, pgtest.One[int64](t, w.pool, "select count(*) from tenon.audit_log"))
}
