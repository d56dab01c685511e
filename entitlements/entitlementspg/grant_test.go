package entitlementspg_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestAGrantWithAnIDIsGivenOnceThoughItIsSentTwice(t *testing.T) {
	t.Parallel()
	pool := database(t)
	g := newGate(pool, nil)
	tenant := subscribe(t, g, "basic")
	extra := entitlements.Grant{ID: tenon.NewID(time.Now()), Feature: calls, Amount: 10}
	first, err := g.Grant(t.Context(), tenant, extra)
	require.NoError(t, err)
	again, err := g.Grant(t.Context(), tenant, extra)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.EqualValues(t, 1, pgtest.One[int64](t, pool, "select count(*) from tenon.grants where tenant_id = $1", tenant))
	extra.Feature = tasks
	_, err = g.Grant(t.Context(), tenant, extra)
	require.ErrorIs(t, err, entitlements.ErrKeyReused)
}
