package main

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/internal/redistest"
)

// exhaust asks until a key is refused and returns that refusal, and how often the limit had allowed it. What was let
// through because Redis did not answer in time says nothing of a limit.
func (s *site) exhaust(key string) (refused reply, allowed int) {
	s.t.Helper()
	for refused.status == 0 {
		for _, r := range s.together(10, func(int) reply { return s.ask(key, "/api/entitlements/rates", "") }) {
			switch {
			case r.status != http.StatusOK:
				require.Equal(s.t, http.StatusTooManyRequests, r.status, r.body)
				refused = r
			case r.header.Get("RateLimit") != "":
				allowed++
			}
		}
	}
	return refused, allowed
}

func TestAPILimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)

	t.Run("is_120_requests_a_minute_for_each_key", func(t *testing.T) {
		key := s.company("busy", "starter")
		other := s.key(freight.APIKey{CompanyID: "busy"})
		r, allowed := s.exhaust(key)
		require.Equal(t, perKey, allowed)
		require.Equal(t, "urn:tenon:problem:rate-limited", r.field(t, "type"))
		require.Contains(t, r.field(t, "detail"), "Too many requests. Please try again in")
		after, err := strconv.Atoi(r.header.Get("Retry-After"))
		require.NoError(t, err)
		require.Positive(t, after)
		require.LessOrEqual(t, after, 63) // a minute, and the cell that it was counted in
		require.Equal(t, http.StatusOK, s.ask(other, "/api/entitlements/rates", "").status)
	})

	t.Run("is_what_the_plan_says", func(t *testing.T) {
		for plan, limit := range map[string]int{"starter": 120, "pro": 120, "enterprise": 600} {
			key := s.company("on-"+plan, plan)
			policy := s.ask(key, "/api/entitlements/rates", "").header.Get("RateLimit-Policy")
			require.Contains(t, policy, fmt.Sprintf("q=%d", limit), "plan %q: %s", plan, policy)
		}
	})

	t.Run("comes_after_who_you_are_and_before_the_plan", func(t *testing.T) {
		r := s.ask("tb_nobody", "/api/quotes", lane)
		require.Equal(t, http.StatusUnauthorized, r.status)
		require.Empty(t, r.header.Get("RateLimit"))

		key := s.company("transbotai-demo", "starter") // for which bulk_rating is switched on
		r = s.ask(key, "/api/quotes/bulk", list(lane))
		require.Equal(t, http.StatusForbidden, r.status, r.body)
		require.Equal(t, "not_in_plan", r.field(t, "reason"))
		require.NotEmpty(t, r.header.Get("RateLimit"))

		s.exhaust(key)
		r = s.ask(key, "/api/quotes/bulk", list(lane))
		require.Equal(t, http.StatusTooManyRequests, r.status, r.body)
		require.Equal(t, "limit_reached", r.field(t, "reason"))
		require.Equal(t, "api", r.field(t, "policy"))
		s.requireUsed("transbotai-demo", "rates", 0)
	})
}

func TestSignInLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, tried := s.browser(), 0
	r := b.post("/signin", "key", "guess")
	for ; r.status == http.StatusUnauthorized; r = b.post("/signin", "key", "guess") {
		tried++
	}
	require.Equal(t, http.StatusTooManyRequests, r.status)
	require.Equal(t, signInsPerAddress, tried)
	require.NotEmpty(t, r.header.Get("Retry-After"))
	require.Contains(t, r.body, "Too many attempts from your address.")
	require.Equal(t, http.StatusTooManyRequests, b.post("/signin", "key", adminKey).status, "the right one, too")
}

// program starts the platform once more, on the database of s and a Redis.
func (s *site) program(redisURL string) *site {
	s.t.Helper()
	return begin(s.t, func(name string) string {
		return map[string]string{
			"DATABASE_URL": s.pool.Config().ConnString(), "REDIS_URL": redisURL, "TRANSBOT_ADMIN_KEY": adminKey,
		}[name]
	})
}

func TestInstancesShareLimitsByRedis(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	redis := redistest.Shared(t).URL()
	one, two := s.program(redis), s.program(redis)
	key := s.company("busy", "starter")
	_, first := one.exhaust(key)
	_, second := two.exhaust(key)
	require.LessOrEqual(t, first+second, perKey)
	require.Equal(t, http.StatusOK, s.ask(key, "/api/entitlements/rates", "").status, "it shares with nobody")
}

func TestTheAPIGoesOnWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	redis, err := redistest.Start(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, redis.Stop()) })
	p := s.program(redis.URL())
	key := s.company("patient", "starter")
	require.Equal(t, http.StatusOK, p.ask(key, "/api/entitlements/rates", "").status)
	require.NoError(t, redis.Kill())
	for range 10 {
		require.Equal(t, http.StatusOK, p.ask(key, "/api/entitlements/rates", "").status)
	}
	p.signIn(key)
}
