package pgtest_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestEveryStepSuffersItsFaultsUntilNoneFires(t *testing.T) {
	t.Parallel()
	var tried []string
	try := func(step int, fault pgtest.Fault) bool {
		tried = append(tried, fmt.Sprint(step, " ", fault))
		return step < 3
	}
	pgtest.EveryStep(t, pgtest.Always(pgtest.Fail, pgtest.CutAfter), try)
	require.Equal(t, []string{"1 fail", "1 cut after", "2 fail", "2 cut after", "3 fail", "3 cut after"}, tried)
	tried = nil
	pgtest.EveryStep(t, pgtest.InTurn(0), try)
	want := []string{"1 cut before", "2 cut after", "3 fail"}
	if conform.Soak() {
		want = []string{"1 fail", "1 cut before", "1 cut after", "2 fail", "2 cut before", "2 cut after", "3 fail", "3 cut before", "3 cut after"}
	}
	require.Equal(t, want, tried)
}

func TestWorkIsTriedAgainWhenWhatTheLostConnectionHadLockedIsFree(t *testing.T) {
	t.Parallel()
	for _, fault := range pgtest.Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			pool := tablePool(t)
			pgtest.Exec(t, pool, "insert into t values (1)")
			f, tries := pgtest.NewFaulty(pool, 3, fault), 0 // the commit
			f.Try(t, func() error {
				tries++
				return pgx.BeginFunc(t.Context(), f, func(tx pgx.Tx) error {
					rows, err := tx.Query(t.Context(), "select 1 from t for update skip locked")
					require.NoError(t, err)
					found, err := pgx.CollectRows(rows, pgx.RowTo[int])
					require.Equal(t, []int{1}, found, "%v", err)
					return err
				})
			})
			require.Equal(t, 2, tries)
		})
	}
}

func TestRolesConnectAsThemselvesAndGoWithTheTest(t *testing.T) {
	t.Parallel()
	admin := pgtest.Pool(t)
	const rolesSQL = "select count(*) from pg_roles where starts_with(rolname, current_database())"
	t.Run("within", func(t *testing.T) {
		role := pgtest.Role(t, admin, "app")
		require.Equal(t, role.Config().ConnConfig.User, pgtest.One[string](t, role, "select current_user"))
		require.Equal(t, 1, pgtest.One[int](t, admin, rolesSQL))
	})
	require.Zero(t, pgtest.One[int](t, admin, rolesSQL))
}
