// Package recipes holds the pages beside it to what they say.
package recipes

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
)

var (
	// fence finds a block, the language it is in, and what stands before it.
	fence = regexp.MustCompile("(?ms)^([^\n]*)\n\n```(go|text)\n(.*?)^```$")
	// from names the file of which a block is a part.
	from = regexp.MustCompile(`^From \[[^]]+\]\(([^)]+)\)`)
	link = regexp.MustCompile(`\]\(([^)#]+)\)`)
)

func pages(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("*.md")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

func TestProgramsPrintWhatThePagesSay(t *testing.T) {
	t.Parallel()
	programs := 0
	for _, name := range pages(t) {
		page, err := os.ReadFile(name)
		require.NoError(t, err)
		blocks := fence.FindAllStringSubmatch(string(page), -1)
		for i, b := range blocks {
			if b[2] != "go" || !strings.HasPrefix(b[3], "package main\n") {
				continue
			}
			programs++
			printed, runs := "", i+1 < len(blocks) && blocks[i+1][2] == "text"
			if runs {
				printed = blocks[i+1][3]
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "main.go")
				require.NoError(t, os.WriteFile(file, []byte(b[3]), 0o600))
				if !runs {
					out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput()
					require.NoError(t, err, string(out))
					return
				}
				c := exec.CommandContext(t.Context(), "go", "run", file)
				c.Env = append(os.Environ(), "DATABASE_URL="+pgtest.Database(t))
				out, err := c.CombinedOutput()
				require.NoError(t, err, string(out))
				require.Equal(t, printed, string(out))
			})
		}
	}
	require.Equal(t, 8, programs)
}

func TestPartsAreInTheFilesThatTheyAreFrom(t *testing.T) {
	t.Parallel()
	parts := 0
	for _, name := range pages(t) {
		page, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, b := range fence.FindAllStringSubmatch(string(page), -1) {
			if b[2] != "go" || strings.HasPrefix(b[3], "package main\n") {
				continue
			}
			file := from.FindStringSubmatch(b[1])
			require.NotNil(t, file, "%s: a block says %q, not where it is from", name, b[1])
			whole, err := os.ReadFile(file[1])
			require.NoError(t, err)
			require.Contains(t, string(whole), b[3], "%s: %s", name, file[1])
			parts++
		}
	}
	require.Equal(t, 3, parts)
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, name := range pages(t) {
		page, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, l := range link.FindAllStringSubmatch(string(page), -1) {
			if !strings.Contains(l[1], "://") {
				_, err := os.Stat(l[1])
				require.NoError(t, err, name)
			}
		}
	}
}
