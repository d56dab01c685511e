package isolation_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit/isolation"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestEnableShowsATenantItsOwnRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	count := func(tenant string) (n int) {
		tx, err := w.app.Begin(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
		_, err = tx.Exec(t.Context(), "select set_config('tenon.tenant_id', $1, true)", tenant)
		require.NoError(t, err)
		require.NoError(t, tx.QueryRow(t.Context(), "select count(*) from public.orders").Scan(&n))
		return n
	}
	require.Equal(t, 5, count("acme"))
	require.Equal(t, 0, count("nobody"))
	require.Equal(t, 0, count(""))

	_, err := w.app.Exec(t.Context(), "insert into public.orders values ('acme', 9, '', 1)")
	require.True(t, pgerr.Is(err, pgerr.InsufficientPrivilege), "without a tenant: %v", err)
}

func TestEnableAgainIsHarmlessAndLetsOthersWorkAcross(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool := pgtest.Role(t, w.owner, "worker")
	worker := pool.Config().ConnConfig.User
	w.exec(t, "grant select on public.orders to "+worker)
	for range 2 {
		require.NoError(t, isolation.Enable(t.Context(), w.owner, "public.orders", "tenant_id", worker))
	}
	var n int
	require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from public.orders").Scan(&n))
	require.Equal(t, 10, n)
	require.True(t, w.report(t, nil).OK())
}

func TestEnableRefusesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range [][2]string{{"public.none", "tenant_id"}, {"public.orders", "none"}, {"public.heavy", "tenant_id"}, {"nowhere.orders", "tenant_id"}} {
		require.ErrorIs(t, isolation.Enable(t.Context(), w.owner, c[0], c[1]), tenon.ErrNotFound, c)
	}
}
