package kpi_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/proctest"
	"github.com/transbotai/tenon/kpi"
)

func TestMain(m *testing.M) { proctest.Main(m, map[string]proctest.Work{"spool": spoolForEver}) }

// spoolForEver tracks events while the store is away, and says what was answered.
func spoolForEver(ctx context.Context, c *proctest.Child) error {
	var dir string
	if err := c.Order(&dir); err != nil {
		return err
	}
	s := newTroubled()
	s.be(away)
	b := newBatcher(s, &kpi.BatcherOptions{SpoolDir: dir, Retry: time.Millisecond})
	go func() { _ = b.Run(ctx) }()
	c.Ready()
	for n := 0; ; n++ {
		e := event("e", "ann", time.Time{})
		e.Key = fmt.Sprint(os.Getpid(), "/", n)
		if _, err := b.Track(ctx, e); err != nil {
			return err
		}
		c.Say(e.Key)
	}
}

func TestAWriterKilledAtAnyMomentLosesNothingThatWasSpooled(t *testing.T) {
	t.Parallel()
	s, dir := newTroubled(), t.TempDir()
	kills := 4
	if os.Getenv("TENON_SOAK") != "" {
		kills = 100
	}
	var said []string
	for k := range kills {
		p := proctest.Start[string](t, "spool", dir)
		p.Begin()
		for range 5 + 7*k%23 {
			require.True(t, p.Next())
		}
		said = append(said, p.Kill()...)
		if k%2 == 1 {
			require.NoError(t, running(t, newBatcher(s, &kpi.BatcherOptions{SpoolDir: dir}))())
		}
	}
	require.NoError(t, running(t, newBatcher(s, &kpi.BatcherOptions{SpoolDir: dir}))())
	require.Empty(t, left(t, dir, ".spool"))
	stored := s.counted(t, "e")
	require.GreaterOrEqual(t, stored, int64(len(said)))
	for _, key := range said { // an event that is there already is a duplicate
		e := event("e", "ann", time.Time{})
		e.Key = key
		receipts, err := kpi.NewTracker(s, nil).Track(t.Context(), e)
		require.NoError(t, err)
		require.Equal(t, kpi.Duplicate, receipts[0].Outcome, key)
	}
	require.Equal(t, stored, s.counted(t, "e"))
}
