package main

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The client and its hooks are checked by TypeScript, strictly, and then run against the platform, by the test in
// web/client.test.ts.
func TestTypeScriptClient(t *testing.T) {
	t.Parallel()
	modules := typescript(t)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("web")))
	require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	node(t, dir, nil, "node_modules/typescript/bin/tsc", "-p", ".")

	s := newSite(t)
	node(t, dir, []string{"BASE=" + s.url, "KEY=" + s.company("acme", "pro")}, "--test", "client.test.js")
}

// typescript returns where the client's modules are.
func typescript(t *testing.T) string {
	t.Helper()
	modules, err := filepath.Abs(filepath.Join(cmp.Or(os.Getenv("TENON_CACHE"), "../../.cache"), "typescript", "node_modules"))
	require.NoError(t, err)
	for _, needed := range []string{"typescript", "react", "react-test-renderer", "@tanstack/react-query"} {
		_, err := os.Stat(filepath.Join(modules, needed))
		require.NoError(t, err, "TypeScript and what the client needs are not there: run make deps")
	}
	return modules
}

func node(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\nnode is missing? run make deps", out)
}
