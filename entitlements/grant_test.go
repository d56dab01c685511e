package entitlements_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

func TestAGrantWithAnIDIsGivenOnce(t *testing.T) {
	t.Parallel()
	gate, ctx := acme(), t.Context()
	id := tenon.NewID(time.Now())
	extra := entitlements.Grant{ID: id, Feature: "rates", Amount: 10}
	first, err := gate.Grant(ctx, "acme", extra)
	require.NoError(t, err)
	again, err := gate.Grant(ctx, "acme", extra)
	require.NoError(t, err)
	require.Equal(t, first, again)
	d, err := gate.Check(ctx, "acme", "rates")
	require.NoError(t, err)
	require.EqualValues(t, 110, d.Remaining)

	extra.Amount = 11
	_, err = gate.Grant(ctx, "acme", extra)
	require.ErrorIs(t, err, entitlements.ErrKeyReused)
	extra.ID = "mine"
	_, err = gate.Grant(ctx, "acme", extra)
	require.ErrorIs(t, err, tenon.ErrInvalid)
}
