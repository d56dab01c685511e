package ratelimitredis

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
)

// Options of a [Store]. The zero value of each field has the documented meaning.
type Options struct {
	// Prefix begins the names of all Redis keys; stores with different ones share nothing. Characters that mean
	// something to Redis in a pattern or a hash tag are escaped. Empty means "tenon:ratelimit:".
	Prefix string
	// Now is the time in place of the server's, for tests. Nil: the server's.
	Now func() time.Time
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Prefix == "" {
		v.Prefix = "tenon:ratelimit:"
	}
	v.Prefix = escape(v.Prefix)
	return v
}

// Store shares limits through Redis.
type Store struct {
	client  redis.UniversalClient
	single  bool // one server has every key, so that one script may touch any of them
	options Options
}

var (
	_ ratelimit.Store = (*Store)(nil)
	_ tenon.Eraser    = (*Store)(nil)
)

// New returns a store on a client of one server (a primary found by Sentinel too), of a Cluster or of a Ring. It does no
// I/O.
func New(client redis.UniversalClient, opts *Options) *Store {
	_, single := client.(*redis.Client)
	return &Store{client: client, single: single, options: opts.withDefaults()}
}

// maxKeys bounds the keys of one run of the script, so that it does not hold Redis up and Lua can pass them on.
const maxKeys = 512

// Settle implements [ratelimit.Store]. On one server it is one run of the script for all operations; on a cluster one
// for each key, in one pipeline for each node, and operations whose node is away have an error of their own.
func (s *Store) Settle(ctx context.Context, ops []ratelimit.Op) ([]ratelimit.Outcome, error) {
	if len(ops) == 0 {
		return nil, nil
	}
	outcomes := make([]ratelimit.Outcome, len(ops))
	calls := s.calls(ops)
	failed := 0
	for i, a := range s.run(ctx, calls) {
		err := a.err
		if err == nil {
			err = calls[i].outcomes(a.text, outcomes)
		}
		if err == nil {
			continue
		}
		if failed++; failed == len(calls) {
			return nil, translate(err)
		}
		for _, place := range calls[i].places {
			outcomes[place].Err = translate(err)
		}
	}
	return outcomes, nil
}

// calls divides operations into runs of the script, those of a key in their order within one.
func (s *Store) calls(ops []ratelimit.Op) []call {
	if !s.single {
		return s.callsByKey(ops)
	}
	var calls []call
	c := s.newCaller(len(ops))
	for i, op := range ops {
		if len(c.call.keys)+len(op.Limits) > maxKeys {
			calls, c = append(calls, c.done()), s.newCaller(len(ops)-i)
		}
		c.add(i, op)
	}
	return append(calls, c.done())
}

func (s *Store) callsByKey(ops []ratelimit.Op) []call {
	callers := map[ratelimit.Key]*caller{}
	var order []*caller
	for i, op := range ops {
		c := callers[op.Key]
		if c == nil {
			c = s.newCaller(1)
			callers[op.Key], order = c, append(order, c)
		}
		c.add(i, op)
	}
	calls := make([]call, len(order))
	for i, c := range order {
		calls[i] = c.done()
	}
	return calls
}
