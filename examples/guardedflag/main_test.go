package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// rollout runs the program over three hours of a clock that need not be waited for.
func rollout(t *testing.T, bad int) (said string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		require.NoError(t, run(t.Context(), bad, time.Hour, &out))
		said = out.String()
	})
	return said
}

func TestARolloutGoesThroughWhileTheBudgetIsHealthy(t *testing.T) {
	t.Parallel()
	require.Equal(t, "5 %\n50 %\n100 %\n", rollout(t, 0))
}

func TestNoStageBeginsWhileTheBudgetIsSpent(t *testing.T) {
	t.Parallel()
	said := rollout(t, 90)
	require.True(t, strings.HasPrefix(said, "held: "), said)
	require.Contains(t, said, "uptime")
}
