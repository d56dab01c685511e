package ratelimitpg_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
)

func TestKeysThatLookAlikeShareNothing(t *testing.T) {
	t.Parallel()
	s := ratelimitpg.New(database(t), nil)
	keys := []ratelimit.Key{
		{Tenant: "a", Name: "b"},
		{Tenant: "a"},
		{Name: "a"},
		{Name: "A"},
		{Name: "a\x00"},
		{Name: `a\x00`},
		{Name: `a\\x00`},
		{Name: "a\xff"},
		{Name: `a\`},
		{Name: `'; drop table tenon.ratelimits; --`},
		{Tenant: "ä", Name: "日本"},
	}
	var ops []ratelimit.Op
	for i, key := range keys {
		ops = append(ops, take(key, int64(i+1)))
	}
	settle(t, s, ops...)
	for i, key := range keys {
		require.EqualValues(t, i+1, used(t, s, key), "%q", key)
	}
	erased, err := s.Erase(t.Context(), tenon.Subject{Tenant: "a", User: "b"})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"tenon.ratelimits": 1}, erased)
}

func TestTheServersClockDecides(t *testing.T) {
	t.Parallel()
	pool := database(t)
	before := pgtest.One[time.Time](t, pool, "select clock_timestamp()")
	at := settle(t, ratelimitpg.New(pool, nil), take(ratelimit.Key{Name: "k"}, 1))[0].At
	after := pgtest.One[time.Time](t, pool, "select clock_timestamp()")
	require.False(t, at.Before(before) || at.After(after), "%s is not within %s and %s", at, before, after)
}

func TestAClockAPeriodApartIsSaid(t *testing.T) {
	t.Parallel()
	pool := database(t)
	l := ratelimit.PerDay(10, nil)
	outcomes, err := ratelimitpg.SettleAt(t.Context(), pool, time.Now().Add(240*time.Hour),
		take(ratelimit.Key{Name: "k"}, 1, l), take(ratelimit.Key{Name: "other"}, 1))
	require.NoError(t, err)
	require.ErrorIs(t, outcomes[0].Err, tenon.ErrUnavailable)
	require.False(t, outcomes[0].Granted)
	require.NoError(t, outcomes[1].Err)
	require.True(t, outcomes[1].Granted)
}

func TestWhatTheCallerRollsBackWasNotTaken(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s, key := ratelimitpg.New(pool, nil), ratelimit.Key{Tenant: "acme"}
	tx := pgtest.Begin(t, pool)
	settle(t, ratelimitpg.New(tx, nil), take(key, 5))
	require.NoError(t, tx.Rollback(t.Context()))
	require.Zero(t, used(t, s, key))

	tx = pgtest.Begin(t, pool)
	settle(t, ratelimitpg.New(tx, nil), take(key, 5))
	require.NoError(t, tx.Commit(t.Context()))
	require.EqualValues(t, 5, used(t, s, key))
}

// Batches that name the same rows in other orders would deadlock if they locked them as they come.
func TestBatchesInAnyOrderNeitherLoseNorWaitForEachOther(t *testing.T) {
	t.Parallel()
	s := ratelimitpg.New(database(t), nil)
	const crowd, rounds, keys = 8, 20, 10
	var all sync.WaitGroup
	for c := range crowd {
		all.Go(func() {
			for r := range rounds {
				var ops []ratelimit.Op
				for k := range keys {
					name := fmt.Sprint((k*(2*c+1) + r) % keys)
					ops = append(ops, take(ratelimit.Key{Tenant: "t", Name: name}, 1, hour, ratelimit.PerMonth(1e6, nil)))
				}
				if _, err := s.Settle(t.Context(), ops); err != nil {
					t.Errorf("settle: %v", err)
				}
			}
		})
	}
	all.Wait()
	var sum int64
	for k := range keys {
		sum += used(t, s, ratelimit.Key{Tenant: "t", Name: fmt.Sprint(k)})
	}
	require.EqualValues(t, crowd*rounds*keys, sum)
	require.Zero(t, s.Stats().Retries)
}

func TestAFaultIsSaidAndNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	for fault, most := range map[pgtest.Fault]int64{pgtest.Fail: 0, pgtest.CutBefore: 0, pgtest.CutAfter: 1} {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			faulty := pgtest.NewFaulty(pool, 1, fault)
			key := ratelimit.Key{Tenant: "acme"}
			_, err := ratelimitpg.New(faulty, nil).Settle(t.Context(), []ratelimit.Op{take(key, 1)})
			require.ErrorIs(t, err, tenon.ErrUnavailable)
			require.True(t, faulty.Fired())
			require.EqualValues(t, most, used(t, ratelimitpg.New(pool, nil), key))
		})
	}
}

func TestASchemaThatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	_, err := ratelimitpg.New(pgtest.Pool(t), nil).Settle(t.Context(), []ratelimit.Op{take(ratelimit.Key{Name: "k"}, 1)})
	require.ErrorContains(t, err, "migrations.Ratelimit")
}
