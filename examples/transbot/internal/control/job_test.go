package control

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
)

// newJobs returns a desk that can keep looks, and no more.
func newJobs(t *testing.T) *Desk {
	t.Helper()
	pool := pgtest.Pool(t)
	tables, err := os.ReadFile("../../schema/0005_control.up.sql")
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), "create table public.quotes (company_id text, id uuid, primary key (company_id, id));"+string(tables))
	require.NoError(t, err)
	return &Desk{Parts: Parts{Pool: pool}, lookWithin: 50 * time.Millisecond}
}

func TestALookThatTakesTooLongIsKeptAsOneThatFailed(t *testing.T) {
	t.Parallel()
	d := newJobs(t)
	hangs := job{name: Smoke, every: time.Hour, look: func(ctx context.Context) (Finding, error) {
		<-ctx.Done()
		return Finding{Passed: true}, ctx.Err()
	}}
	require.NoError(t, d.inTurn(t.Context(), hangs, false))
	r, ok, err := d.last(t.Context(), Smoke)
	require.NoError(t, err)
	require.True(t, ok, "else the last one that passed would still be the newest")
	require.False(t, r.Passed)
	require.Equal(t, context.DeadlineExceeded.Error(), r.Says)
	require.NoError(t, d.inTurn(t.Context(), hangs, false), "its turn is over")
}
