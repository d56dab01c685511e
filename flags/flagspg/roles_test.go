package flagspg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	roles := pgtest.NewRoles(t, database(t))
	app, worker := roles.App, roles.Worker

	staff := loaded(t, worker)
	stored, err := staff.Put(t.Context(), named("beta", "acme"), "")
	require.NoError(t, err)

	set := loaded(t, app)
	require.Equal(t, true, set.Evaluate("beta", &flags.Who{Tenant: "acme"}).Value, "the app role evaluates for every tenant")
	for range 2 {
		require.NoError(t, flagspg.New(app, nil).Mark(t.Context(), []flags.Mark{{Flag: "beta", Variant: "on", Seen: now()}}))
	}
	_, err = set.Put(t.Context(), named("other"), "")
	require.True(t, pgerr.Is(err, pgerr.InsufficientPrivilege), "%v", err)
	_, err = set.Versions(t.Context(), "beta", 0, 1)
	require.True(t, pgerr.Is(err, pgerr.InsufficientPrivilege), "%v", err)
	_, err = flagspg.New(app, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.True(t, pgerr.Is(err, pgerr.InsufficientPrivilege), "%v", err)

	_, err = staff.Put(t.Context(), stored, "nothing changed")
	require.NoError(t, err)
	versions, err := staff.Versions(t.Context(), "beta", 0, 10)
	require.NoError(t, err)
	require.Len(t, versions, 1)
	_, err = flagspg.New(worker, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
}
