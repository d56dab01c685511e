package ratelimitredis

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/transbotai/tenon"
)

// Erased is the name under which Erase counts.
const Erased = "redis:ratelimit"

// Erase implements [tenon.Eraser]: it looks through the names of all Redis keys (SCAN), on every node, and removes those
// of the subject. What is taken under them meanwhile may stay, and expires by itself.
func (s *Store) Erase(ctx context.Context, subject tenon.Subject) (map[string]int64, error) {
	if subject.Tenant == "" {
		return nil, tenon.Invalid("tenant", "is empty")
	}
	gone := map[string]bool{}
	err := s.eachServer(ctx, func(ctx context.Context, server *redis.Client) error {
		return s.eraseFrom(ctx, server, s.pattern(subject), gone)
	})
	if err != nil {
		return nil, translate(err)
	}
	return map[string]int64{Erased: int64(len(gone))}, nil
}

// eachServer calls f with every server that takes writes, one after the other.
func (s *Store) eachServer(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	one := make(chan struct{}, 1)
	inTurn := func(ctx context.Context, server *redis.Client) error {
		one <- struct{}{}
		defer func() { <-one }()
		return f(ctx, server)
	}
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		return c.ForEachMaster(ctx, inTurn)
	case *redis.Ring:
		return c.ForEachShard(ctx, inTurn)
	case *redis.Client:
		return f(ctx, c)
	}
	return tenon.Invalid("client", "%T is not of go-redis", s.client)
}

// scanned is how many names one SCAN looks at.
const scanned = 1000

// eraseFrom removes what matches and notes the keys it belonged to. Several Redis keys may belong to one.
func (s *Store) eraseFrom(ctx context.Context, server *redis.Client, pattern string, gone map[string]bool) error {
	for cursor := uint64(0); ; {
		names, next, err := server.Scan(ctx, cursor, pattern, scanned).Result()
		if err != nil {
			return err
		}
		if err := remove(ctx, server, names); err != nil {
			return err
		}
		for _, name := range names {
			key, _, _ := strings.Cut(name, "}")
			gone[key] = true
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// remove removes Redis keys, each by a command of its own, since those of a cluster's node lie in several slots.
func remove(ctx context.Context, server *redis.Client, names []string) error {
	if len(names) == 0 {
		return nil
	}
	_, err := server.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, name := range names {
			p.Unlink(ctx, name)
		}
		return nil
	})
	return err
}
