package ratelimit_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
)

// plans is what a host knows of its tenants' limits.
type plans struct {
	limit atomic.Pointer[ratelimit.Limit]
	err   atomic.Pointer[error]
	asked atomic.Int64
}

func (p *plans) limitsOf(context.Context, ratelimit.Key) ([]ratelimit.Limit, error) {
	p.asked.Add(1)
	if err := p.err.Load(); err != nil {
		return nil, *err
	}
	if l := p.limit.Load(); l != nil {
		return []ratelimit.Limit{*l}, nil
	}
	return nil, nil
}

func (p *plans) set(l ratelimit.Limit) { p.limit.Store(&l) }

func everyPlan(t *testing.T, f func(t *testing.T, p *plans, lim *ratelimit.Limiter)) {
	t.Helper()
	for name, store := range map[string]func() ratelimit.Store{
		"in_process": func() ratelimit.Store { return nil },
		"by_a_store": func() ratelimit.Store { return ratelimit.NewMemoryStore(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &plans{}
				opts := &ratelimit.Options{LimitsOf: p.limitsOf, Store: store()}
				f(t, p, must(ratelimit.NewLimiter(opts, ratelimit.PerMinute(5))))
			})
		})
	}
}

func TestAKeyHasTheLimitsOfItsPlan(t *testing.T) {
	t.Parallel()
	everyPlan(t, func(t *testing.T, p *plans, lim *ratelimit.Limiter) {
		require.Equal(t, int64(5), take(t, lim, 1).Limit)
		p.set(ratelimit.PerMinute(50))
		require.Equal(t, int64(5), take(t, lim, 1).Limit)
		require.Equal(t, int64(1), p.asked.Load())
		time.Sleep(5 * time.Second)
		d := take(t, lim, 1)
		require.Equal(t, [2]int64{50, 47}, [2]int64{d.Limit, d.Remaining}) // what was taken counts
	})
}

func TestARaisedLimitTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	everyPlan(t, func(t *testing.T, p *plans, lim *ratelimit.Limiter) {
		take(t, lim, 5)
		require.False(t, take(t, lim, 1).Allowed)
		for limit := int64(6); limit < 200; limit++ {
			p.set(ratelimit.PerMinute(limit))
			lim.Forget("another")
			require.False(t, take(t, lim, 1).Allowed)
			lim.Forget("acme")
			require.True(t, take(t, lim, 1).Allowed)
			require.False(t, take(t, lim, 1).Allowed)
		}
		p.set(ratelimit.PerMinute(7)) // and so does one that is lowered
		lim.Forget("acme")
		require.False(t, take(t, lim, 1).Allowed)
	})
}

func TestARaisedBucketFillsAtItsNewRate(t *testing.T) {
	t.Parallel()
	everyPlan(t, func(t *testing.T, p *plans, lim *ratelimit.Limiter) {
		p.set(ratelimit.Bucket(1.0/86400, 1))
		require.True(t, take(t, lim, 1).Allowed)
		p.set(ratelimit.Bucket(10, 10))
		lim.Forget("acme")
		d := take(t, lim, 1)
		require.Equal(t, 100*time.Millisecond, d.RetryAfter)
		time.Sleep(d.RetryAfter)
		require.True(t, take(t, lim, 1).Allowed)
	})
}

// A large limit counts in coarser units, so that what was taken is counted anew, and never as less.
func TestALimitThatIsRaisedByFarKeepsWhatWasTaken(t *testing.T) {
	t.Parallel()
	everyPlan(t, func(t *testing.T, p *plans, lim *ratelimit.Limiter) {
		p.set(ratelimit.PerMinute(60_000))
		require.True(t, take(t, lim, 10_001).Allowed)
		p.set(ratelimit.PerMinute(1_000_000))
		lim.Forget("acme")
		d := take(t, lim, 1)
		require.LessOrEqual(t, d.Remaining, int64(1_000_000-10_002))
		require.Greater(t, d.Remaining, int64(1_000_000-10_002-32))
		require.True(t, take(t, lim, d.Remaining).Allowed)
		p.set(ratelimit.PerMinute(60_000))
		lim.Forget("acme")
		require.False(t, take(t, lim, 1).Allowed)
		time.Sleep(3 * time.Minute)
		require.Equal(t, int64(0), take(t, lim, 60_000).Remaining)
	})
}

func TestLimitsThatAreForgottenWhileTheyAreAskedForAreAskedForAgain(t *testing.T) {
	t.Parallel()
	var lim *ratelimit.Limiter
	limit, asked := ratelimit.PerMinute(5), 0
	lim = must(ratelimit.NewLimiter(&ratelimit.Options{
		LimitsFor: time.Hour,
		LimitsOf: func(context.Context, ratelimit.Key) ([]ratelimit.Limit, error) {
			old := limit
			if asked++; asked == 1 { // the plan is changed before the answer is there
				limit = ratelimit.PerMinute(50)
				lim.Forget("acme")
			}
			return []ratelimit.Limit{old}, nil
		},
	}, ratelimit.PerMinute(1)))
	require.Equal(t, int64(5), take(t, lim, 1).Limit)
	require.Equal(t, int64(50), take(t, lim, 1).Limit)
	require.Equal(t, int64(50), take(t, lim, 1).Limit)
	require.Equal(t, 2, asked)
}

func TestNobodyKeepsALimitThatWasForgotten(t *testing.T) {
	t.Parallel()
	var plan atomic.Int64
	lim := must(ratelimit.NewLimiter(&ratelimit.Options{
		LimitsFor: time.Hour,
		LimitsOf: func(context.Context, ratelimit.Key) ([]ratelimit.Limit, error) {
			return []ratelimit.Limit{ratelimit.PerMinute(plan.Load())}, nil
		},
	}, ratelimit.PerMinute(1)))
	var others sync.WaitGroup
	defer others.Wait()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for range 4 {
		others.Go(func() {
			for ctx.Err() == nil {
				lim.Limits(ctx, key)
			}
		})
	}
	for n := range int64(soak(1000, 300_000)) {
		plan.Store(n)
		lim.Forget("acme")
		require.Equal(t, n, lim.Limits(ctx, key)[0].Max)
	}
}

func TestKeysThatShareAPlaceHaveTheirOwnLimits(t *testing.T) {
	t.Parallel()
	lim := must(ratelimit.NewLimiter(&ratelimit.Options{
		LimitsFor: time.Hour,
		LimitsOf: func(_ context.Context, k ratelimit.Key) ([]ratelimit.Limit, error) {
			return []ratelimit.Limit{ratelimit.PerMinute(int64(len(k.Tenant)))}, nil
		},
	}, ratelimit.PerMinute(1)))
	for range 2 {
		for i := range 6000 { // there are 4,096 places
			k := ratelimit.Key{Tenant: strings.Repeat("x", i%100), Name: strconv.Itoa(i)}
			require.Equal(t, int64(i%100), lim.Limits(t.Context(), k)[0].Max)
		}
	}
}

func TestAKeyKeepsItsLimitsWhileTheyCannotBeAsked(t *testing.T) {
	t.Parallel()
	everyPlan(t, func(t *testing.T, p *plans, lim *ratelimit.Limiter) {
		p.set(ratelimit.PerMinute(50))
		require.Equal(t, int64(50), take(t, lim, 1).Limit)
		for _, err := range []error{errors.New("broken"), tenon.ErrUnavailable} {
			p.err.Store(&err)
			time.Sleep(6 * time.Second)
			require.Equal(t, int64(50), take(t, lim, 1).Limit)
			d, err := lim.Take(t.Context(), ratelimit.Key{Tenant: "new"}, 1)
			require.NoError(t, err)
			require.Equal(t, int64(5), d.Limit) // of NewLimiter
		}
		require.Equal(t, int64(4), lim.Stats().Errors)
		p.err.Store(nil)
		p.set(ratelimit.PerMinute(-1)) // what is wrong is an error, too
		lim.Forget("acme")
		require.Equal(t, int64(50), take(t, lim, 1).Limit)
	})
}
