package restore_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/examples/transbot/internal/restore"
	"github.com/transbotai/tenon/internal/pgtest"
)

// Not parallel: it changes the environment.
func TestMissingProgramsAreNamedWithTheRemedy(t *testing.T) {
	found, err := pgtest.Locate()
	require.NoError(t, err)
	dir, err := os.MkdirTemp("/tmp", "transbot") // the one of t.TempDir is closed to the server's account
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	for _, name := range []string{"initdb", "postgres"} {
		require.NoError(t, os.Symlink(filepath.Join(found.Dir, name), filepath.Join(dir, name)))
	}
	t.Setenv("TENON_PG_BIN", dir)
	t.Setenv("PATH", dir)
	_, err = restore.FindTools(t.Context(), 15)
	require.ErrorContains(t, err, "no pg_dump there")
	require.ErrorContains(t, err, "apt-get install postgresql-client")

	_, err = restore.FindTools(t.Context(), 99)
	require.ErrorContains(t, err, "install version 99 or newer")
}

func TestParametersOfConnectionStrings(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"postgres://me:p%40ss@db.example/shop?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&pool_max_conns=4",
		`host=db.example user=me password='p@ss word' sslmode = verify-full sslrootcert=/etc/ca.pem`,
	} {
		p := restore.Parameters(text)
		require.Equal(t, "verify-full", p["sslmode"], text)
		require.Equal(t, "/etc/ca.pem", p["sslrootcert"], text)
	}
}

func TestNumbersAsPeopleReadThem(t *testing.T) {
	t.Parallel()
	require.Equal(t, "1,234,567", restore.Thousands(1_234_567))
	require.Equal(t, "999", restore.Thousands(999))
	require.Equal(t, "999 bytes", restore.Bytes(999))
	require.Equal(t, "7.4 MB", restore.Bytes(7_412_345))
}
