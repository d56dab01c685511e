package ratelimitpg_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
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
	pgtest.Exec(t, pool, `
insert into tenon.ratelimits (tenant_id, name, limit_id)
select 't', 'many' || n, '/b' from generate_series(1, 12000) n`)
	s := ratelimitpg.New(pool, &ratelimitpg.Options{Every: time.Millisecond})
	settle(t, s, take(ratelimit.Key{Name: "new"}, 1))

	stop := running(t, s)
	eventually(t, func() bool { return s.Stats().Removed == 12_002 })
	eventually(t, func() bool { return !s.Stats().LastRun.IsZero() })
	require.NoError(t, stop())
	require.Equal(t, "counts new", pgtest.One[string](t, pool, "select string_agg(name, ' ' order by name) from tenon.ratelimits"))
	require.Empty(t, s.Stats().LastError)
}

func TestRunSaysWhatFailsAndGoesOn(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := ratelimitpg.New(pool, &ratelimitpg.Options{Every: time.Millisecond})
	pgtest.Exec(t, pool, "alter table tenon.ratelimits rename to away")
	stop := running(t, s)
	eventually(t, func() bool { return s.Stats().LastError != "" })
	pgtest.Exec(t, pool, "alter table tenon.away rename to ratelimits")
	eventually(t, func() bool { return s.Stats().LastError == "" && !s.Stats().LastRun.IsZero() })
	require.NoError(t, stop())
	require.ErrorIs(t, ratelimitpg.New(pgtest.Begin(t, pool), nil).Run(t.Context()), tenon.ErrInvalid)
}
