package proctest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/proctest"
)

type order struct{ From int }

type report struct{ N int }

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Work{"count": count, "wait": wait})
}

// count says numbers until it is killed.
func count(_ context.Context, c *proctest.Child) error {
	var o order
	if err := c.Order(&o); err != nil {
		return err
	}
	c.Ready()
	for n := o.From; ; n++ {
		c.Say(report{N: n})
	}
}

// wait says 1 when it is told to end.
func wait(ctx context.Context, c *proctest.Child) error {
	c.Ready()
	<-ctx.Done()
	c.Say(report{N: 1})
	return nil
}

func TestKillReturnsAllThatTheChildSaidInOrder(t *testing.T) {
	t.Parallel()
	p := proctest.Start[report](t, "count", order{From: 7})
	p.Begin()
	for range 100 {
		require.True(t, p.Next())
	}
	require.Equal(t, report{N: 106}, p.Last())
	for i, r := range p.Kill() {
		require.Equal(t, 7+i, r.N)
	}
}

func TestEndEndsTheChildsContext(t *testing.T) {
	t.Parallel()
	p := proctest.Start[report](t, "wait", order{})
	p.Begin()
	require.Equal(t, []report{{N: 1}}, p.End())
}

func TestAChildThatMayNotBeginIsToldOfTheEnd(t *testing.T) {
	t.Parallel()
	require.Equal(t, []report{{N: 1}}, proctest.Start[report](t, "wait", order{}).End())
}
