package ratelimitpg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
)

func TestRunRemovesWhatHasExpiredAndNothingElse(t *testing.T) {
	t.Parallel()
	pool := database(t)
	long := time.Now().Add(-2 * time.Hour)
	past := ratelimitpg.New(pool, &ratelimitpg.Options{Now: func() time.Time { return long }})
	settle(t, past, take(ratelimit.Key{Name: "past"}, 1, ratelimit.PerMinute(5), ratelimit.Bucket(1, 5)))
	settle(t, past, take(ratelimit.Key{Name: "counts"}, 1, ratelimit.Per(5, 4*time.Hour)))
	execute(t, pool, `
insert into tenon.ratelimits (tenant_id, name, limit_id)
select 't', 'many' || n, '/b' from generate_series(1, 12000) n`)
	s := ratelimitpg.New(pool, &ratelimitpg.Options{Every: time.Millisecond})
	settle(t, s, take(ratelimit.Key{Name: "new"}, 1))

	stop := running(t, s)
	eventually(t, func() bool { return s.Stats().Removed == 12_002 })
	eventually(t, func() bool { return !s.Stats().LastRun.IsZero() })
	require.NoError(t, stop())
	require.Equal(t, "counts new", one[string](t, pool, "select string_agg(name, ' ' order by name) from tenon.ratelimits"))
	require.Empty(t, s.Stats().LastError)
}

func TestRunSaysWhatFailsAndGoesOn(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := ratelimitpg.New(pool, &ratelimitpg.Options{Every: time.Millisecond})
	execute(t, pool, "alter table tenon.ratelimits rename to away")
	stop := running(t, s)
	eventually(t, func() bool { return s.Stats().LastError != "" })
	execute(t, pool, "alter table tenon.away rename to ratelimits")
	eventually(t, func() bool { return s.Stats().LastError == "" && !s.Stats().LastRun.IsZero() })
	require.NoError(t, stop())
	require.ErrorIs(t, ratelimitpg.New(begin(t, pool), nil).Run(t.Context()), tenon.ErrInvalid)
}

// as returns a pool of a new role that goes with the test; roles belong to the server.
func as(t *testing.T, admin *pgxpool.Pool, role string) *pgxpool.Pool {
	t.Helper()
	execute(t, admin, "create role "+role+" login")
	config := admin.Config()
	config.ConnConfig.User = role
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		pool.Close()
		conn, err := pgx.ConnectConfig(context.Background(), admin.Config().ConnConfig)
		require.NoError(t, err)
		defer conn.Close(context.Background())
		for _, sql := range []string{"drop owned by " + role, "drop role " + role} {
			_, err = conn.Exec(context.Background(), sql)
			require.NoError(t, err, sql)
		}
	})
	return pool
}

func TestUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	admin := database(t)
	name := admin.Config().ConnConfig.Database
	roles := migrations.Roles{App: name + "_app", Worker: name + "_worker"}
	app, worker := as(t, admin, roles.App), as(t, admin, roles.Worker)
	conn, err := pgx.ConnectConfig(t.Context(), admin.Config().ConnConfig)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.NoError(t, migrations.ApplyGrants(t.Context(), conn, roles))
	require.NoError(t, migrations.EnableRLS(t.Context(), conn, roles))

	mine, theirs := ratelimit.Key{Tenant: "mine"}, ratelimit.Key{Tenant: "theirs"}
	across := ratelimitpg.New(worker, nil)
	settle(t, across, take(mine, 1), take(theirs, 1))

	tx := begin(t, app)
	execute(t, tx, "select set_config('tenon.tenant_id', 'mine', true)")
	settle(t, ratelimitpg.New(tx, nil), take(mine, 1))
	erased, err := ratelimitpg.New(tx, nil).Erase(t.Context(), tenon.Subject{Tenant: "theirs"})
	require.NoError(t, err)
	require.Zero(t, erased["tenon.ratelimits"])
	require.NoError(t, tx.Commit(t.Context()))
	require.EqualValues(t, 2, used(t, across, mine))

	tx = begin(t, app)
	execute(t, tx, "select set_config('tenon.tenant_id', 'mine', true)")
	_, err = ratelimitpg.New(tx, nil).Settle(t.Context(), []ratelimit.Op{take(theirs, 1)})
	require.Equal(t, "42501", state(err), "%v", err)
	require.EqualValues(t, 1, used(t, across, theirs))

	require.ErrorIs(t, ratelimitpg.New(app, nil).Run(t.Context()), tenon.ErrDenied)
	s := ratelimitpg.New(worker, &ratelimitpg.Options{Every: time.Millisecond})
	stop := running(t, s)
	eventually(t, func() bool { return !s.Stats().LastRun.IsZero() })
	require.NoError(t, stop())
}
