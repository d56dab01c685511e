package entitlements_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

func TestConsumeEachDecidesEachUseByItself(t *testing.T) {
	t.Parallel()
	store := newTroubled()
	g := setup(t, store, nil, "acme")
	rates := entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 3, Key: "k"}
	exports := entitlements.Use{Tenant: "acme", Feature: "exports", Quantity: 11}

	before := store.calls.Load()
	decisions, err := g.ConsumeEach(t.Context(), rates, exports)
	require.NoError(t, err)
	require.EqualValues(t, 1, store.calls.Load()-before, "one call of the store")
	require.Len(t, decisions, 2)
	require.True(t, decisions[0].Allowed)
	require.EqualValues(t, 97, decisions[0].Remaining)
	require.Equal(t, entitlements.ReasonLimitReached, decisions[1].Reason)
	require.Equal(t, "pro", decisions[1].Upgrade)
	require.EqualValues(t, 3, store.used(t, "acme", "rates"), "the refused one keeps it from nothing")
	require.Zero(t, store.used(t, "acme", "exports"))
	require.EqualValues(t, 1, g.Stats().Allowed)
	require.EqualValues(t, 1, g.Stats().Refused)

	exports.Quantity = 10
	decisions, err = g.ConsumeEach(t.Context(), rates, exports)
	require.NoError(t, err)
	require.True(t, decisions[0].Replayed)
	require.True(t, decisions[1].Allowed)
	require.EqualValues(t, 3, store.used(t, "acme", "rates"))
	require.False(t, check(t, g, "acme", "exports").Allowed, "the view has learnt it")

	none, err := g.ConsumeEach(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestConsumeEachNamesTheUseThatFails(t *testing.T) {
	t.Parallel()
	store := newTroubled()
	g := setup(t, store, nil, "acme")
	rates := entitlements.Use{Tenant: "acme", Feature: "rates", Quantity: 3, Key: "k"}
	events := entitlements.Use{Tenant: "acme", Feature: "events", Quantity: 1}
	_, err := g.ConsumeEach(t.Context(), events, entitlements.Use{Feature: "rates", Quantity: 1})
	require.ErrorContains(t, err, "uses[1].tenant")
	require.Zero(t, store.used(t, "acme", "events"), "all are checked before any counts")

	consumed, err := g.Consume(t.Context(), rates)
	require.NoError(t, err)
	require.True(t, consumed.Allowed)
	rates.Quantity = 4
	decisions, err := g.ConsumeEach(t.Context(), events, rates)
	require.ErrorIs(t, err, entitlements.ErrKeyReused)
	require.ErrorContains(t, err, "uses[1]")
	require.True(t, decisions[0].Allowed)
	require.False(t, decisions[1].Allowed)
	require.EqualValues(t, 1, store.used(t, "acme", "events"))
}

func TestConsumeEachIsNotAnsweredByPolicy(t *testing.T) {
	t.Parallel()
	store := newTroubled()
	g := setup(t, store, nil, "acme")
	consume(t, g, "acme", "events", 1)
	events := entitlements.Use{Tenant: "acme", Feature: "events", Quantity: 1}

	store.be(away)
	_, err := g.ConsumeEach(t.Context(), events)
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.Zero(t, g.Stats().Uncounted)

	store.be(silent)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = g.ConsumeEach(ctx, events)
	require.ErrorIs(t, err, entitlements.ErrOutcomeUnknown)

	store.be(none)
	require.EqualValues(t, 1, store.used(t, "acme", "events"))
}
