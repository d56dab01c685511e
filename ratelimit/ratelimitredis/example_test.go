package ratelimitredis_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/transbotai/tenon/internal/redistest"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitredis"
)

func ExampleNew() {
	ctx := context.Background()
	server, err := redistest.Start(ctx, nil) // a service has one already
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	client := redis.NewClient(server.Options())
	defer client.Close()

	store := ratelimitredis.New(client, nil)
	limiter, err := ratelimit.NewLimiter(&ratelimit.Options{Store: store, Timeout: time.Minute}, ratelimit.PerHour(2))
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		d, err := limiter.Take(ctx, ratelimit.Key{Tenant: "acme", Name: "key-1"}, 1)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Allowed, d.Remaining, d.Reason)
	}
	// Output:
	// true 1 allowed
	// true 0 allowed
	// false 0 limit_reached
}
