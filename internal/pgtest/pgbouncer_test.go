package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
)

func TestPgBouncerPoolsByTransaction(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	url := pgtest.PgBouncer(t, s, "postgres", map[string]string{"default_pool_size": "1"})
	pool, err := pgxpool.New(t.Context(), url+"&default_query_exec_mode=cache_describe")
	require.NoError(t, err)
	t.Cleanup(pool.Close)

	one, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer one.Release()
	two, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer two.Release()
	const backend = "select pg_backend_pid()"
	require.Equal(t, read[int32](t, one.Conn(), backend), read[int32](t, two.Conn(), backend),
		"two clients share the one connection")
}

func TestPgBouncerByTCP(t *testing.T) {
	t.Parallel()
	s := start(t, &pgtest.Options{TCP: true})
	url := pgtest.PgBouncer(t, s, "postgres", nil)
	require.Equal(t, "tenon_owner", read[string](t, connect(t, url+"&default_query_exec_mode=exec"), "select current_user::text"))
}

func TestPgBouncerSaysHowToInstallIt(t *testing.T) {
	t.Parallel()
	_, err := pgtest.FindPgBouncer("/nowhere/pgbouncer")
	require.ErrorContains(t, err, "make deps")
}
