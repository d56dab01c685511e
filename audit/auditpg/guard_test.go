package auditpg_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func TestNoMonthOfEvidenceGoesByTheFunctionForOtherTables(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.Audit)
	_, err := pool.Exec(t.Context(), "select tenon.drop_partitions('tenon.audit_log', $1)", time.Now().AddDate(10, 0, 0))
	require.True(t, pgerr.Is(err, pgerr.InsufficientPrivilege), "%v", err)
	require.ErrorContains(t, err, "a function of its own")
}
