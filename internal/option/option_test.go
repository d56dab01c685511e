package option_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/option"
)

func TestWhatIsUsualStandsInForNothingAndForLess(t *testing.T) {
	t.Parallel()
	require.Equal(t, time.Minute, option.Positive(0, time.Minute))
	require.Equal(t, time.Minute, option.Positive(-time.Second, time.Minute))
	require.Equal(t, time.Second, option.Positive(time.Second, time.Minute))
	require.Equal(t, 1, option.Positive(1, 9))
	require.InDelta(t, 0.5, option.Positive(-1.5, 0.5), 0)
}
