package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/quoting"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitredis"
)

// limits are how often the API and the sign-in may be asked.
type limits struct {
	api, signIn, public *ratelimit.Limiter
	trials, mails       *ratelimit.Limiter
	close               func() error
}

// perKey is the platform's promise: 120 requests in any minute, for each API key.
const perKey = 120

// perKeyOf is what plans say otherwise.
var perKeyOf = map[string]int64{"enterprise": 600}

// signInsPerAddress leaves an office behind one address room, and nobody enough to guess.
const signInsPerAddress = 60

// publicPerAddress is how many public pages an address may see in a minute.
const publicPerAddress = 240

// How many trials may be asked for in an hour: from where somebody connects, and for one mailbox, known or not.
const (
	trialsPerAddress = 30
	trialsPerMail    = 10
)

// newLimits shares the limits of all instances through the Redis that the URL names, or, where it is empty, keeps them in
// this process. While Redis is away everything is let through: what a plan includes is counted in Postgres all the same.
func newLimits(redisURL string, gate *entitlements.Gate, logger *slog.Logger) (*limits, error) {
	store, closeStore, err := limitStore(redisURL)
	if err != nil {
		return nil, err
	}
	api, err := ratelimit.NewLimiter(&ratelimit.Options{
		Store: store, Logger: logger,
		LimitsOf: func(ctx context.Context, key ratelimit.Key) ([]ratelimit.Limit, error) {
			d, err := gate.Check(ctx, key.Tenant, quoting.Access) // from memory, where an entitlement is read each time
			return []ratelimit.Limit{apiLimit(d.Plan)}, err
		},
	}, apiLimit(""))
	if err != nil {
		return nil, errors.Join(err, closeStore())
	}
	l := &limits{api: api, close: closeStore}
	for _, o := range []struct {
		limiter **ratelimit.Limiter
		limit   ratelimit.Limit
	}{
		{&l.signIn, ratelimit.Limit{Name: "sign-in", Max: signInsPerAddress, Window: time.Minute}},
		{&l.public, ratelimit.Limit{Name: "public", Max: publicPerAddress, Window: time.Minute}},
		{&l.trials, ratelimit.Limit{Name: "trials", Max: trialsPerAddress, Window: time.Hour}},
		{&l.mails, ratelimit.Limit{Name: "trial-mail", Max: trialsPerMail, Window: time.Hour}},
	} {
		o.limit.Away = ratelimit.AwayAllow
		if *o.limiter, err = ratelimit.NewLimiter(&ratelimit.Options{Store: store, Logger: logger}, o.limit); err != nil {
			return nil, errors.Join(err, closeStore())
		}
	}
	return l, nil
}

// apiLimit is the limit of each key of a company on a plan.
func apiLimit(plan string) ratelimit.Limit {
	l := ratelimit.Limit{Name: "api", Max: perKey, Window: time.Minute, Away: ratelimit.AwayAllow}
	if n, ok := perKeyOf[plan]; ok {
		l.Max = n
	}
	return l
}

func limitStore(url string) (store ratelimit.Store, closeStore func() error, err error) {
	if url == "" {
		return nil, func() error { return nil }, nil
	}
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, nil, err
	}
	opts.ContextTimeoutEnabled = true // a connection whose answer is late is given up at once
	client := redis.NewClient(opts)
	return ratelimitredis.New(client, &ratelimitredis.Options{Prefix: "transbot:"}), client.Close, nil
}
