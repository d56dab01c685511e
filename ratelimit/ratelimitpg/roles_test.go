package ratelimitpg_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
)

func TestUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	roles := pgtest.NewRoles(t, database(t))
	app, worker := roles.App, roles.Worker

	mine, theirs := ratelimit.Key{Tenant: "mine"}, ratelimit.Key{Tenant: "theirs"}
	across := ratelimitpg.New(worker, nil)
	settle(t, across, take(mine, 1), take(theirs, 1))

	tx := pgtest.Begin(t, app)
	pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', 'mine', true)")
	settle(t, ratelimitpg.New(tx, nil), take(mine, 1))
	erased, err := ratelimitpg.New(tx, nil).Erase(t.Context(), tenon.Subject{Tenant: "theirs"})
	require.NoError(t, err)
	require.Zero(t, erased["tenon.ratelimits"])
	require.NoError(t, tx.Commit(t.Context()))
	require.EqualValues(t, 2, used(t, across, mine))

	tx = pgtest.Begin(t, app)
	pgtest.Exec(t, tx, "select set_config('tenon.tenant_id', 'mine', true)")
	_, err = ratelimitpg.New(tx, nil).Settle(t.Context(), []ratelimit.Op{take(theirs, 1)})
	require.True(t, pgerr.Is(err, pgerr.InsufficientPrivilege), "%v", err)
	require.EqualValues(t, 1, used(t, across, theirs))

	require.ErrorIs(t, ratelimitpg.New(app, nil).Run(t.Context()), tenon.ErrDenied)
	s := ratelimitpg.New(worker, &ratelimitpg.Options{Every: time.Millisecond})
	stop := running(t, s)
	eventually(t, func() bool { return !s.Stats().LastRun.IsZero() })
	require.NoError(t, stop())
}
