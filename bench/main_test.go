package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/bench/lab"
)

// Everything is run once, quickly, so that a comparison which no longer builds, fails or counts wrong is found without
// measuring. The figures mean nothing.
func TestEveryComparisonRunsAndCountsRight(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "RESULTS.md")
	samples := filepath.Join(t.TempDir(), "samples.txt")
	opts := lab.Options{Rounds: 1, Length: 50 * time.Millisecond, Quick: true}
	require.NoError(t, run(t.Context(), opts, "", out, samples))
	page, err := os.ReadFile(out)
	require.NoError(t, err)
	for _, c := range comparisons {
		require.Contains(t, string(page), "## "+c.name)
	}
}

func TestAnUnknownNameIsRefused(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, run(t.Context(), lab.Options{}, "nothing", "", ""), `nothing compares "nothing"`)
}
