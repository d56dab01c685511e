package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/internal/redistest"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitredis"
)

// What stores are asked by.
const (
	callers    = 64
	sharedKeys = 4000
	leasedBy   = 16
)

// The limits: one that is never reached, and one that is.
var (
	wide   = ratelimit.PerHour(1 << 40)
	narrow = ratelimit.PerHour(120)
)

var errUndecided = errors.New("a call was refused, or not decided by the store")

func compareRedis(ctx context.Context, l *lab.Lab, s *report.Section) (err error) {
	server, err := redistest.Start(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	opts := server.Options()
	opts.PoolSize = callers
	client := redis.NewClient(opts)
	defer client.Close()
	peer := redis_rate.NewLimiter(client)
	if err := peerAgrees(ctx, peer); err != nil {
		return err
	}
	store := func() ratelimit.Store {
		return ratelimitredis.New(client, &ratelimitredis.Options{Prefix: fmt.Sprint("bench", rand.Int64(), ":")})
	}
	l.Say("ratelimit: Redis, %d rounds", l.Rounds)
	series, err := measure.Interleave(ctx, l.Rounds,
		peerRound(l, peer, redis_rate.Limit{Rate: 1 << 40, Burst: 1 << 40, Period: time.Hour}, sharedKeys, true),
		peerRound(l, peer, redis_rate.PerHour(int(narrow.Max)), 1, false),
		round(l, store, 1), round(l, store, leasedBy), deniedRound(l, store))
	if err != nil {
		return err
	}
	s.Tables = append(s.Tables, redisTable(series))
	for i, name := range []string{"exact/redis_rate", "denied/redis_rate", "exact/tenon", "leased/tenon", "denied/tenon"} {
		s.Samples = append(s.Samples, report.Sample{Name: "redis/" + name, Unit: report.PerSecond, Series: series[i]})
	}
	return nil
}

func redisTable(series []measure.Series) report.Table {
	t := report.Table{
		Title: "Shared through Redis",
		Text: fmt.Sprintf("%d callers on one server by its unix socket, %d keys, and one key for what is denied. "+
			"tenon's limit is strict, with two calls of the store under way; leases are good for 10 seconds. "+
			"redis_rate is GCRA.", callers, sharedKeys),
		Columns: []string{"tenon", "redis_rate"},
	}
	for _, c := range []struct {
		name        string
		ours, peers measure.Series
		atLeast     float64
	}{
		{"exact: tenon over redis_rate", series[2], series[0], 1.5},
		{fmt.Sprintf("leased by %d: tenon over redis_rate", leasedBy), series[3], series[0], 10},
		{"denied: tenon over redis_rate", series[4], series[1], 30},
	} {
		t.Rows = append(t.Rows, report.Ratio(c.name, c.ours, c.peers, c.atLeast))
	}
	return t
}

// peerAgrees checks that redis_rate lets through what its limit says.
func peerAgrees(ctx context.Context, peer *redis_rate.Limiter) error {
	allowed := 0
	for range 50 {
		r, err := peer.Allow(ctx, "agrees", redis_rate.PerHour(20))
		if err != nil {
			return err
		}
		allowed += r.Allowed
	}
	if allowed != 20 {
		return fmt.Errorf("redis_rate allowed %d of 20", allowed)
	}
	return nil
}

// peerRound measures redis_rate where it allows, or, after the limit was used up, denies.
func peerRound(l *lab.Lab, peer *redis_rate.Limiter, limit redis_rate.Limit, keys int, allows bool) measure.Contender {
	return func(ctx context.Context) (float64, error) {
		names, random := keyNames(keys), generators()
		if !allows {
			if _, err := peer.AllowAtMost(ctx, names[0], limit, limit.Burst); err != nil {
				return 0, err
			}
		}
		load, err := measure.Run(ctx, callers, l.Length, func(ctx context.Context, caller, _ int) error {
			r, err := peer.Allow(ctx, names[random[caller].IntN(keys)], limit)
			if err == nil && (r.Allowed > 0) != allows {
				err = errUndecided
			}
			return err
		})
		return load.Rate(), err
	}
}

// round measures a limit that is never reached, shared through a new store, and checks what the store counted.
func round(l *lab.Lab, store func() ratelimit.Store, lease int64) measure.Contender {
	return func(ctx context.Context) (float64, error) {
		limit := wide
		limit.Lease = lease
		limiter, err := newLimiter(store(), limit)
		if err != nil {
			return 0, err
		}
		keys, random := tenantKeys(sharedKeys), generators()
		if err := warm(ctx, limiter, keys); err != nil {
			return 0, err
		}
		load, err := measure.Run(ctx, callers, l.Length, func(ctx context.Context, caller, _ int) error {
			d, err := limiter.Take(ctx, keys[random[caller].IntN(sharedKeys)], 1)
			if err == nil && (!d.Allowed || d.Reason != ratelimit.ReasonAllowed) {
				err = errUndecided
			}
			return err
		})
		if err != nil {
			return 0, err
		}
		return load.Rate(), counted(ctx, limiter, keys, int64(load.Calls+len(keys)), lease)
	}
}

// warm takes once under each key: what is measured is a limit that is in use.
func warm(ctx context.Context, limiter *ratelimit.Limiter, keys []ratelimit.Key) error {
	return each(keys, func(key ratelimit.Key) error {
		_, err := limiter.Take(ctx, key, 1)
		return err
	})
}

// each calls f for every key, by as many callers as are measured.
func each(keys []ratelimit.Key, f func(ratelimit.Key) error) error {
	errs := make([]error, callers)
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := c; i < len(keys) && errs[c] == nil; i += callers {
				errs[c] = f(keys[i])
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// counted checks that the store counted every call, and under exact limits nothing else.
func counted(ctx context.Context, limiter *ratelimit.Limiter, keys []ratelimit.Key, calls, lease int64) error {
	var sum atomic.Int64
	err := each(keys, func(key ratelimit.Key) error {
		d, err := limiter.Peek(ctx, key, 1)
		if err == nil && d.Reason != ratelimit.ReasonAllowed {
			err = errUndecided
		}
		sum.Add(wide.Max - d.Remaining)
		return err
	})
	if n := sum.Load(); err == nil && (n < calls || lease == 1 && n > calls) {
		err = fmt.Errorf("%d calls, of which the store counted %d", calls, n)
	}
	return err
}

// deniedRound measures a key whose limit is used up.
func deniedRound(l *lab.Lab, store func() ratelimit.Store) measure.Contender {
	return func(ctx context.Context) (float64, error) {
		limiter, err := newLimiter(store(), narrow)
		if err != nil {
			return 0, err
		}
		key := tenantKeys(1)[0]
		if d, err := limiter.Take(ctx, key, narrow.Max); err != nil || !d.Allowed {
			return 0, errors.Join(errUndecided, err)
		}
		load, err := measure.Run(ctx, callers, l.Length, func(ctx context.Context, _, _ int) error {
			d, err := limiter.Take(ctx, key, 1)
			if err == nil && (d.Allowed || d.Reason != ratelimit.ReasonLimit) {
				err = errUndecided
			}
			return err
		})
		return load.Rate(), err
	}
}

func newLimiter(store ratelimit.Store, limit ratelimit.Limit) (*ratelimit.Limiter, error) {
	return ratelimit.NewLimiter(&ratelimit.Options{
		Store: store, Processes: 1, Timeout: 5 * time.Second, LeaseFor: 10 * time.Second, Flights: 2,
	}, limit)
}

func keyNames(n int) []string {
	names, round := make([]string, n), rand.Int64()
	for i := range names {
		names[i] = fmt.Sprintf("%d-%05d", round, i)
	}
	return names
}

func tenantKeys(n int) []ratelimit.Key {
	keys := make([]ratelimit.Key, n)
	for i, name := range keyNames(n) {
		keys[i] = ratelimit.Key{Tenant: "acme", Name: name}
	}
	return keys
}

// generators are for the callers, one each.
func generators() []*rand.Rand {
	all := make([]*rand.Rand, callers)
	for i := range all {
		all[i] = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	return all
}
