package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/transbotai/tenon/ratelimit"
)

func ExampleNewLimiter() {
	lim, err := ratelimit.NewLimiter(nil, ratelimit.PerHour(2))
	if err != nil {
		panic(err)
	}
	for range 3 {
		d, err := lim.Take(context.Background(), ratelimit.Key{Tenant: "acme", Name: "key-1"}, 1)
		fmt.Println(d.Allowed, d.Remaining, d.Policy, err)
	}
	// Output:
	// true 1 2/1h0m0s <nil>
	// true 0 2/1h0m0s <nil>
	// false 0 2/1h0m0s <nil>
}

// Several limits are one decision, which names the one that denied.
func ExampleLimiter_Take() {
	lim, err := ratelimit.NewLimiter(nil, ratelimit.PerHour(10), ratelimit.PerMonth(12, nil))
	if err != nil {
		panic(err)
	}
	key := ratelimit.Key{Tenant: "acme"}
	for _, n := range []int64{8, 5, 11} {
		d, err := lim.Take(context.Background(), key, n)
		fmt.Println(n, d.Allowed, d.Reason, d.Policy, d.Remaining, err)
	}
	// Output:
	// 8 true allowed 10/1h0m0s 2 <nil>
	// 5 false limit_reached 12/month 4 <nil>
	// 11 false too_much 10/1h0m0s 2 <nil>
}

func ExampleLimiter_Wait() {
	lim, err := ratelimit.NewLimiter(nil, ratelimit.Bucket(rate.Every(time.Hour), 1))
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	key := ratelimit.Key{Name: "nightly"}
	_, err = lim.Wait(ctx, key, 1)
	fmt.Println(err)
	_, err = lim.Wait(ctx, key, 1) // returns at once: the next unit comes in an hour
	fmt.Println(errors.Is(err, ratelimit.ErrTooLate))
	_, err = lim.Wait(ctx, key, 2)
	fmt.Println(errors.Is(err, ratelimit.ErrNever))
	// Output:
	// <nil>
	// true
	// true
}

func ExampleLimiter_Reserve() {
	lim, err := ratelimit.NewLimiter(nil, ratelimit.Bucket(rate.Every(time.Hour), 1))
	if err != nil {
		panic(err)
	}
	key := ratelimit.Key{Name: "nightly"}
	for range 2 {
		r, err := lim.Reserve(context.Background(), key, 1)
		fmt.Println(r.OK(), r.Delay().Round(time.Minute), err)
	}
	// Output:
	// true 0s <nil>
	// true 1h0m0s <nil>
}

// What was not done is refunded; what has ended is released.
func ExampleLimiter_Release() {
	lim, err := ratelimit.NewLimiter(nil, ratelimit.InFlight(1, time.Minute), ratelimit.PerHour(10))
	if err != nil {
		panic(err)
	}
	ctx, key := context.Background(), ratelimit.Key{Name: "export"}
	first, _ := lim.Take(ctx, key, 1)
	second, _ := lim.Take(ctx, key, 1)
	fmt.Println(first.Allowed, second.Allowed, second.Policy)
	err = lim.Release(ctx, key, first)
	third, _ := lim.Take(ctx, key, 1)
	fmt.Println(err, third.Allowed)
	// Output:
	// true false 1/in flight
	// <nil> true
}

// The plan of a tenant sets its limit; after a change it holds at once.
func ExampleOptions() {
	plan := map[string]int64{"acme": 1}
	lim, err := ratelimit.NewLimiter(&ratelimit.Options{
		LimitsOf: func(_ context.Context, key ratelimit.Key) ([]ratelimit.Limit, error) {
			return []ratelimit.Limit{ratelimit.PerHour(plan[key.Tenant])}, nil
		},
	}, ratelimit.PerHour(0))
	if err != nil {
		panic(err)
	}
	key := ratelimit.Key{Tenant: "acme"}
	for range 2 {
		d, _ := lim.Take(context.Background(), key, 1)
		fmt.Println(d.Allowed, d.Limit)
	}
	plan["acme"] = 5
	lim.Forget("acme")
	d, _ := lim.Take(context.Background(), key, 1)
	fmt.Println(d.Allowed, d.Limit, d.Remaining)
	// Output:
	// true 1
	// false 1
	// true 5 3
}

// Two processes share a limit through a store: ratelimitredis or ratelimitpg.
func ExampleStore() {
	store := ratelimit.NewMemoryStore(nil)
	for range 2 {
		lim, err := ratelimit.NewLimiter(&ratelimit.Options{Store: store, Timeout: time.Minute}, ratelimit.PerHour(10))
		if err != nil {
			panic(err)
		}
		d, err := lim.Take(context.Background(), ratelimit.Key{Tenant: "acme"}, 4)
		fmt.Println(d.Remaining, err)
	}
	// Output:
	// 6 <nil>
	// 2 <nil>
}
