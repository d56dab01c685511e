package ratelimit

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/didip/tollbooth/v7"
	tollboothlimiter "github.com/didip/tollbooth/v7/limiter"
	"github.com/go-chi/httprate"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"
	"golang.org/x/time/rate"

	"github.com/transbotai/tenon/ratelimit"
)

// allow asks for one unit of a key.
type allow func(key string) bool

// contestant is a limiter. New sets it up for so many units in a window, and for so many keys where it wants to know.
type contestant struct {
	name string
	make func(limit int, window time.Duration, keys int) (allow, func(), error)
}

func nothing() {}

func ours(limitOf func(limit int, window time.Duration) ratelimit.Limit) func(int, time.Duration, int) (allow, func(), error) {
	return func(limit int, window time.Duration, keys int) (allow, func(), error) {
		lim, err := ratelimit.NewLimiter(&ratelimit.Options{MaxKeys: keys}, limitOf(limit, window))
		ctx := context.Background()
		return func(key string) bool {
			d, err := lim.Take(ctx, ratelimit.Key{Name: key}, 1)
			return err == nil && d.Allowed
		}, nothing, err
	}
}

func perSecond(limit int, window time.Duration) float64 { return float64(limit) / window.Seconds() }

// contestants lists tenon's two first.
func contestants() []contestant {
	return []contestant{
		{"tenon strict", ours(func(n int, w time.Duration) ratelimit.Limit { return ratelimit.Per(int64(n), w) })},
		{"tenon bucket", ours(func(n int, w time.Duration) ratelimit.Limit {
			return ratelimit.Bucket(rate.Limit(perSecond(n, w)), n)
		})},
		{"x/time", newXTime},
		{"go-limiter", newGoLimiter},
		{"ulule", newUlule},
		{"throttled", newThrottled},
		{"httprate", newHTTPRate},
		{"tollbooth", newTollbooth},
	}
}

func newXTime(limit int, window time.Duration, _ int) (allow, func(), error) {
	var limiters sync.Map
	r := rate.Limit(perSecond(limit, window))
	return func(key string) bool {
		l, ok := limiters.Load(key)
		if !ok {
			l, _ = limiters.LoadOrStore(key, rate.NewLimiter(r, limit))
		}
		return l.(*rate.Limiter).Allow()
	}, nothing, nil
}

func newGoLimiter(limit int, window time.Duration, _ int) (allow, func(), error) {
	ctx := context.Background()
	store, err := memorystore.New(&memorystore.Config{
		Tokens: uint64(limit), Interval: window, SweepInterval: time.Hour, SweepMinTTL: time.Hour,
	})
	if err != nil {
		return nil, nil, err
	}
	return func(key string) bool {
		_, _, _, ok, _ := store.Take(ctx, key)
		return ok
	}, func() { _ = store.Close(ctx) }, nil
}

func newUlule(limit int, window time.Duration, _ int) (allow, func(), error) {
	ctx := context.Background()
	store := memory.NewStoreWithOptions(limiter.StoreOptions{Prefix: "l", CleanUpInterval: time.Hour})
	l := limiter.New(store, limiter.Rate{Period: window, Limit: int64(limit)})
	return func(key string) bool {
		c, err := l.Get(ctx, key)
		return err == nil && !c.Reached
	}, nothing, nil
}

func newThrottled(limit int, window time.Duration, keys int) (allow, func(), error) {
	ctx := context.Background()
	store, err := memstore.NewCtx(2 * keys)
	if err != nil {
		return nil, nil, err
	}
	quota := throttled.RateQuota{MaxRate: throttled.PerDuration(limit, window), MaxBurst: limit - 1}
	l, err := throttled.NewGCRARateLimiterCtx(store, quota)
	if err != nil {
		return nil, nil, err
	}
	l.SetMaxCASAttemptsLimit(1 << 30) // its default gives up under contention
	return func(key string) bool {
		limited, _, err := l.RateLimitCtx(ctx, key, 1)
		return err == nil && !limited
	}, nothing, nil
}

func newHTTPRate(limit int, window time.Duration, _ int) (allow, func(), error) {
	l := httprate.NewRateLimiter(limit, window, httprate.WithResponseHeaders(httprate.ResponseHeaders{}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	writers := sync.Pool{New: func() any { return httptest.NewRecorder() }}
	return func(key string) bool {
		w := writers.Get().(*httptest.ResponseRecorder)
		defer writers.Put(w)
		return !l.OnLimit(w, r, key)
	}, nothing, nil
}

func newTollbooth(limit int, window time.Duration, _ int) (allow, func(), error) {
	l := tollbooth.NewLimiter(perSecond(limit, window), &tollboothlimiter.ExpirableOptions{DefaultExpirationTTL: time.Hour})
	l.SetBurst(limit)
	return func(key string) bool { return !l.LimitReached(key) }, nothing, nil
}
