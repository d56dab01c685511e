package pgtest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
)

// fake makes a folder, which every account can enter, with programs that print a version.
func fake(t *testing.T, root, name, version string) string {
	t.Helper()
	dir := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, program := range []string{"initdb", "postgres"} {
		script := "#!/bin/sh\necho '" + program + " (PostgreSQL) " + version + "'\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755))
	}
	return dir
}

func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgtest")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func TestLocate(t *testing.T) {
	root := openDir(t)
	usual := []string{filepath.Join(root, "lib/postgresql/*/bin")}
	fetched := []string{filepath.Join(root, "cache/*/bin")}
	t.Setenv("TENON_PG_BIN", "")
	t.Setenv("PATH", "/nowhere")

	t.Run("names_every_place_and_the_remedies_when_there_is_none", func(t *testing.T) {
		_, err := pgtest.LocateIn(usual, fetched)
		require.ErrorContains(t, err, usual[0])
		require.ErrorContains(t, err, fetched[0])
		require.ErrorContains(t, err, "apt-get install postgresql")
		require.ErrorContains(t, err, "brew install")
	})
	cached := fake(t, root, "cache/linux-x64/bin", "18.4")
	t.Run("takes_what_was_fetched_last", func(t *testing.T) { requireFound(t, cached, usual, fetched) })

	fake(t, root, "lib/postgresql/9/bin", "9.6.24")
	fake(t, root, "lib/postgresql/15/bin", "15.2 (Debian 15.2-1)")
	newest := fake(t, root, "lib/postgresql/16/bin", "16beta1")
	t.Run("takes_the_newest_of_the_usual_folders", func(t *testing.T) { requireFound(t, newest, usual, fetched) })

	onPath := fake(t, root, "path", "17.0")
	t.Run("prefers_PATH_to_the_usual_folders", func(t *testing.T) {
		t.Setenv("PATH", onPath+":/bin:/usr/bin")
		requireFound(t, onPath, usual, fetched)
	})
	t.Run("prefers_TENON_PG_BIN_to_all", func(t *testing.T) {
		t.Setenv("PATH", onPath)
		t.Setenv("TENON_PG_BIN", cached)
		requireFound(t, cached, usual, fetched)
	})
	t.Run("does_not_fall_through_a_wrong_TENON_PG_BIN", func(t *testing.T) {
		t.Setenv("TENON_PG_BIN", filepath.Join(root, "lib/postgresql/9/bin"))
		_, err := pgtest.LocateIn(usual, fetched)
		require.ErrorContains(t, err, "version 9.6.24, need 15 or newer")
	})
}

func TestLocateSaysWhyItRefused(t *testing.T) {
	root := openDir(t)
	t.Setenv("TENON_PG_BIN", "")
	t.Setenv("PATH", "/nowhere")
	old := fake(t, root, "14/bin", "14.9")
	broken := fake(t, root, "16/bin", "16.1")
	require.NoError(t, os.Remove(filepath.Join(broken, "initdb")))

	_, err := pgtest.LocateIn([]string{filepath.Join(root, "*/bin")}, nil)

	require.ErrorContains(t, err, old+": version 14.9, need 15 or newer")
	require.ErrorContains(t, err, broken+": no initdb there")
}

func requireFound(t *testing.T, want string, usual, fetched []string) {
	t.Helper()
	b, err := pgtest.LocateIn(usual, fetched)
	require.NoError(t, err)
	require.Equal(t, want, b.Dir)
}
