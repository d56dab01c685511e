package tenon_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// block returns the first fenced block of the README in a language.
func block(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(page), "\n```"+language+"\n")
	require.True(t, ok, "README.md has no block in %s", language)
	code, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	return code
}

func TestTheProgramOfTheREADMERunsAsWritten(t *testing.T) {
	t.Parallel()
	program := block(t, "go")
	require.LessOrEqual(t, strings.Count(program, "\n"), 20)
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(program), 0o600))
	out, err := exec.CommandContext(t.Context(), "go", "run", file).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, block(t, "text"), string(out))
}

func TestACoreBringsNothingAlong(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./entitlements").Output()
	require.NoError(t, err)
	brought := []string{module, module + "/entitlements", module + "/internal/option", module + "/internal/spool", module + "/internal/tell"}
	require.ElementsMatch(t, brought, strings.Fields(string(out)))
}

func TestAnAdapterBringsItsDriverAlone(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./entitlements/entitlementspg").Output()
	require.NoError(t, err)
	brought := map[string]bool{}
	for path := range strings.FieldsSeq(string(out)) {
		brought[path] = true
	}
	delete(brought, module)
	for path := range brought {
		require.True(t, strings.HasPrefix(path, "github.com/jackc/") || strings.HasPrefix(path, "golang.org/x/"), path)
	}
	require.True(t, brought["github.com/jackc/pgx/v5"])
}
