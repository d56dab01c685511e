package auditpg_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
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
