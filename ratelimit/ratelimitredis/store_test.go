package ratelimitredis_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/redistest"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimitredis"
)

func TestKeysThatLookAlikeShareNothing(t *testing.T) {
	t.Parallel()
	s := ratelimitredis.New(redistest.Client(t), &ratelimitredis.Options{Prefix: ours()})
	keys := []ratelimit.Key{
		{Tenant: "a", Name: "b/c"},
		{Tenant: "a/b", Name: "c"},
		{Tenant: "a"},
		{Name: "a"},
		{Tenant: "a", Name: "}"},
		{Tenant: "a}", Name: ""},
		{Tenant: "a%7d"},
		{Tenant: "{a}"},
		{Tenant: "a", Name: "*"},
		{Tenant: "a", Name: "\x00\xff\r\n"},
		{Tenant: "ä", Name: "日本"},
	}
	for i, key := range keys {
		settle(t, s, take(key, int64(i+1)))
	}
	for i, key := range keys {
		require.EqualValues(t, i+1, used(t, s, key), "%q", key)
	}
}

func TestPrefixesShareNothing(t *testing.T) {
	t.Parallel()
	key, prefix := ratelimit.Key{Name: "k"}, ours()
	for _, p := range []string{prefix, prefix + "{a}", prefix + "*"} {
		s := ratelimitredis.New(redistest.Client(t), &ratelimitredis.Options{Prefix: p})
		settle(t, s, take(key, 1))
		require.EqualValues(t, 1, used(t, s, key))
	}
}

func TestManyOperationsAreCarriedOutInOrder(t *testing.T) {
	t.Parallel()
	s := ratelimitredis.New(redistest.Client(t), &ratelimitredis.Options{Prefix: ours()})
	var ops []ratelimit.Op
	for i := range 3000 { // more than one run of the script
		key := ratelimit.Key{Tenant: "t", Name: fmt.Sprint(i % 1500)}
		ops = append(ops, take(key, 1, ratelimit.PerHour(1), ratelimit.PerMonth(1e6, nil)))
	}
	for i, o := range settle(t, s, ops...) {
		require.Equal(t, i < 1500, o.Granted, i)
	}
	outcomes, err := s.Settle(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, outcomes)
}

func TestCountsExpireByThemselves(t *testing.T) {
	t.Parallel()
	client, prefix := redistest.Client(t), ours()
	s := ratelimitredis.New(client, &ratelimitredis.Options{Prefix: prefix})
	key := ratelimit.Key{Tenant: "acme", Name: "k"}
	for _, l := range []ratelimit.Limit{
		ratelimit.PerHour(10), ratelimit.Bucket(0.001, 10), ratelimit.PerMonth(10, nil), ratelimit.InFlight(10, time.Hour),
	} {
		o := settle(t, s, take(key, 2, l))[0]
		left, err := client.PTTL(t.Context(), prefix+"{acme/k}"+l.ID()).Result()
		require.NoError(t, err)
		require.Positive(t, left, l.ID())
		require.LessOrEqual(t, left, o.ResetAfter+time.Millisecond, l.ID())

		reset := take(key, 0, l)
		reset.Kind = ratelimit.OpReset
		settle(t, s, reset)
		there, err := client.Exists(t.Context(), prefix+"{acme/k}"+l.ID()).Result()
		require.NoError(t, err)
		require.Zero(t, there, l.ID())
	}
}

func TestADenialAndAPeekWriteNothing(t *testing.T) {
	t.Parallel()
	client, prefix := redistest.Client(t), ours()
	s := ratelimitredis.New(client, &ratelimitredis.Options{Prefix: prefix})
	peek := take(ratelimit.Key{Name: "k"}, 1)
	peek.Kind = ratelimit.OpPeek
	settle(t, s, take(ratelimit.Key{Name: "k"}, 1, ratelimit.PerHour(0)), peek)
	names, err := client.Keys(t.Context(), prefix+"*").Result()
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestTheServersClockDecides(t *testing.T) {
	t.Parallel()
	client := redistest.Client(t)
	s := ratelimitredis.New(client, &ratelimitredis.Options{Prefix: ours()})
	before, err := client.Time(t.Context()).Result()
	require.NoError(t, err)
	at := settle(t, s, take(ratelimit.Key{Name: "k"}, 1))[0].At
	after, err := client.Time(t.Context()).Result()
	require.NoError(t, err)
	require.False(t, at.Before(before) || at.After(after), "%s is not within %s and %s", at, before, after)
}

func TestAClockAPeriodApartIsSaid(t *testing.T) {
	t.Parallel()
	// Where the process's clock is ten days ahead, none of the periods around its time is the server's.
	s := ratelimitredis.New(redistest.Client(t), &ratelimitredis.Options{Prefix: ours()})
	l := ratelimit.PerDay(10, nil)
	outcomes, err := ratelimitredis.SettleAt(t.Context(), s, time.Now().Add(240*time.Hour),
		take(ratelimit.Key{Name: "k"}, 1, l), take(ratelimit.Key{Name: "other"}, 1))
	require.NoError(t, err)
	require.ErrorIs(t, outcomes[0].Err, tenon.ErrUnavailable)
	require.False(t, outcomes[0].Granted)
	require.NoError(t, outcomes[1].Err)
	require.True(t, outcomes[1].Granted)
}

func TestEraseForgetsATenantOrAUserOfIt(t *testing.T) {
	t.Parallel()
	_, client := cluster(t)
	for name, client := range map[string]redis.UniversalClient{
		"server": redistest.Client(t), "cluster": client, "ring": ring(t),
	} {
		t.Run(name, func(t *testing.T) {
			s := ratelimitredis.New(client, &ratelimitredis.Options{Prefix: ours()})
			keys := []ratelimit.Key{
				{Tenant: "a*"}, {Tenant: "a*", Name: "u"}, {Tenant: "a*", Name: "u2"}, {Tenant: "ab"}, {Tenant: "ab", Name: "u"}, {Name: "u"},
			}
			for _, key := range keys {
				settle(t, s, take(key, 1), take(key, 1, ratelimit.Bucket(0.001, 100)))
			}
			erase := func(subject tenon.Subject, want int64) {
				erased, err := s.Erase(t.Context(), subject)
				require.NoError(t, err)
				require.Equal(t, map[string]int64{ratelimitredis.Erased: want}, erased)
			}
			left := func() (found []int64) {
				for _, key := range keys {
					found = append(found, used(t, s, key))
				}
				return found
			}
			erase(tenon.Subject{Tenant: "a*", User: "u"}, 1)
			require.Equal(t, []int64{1, 0, 1, 1, 1, 1}, left())
			erase(tenon.Subject{Tenant: "a*"}, 2)
			require.Equal(t, []int64{0, 0, 0, 1, 1, 1}, left())
			erase(tenon.Subject{Tenant: "a*"}, 0)
			_, err := s.Erase(t.Context(), tenon.Subject{User: "u"})
			require.ErrorIs(t, err, tenon.ErrInvalid)
		})
	}
}

// ring spreads keys over two servers.
func ring(t *testing.T) *redis.Ring {
	t.Helper()
	shards := map[string]string{}
	for _, name := range []string{"one", "two"} {
		shards[name] = server(t, nil).Socket()
	}
	r := redis.NewRing(&redis.RingOptions{Addrs: shards, NewClient: func(o *redis.Options) *redis.Client {
		o.Network = "unix"
		return redis.NewClient(o)
	}})
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// wrapped is a client of a host's own making.
type wrapped struct{ redis.UniversalClient }

// Who erases tries again what is away, and must not try this for ever.
func TestErasingByAClientWhoseServersNobodyKnowsIsInvalidAndNotAway(t *testing.T) {
	t.Parallel()
	store := ratelimitredis.New(wrapped{redistest.Client(t)}, &ratelimitredis.Options{Prefix: ours()})
	_, err := store.Erase(t.Context(), tenon.Subject{Tenant: "acme"})
	var wrong *tenon.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "client", wrong.Field)
	require.NotErrorIs(t, err, tenon.ErrUnavailable)
}

func TestAllLimitsOfAKeyLieInOneSlot(t *testing.T) {
	t.Parallel()
	c, client := cluster(t)
	prefix := ours()
	s := ratelimitredis.New(client, &ratelimitredis.Options{Prefix: prefix})
	limits := []ratelimit.Limit{
		hour, ratelimit.PerMonth(9, nil), ratelimit.Bucket(0.001, 9), ratelimit.InFlight(9, time.Hour),
	}
	var ops []ratelimit.Op
	for i := range 200 {
		ops = append(ops, take(ratelimit.Key{Tenant: fmt.Sprint("t", i), Name: "}{"}, 1, limits...))
	}
	for _, o := range settle(t, s, ops...) {
		require.True(t, o.Granted)
	}
	for _, node := range c.Nodes {
		names, err := connect(t, node.Options()).Keys(t.Context(), prefix+"*").Result()
		require.NoError(t, err)
		require.NotEmpty(t, names, "each node has its share")
		require.Zero(t, len(names)%len(limits))
	}
}

func TestANodeThatIsAwayTakesOnlyItsOwnKeysWithIt(t *testing.T) {
	t.Parallel()
	c, _ := cluster(t)
	opts := c.Options()
	opts.ContextTimeoutEnabled, opts.MaxRedirects, opts.ReadTimeout = true, 1, 10*time.Second
	client := redis.NewClusterClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	s := ratelimitredis.New(client, &ratelimitredis.Options{Prefix: ours()})
	var ops []ratelimit.Op
	for i := range 100 {
		ops = append(ops, take(ratelimit.Key{Name: fmt.Sprint(i)}, 1))
	}
	settle(t, s, ops...)
	require.NoError(t, c.Nodes[1].Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	outcomes, err := s.Settle(ctx, ops)
	require.NoError(t, err)
	away := 0
	for _, o := range outcomes {
		if o.Err == nil {
			require.True(t, o.Granted)
			continue
		}
		require.ErrorIs(t, o.Err, tenon.ErrUnavailable)
		require.False(t, o.Granted)
		away++
	}
	require.Positive(t, away)
	require.Less(t, away, len(ops))
}
