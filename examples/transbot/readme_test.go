package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	shellBlock     = regexp.MustCompile("(?s)```sh\n(.*?)```")
	expectedStatus = regexp.MustCompile(`(?m)^# (\d{3})$`)
	printedStatus  = regexp.MustCompile(`(?m)^(\d{3})$`)
)

// The walk-through is run as it is written, in one shell, and each status is the one that stands below its command.
func TestReadmeWalkThrough(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl"} {
		_, err := exec.LookPath(tool)
		require.NoError(t, err, "the walk-through needs %s: install it", tool)
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var script strings.Builder
	for _, block := range shellBlock.FindAllSubmatch(readme, -1) {
		script.Write(block[1])
	}
	want := captured(expectedStatus, script.String())
	require.NotEmpty(t, want)

	s := newSite(t, "-demo")
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script.String())
	cmd.Env = append(os.Environ(), "BASE="+s.url)
	for name, key := range printed(s) {
		cmd.Env = append(cmd.Env, name+"="+key)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, want, captured(printedStatus, string(out)), string(out))
}

func captured(re *regexp.Regexp, text string) []string {
	var all []string
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}
