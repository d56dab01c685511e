package ratelimitpg_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
)

func ExampleNew() {
	ctx := context.Background()
	server, err := pgtest.Start(ctx, nil) // a service has one already
	if err != nil {
		log.Fatal(err)
	}
	defer server.Stop()
	conn, err := pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		log.Fatal(err)
	}
	if err := migrations.Apply(ctx, conn, migrations.Ratelimit); err != nil {
		log.Fatal(err)
	}
	_ = conn.Close(ctx)
	pool, err := pgxpool.New(ctx, server.URL("postgres"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	store := ratelimitpg.New(pool, nil)
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
