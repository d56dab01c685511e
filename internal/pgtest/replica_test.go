package pgtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAReplicaFollowsAndOnlyReads(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	exec1(t, connect(t, s.URL("postgres")), "create table t as select 1 as n")
	r, err := s.Replica(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Stop()) }()
	conn := connect(t, r.URL("postgres"))
	require.True(t, read[bool](t, conn, "select pg_is_in_recovery()"))
	for n := range 3 {
		require.Equal(t, n+1, read[int](t, conn, "select count(*) from t"))
		exec1(t, connect(t, s.URL("postgres")), "insert into t values (1)")
		require.NoError(t, r.CaughtUp(t.Context(), s))
	}
	_, err = conn.Exec(t.Context(), "insert into t values (1)")
	require.ErrorContains(t, err, "read-only")
}
