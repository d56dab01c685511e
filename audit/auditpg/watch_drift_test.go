package auditpg_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestDriftsSayWhatSomebodyDid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sql  string
		kind auditpg.DriftKind
	}{
		"a_trigger_dropped":     {"drop trigger tenon_audit on quotes", auditpg.TriggerMissing},
		"a_trigger_with_a_when": {"create or replace trigger tenon_audit after insert or update or delete on quotes for each row when (false) execute function tenon.$f()", auditpg.TriggerMissing},
		"a_trigger_for_less":    {"create or replace trigger tenon_audit after insert or update on quotes for each row execute function tenon.$f()", auditpg.TriggerMissing},
		"truncate_forgotten":    {"drop trigger tenon_audit_truncate on quotes", auditpg.TriggerMissing},
		"a_trigger_disabled":    {"alter table quotes disable trigger tenon_audit", auditpg.TriggerDisabled},
		"all_disabled":          {"alter table quotes disable trigger user", auditpg.TriggerDisabled},
		"a_function_replaced": {
			"create or replace function tenon.$f() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as 'begin return null; end'",
			auditpg.FunctionChanged,
		},
		"other_rights":     {"alter function tenon.$f() security invoker", auditpg.FunctionChanged},
		"another_path":     {"alter function tenon.$f() set search_path = public", auditpg.FunctionChanged},
		"a_column_added":   {"alter table quotes add column x int", auditpg.ColumnAdded},
		"a_column_dropped": {"alter table quotes drop column note", auditpg.ColumnDropped},
		"the_table_gone":   {"drop table quotes", auditpg.TableGone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := watching(t, nil)
			pgtest.Exec(t, pool, strings.ReplaceAll(c.sql, "$f", functionOf(t, pool)))
			found := drifts(t, pool)
			require.Contains(t, kinds(found), c.kind)
			require.Equal(t, "public.quotes", found[0].Table)
			require.Regexp(t, `^public\.quotes: [a-z_]+( \S+)*$`, found[0].String())
			require.NoError(t, auditpg.Unwatch(t.Context(), pool, "public.quotes"))
			require.Empty(t, drifts(t, pool))
		})
	}
}

func drifts(t *testing.T, pool *pgxpool.Pool) []auditpg.Drift {
	t.Helper()
	found, err := auditpg.Drifts(t.Context(), pool)
	require.NoError(t, err)
	return found
}

func kinds(drifts []auditpg.Drift) []auditpg.DriftKind {
	var found []auditpg.DriftKind
	for _, d := range drifts {
		found = append(found, d.Kind)
	}
	return found
}

func functionOf(t *testing.T, pool *pgxpool.Pool) (name string) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), "select function_name from tenon.audit_watches").Scan(&name))
	return name
}

func TestDriftsAreForTheOwner(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	_, err := auditpg.Drifts(t.Context(), pgtest.Role(t, pool, "app"))
	require.True(t, pgerr.Is(err, pgerr.InsufficientPrivilege), "%v", err)
	require.ErrorContains(t, err, "audit: drift: ")
}
