package entitlementstest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementstest"
)

func TestAGateForHosts(t *testing.T) {
	t.Parallel()
	g := entitlementstest.Gate(t, entitlementstest.Catalog(), map[string]string{"acme": "basic", "globex": "team"})
	d, err := g.Check(t.Context(), "globex", "sso")
	require.NoError(t, err)
	require.True(t, d.Allowed)
	d, err = g.Check(t.Context(), "acme", "sso")
	require.NoError(t, err)
	require.Equal(t, entitlements.ReasonNotInPlan, d.Reason)
}

func TestANotifierRemembersAndRefuses(t *testing.T) {
	t.Parallel()
	var n entitlementstest.Notifier
	require.NoError(t, n.Notify(t.Context(), tenon.Notification{Key: "a"}))
	n.Fail(tenon.ErrUnavailable)
	require.ErrorIs(t, n.Notify(t.Context(), tenon.Notification{Key: "b"}), tenon.ErrUnavailable)
	n.Fail(nil)
	require.NoError(t, n.Notify(t.Context(), tenon.Notification{Key: "c"}))
	require.Len(t, n.Told(), 2)
	require.Equal(t, "c", n.Told()[1].Key)
}
