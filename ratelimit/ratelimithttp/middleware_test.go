package ratelimithttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
	"github.com/transbotai/tenon/ratelimit/ratelimithttp"
)

func newLimiter(t testing.TB, limits ...ratelimit.Limit) *ratelimit.Limiter {
	t.Helper()
	lim, err := ratelimit.NewLimiter(nil, limits...)
	require.NoError(t, err)
	return lim
}

func byHeader(r *http.Request) (ratelimit.Key, error) {
	return ratelimit.Key{Tenant: "acme", Name: r.Header.Get("Key")}, nil
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("done")) }

func serve(h http.Handler, key string) *httptest.ResponseRecorder {
	r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
	r.Header.Set("Key", key)
	h.ServeHTTP(w, r)
	return w
}

// problem is what a client reads of a problem document.
type problem struct {
	Type, Title, Detail, Reason, Policy string
	Status                              int
	Limit, Remaining                    *int64
	RetryAfter                          int64 `json:"retry_after"`
}

func requireProblem(t *testing.T, w *httptest.ResponseRecorder, status int, name string) problem {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	var p problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, "urn:tenon:problem:"+name, p.Type)
	require.Equal(t, status, p.Status)
	require.Equal(t, http.StatusText(status), p.Title)
	require.NotEmpty(t, p.Detail)
	return p
}

func TestRequestsAreLimitedByKeyAndTheClientIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := newLimiter(t, ratelimit.PerMinute(2), ratelimit.PerDay(100, nil))
		h := ratelimithttp.Middleware(lim, byHeader, nil)(http.HandlerFunc(ok))
		w := serve(h, "a")
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, `"2/1m0s";q=2;w=60, "100/day";q=100;w=86400`, w.Header().Get("RateLimit-Policy"))
		require.Equal(t, `"2/1m0s";r=1;t=86400`, w.Header().Get("RateLimit"))
		require.Empty(t, w.Header().Get("X-RateLimit-Limit"))
		require.Empty(t, w.Header().Get("Retry-After"))
		serve(h, "a")
		w = serve(h, "a")
		p := requireProblem(t, w, http.StatusTooManyRequests, "rate-limited")
		require.Equal(t, "limit_reached", p.Reason)
		require.Equal(t, "2/1m0s", p.Policy)
		require.Equal(t, [2]int64{2, 0}, [2]int64{*p.Limit, *p.Remaining})
		after := w.Header().Get("Retry-After")
		require.Equal(t, after, strconv.FormatInt(p.RetryAfter, 10))
		require.Equal(t, `"2/1m0s";r=0;t=`+after, w.Header().Get("RateLimit"))
		require.Equal(t, http.StatusOK, serve(h, "b").Code)
		time.Sleep(time.Duration(p.RetryAfter) * time.Second)
		require.Equal(t, http.StatusOK, serve(h, "a").Code)
	})
}

func TestOlderFieldsAreSentOnRequestAndNoneWhenSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opts := &ratelimithttp.Options{Legacy: true}
		w := serve(ratelimithttp.Middleware(newLimiter(t, ratelimit.Bucket(1, 5)), byHeader, opts)(http.HandlerFunc(ok)), "a")
		require.Equal(t, "5", w.Header().Get("X-RateLimit-Limit"))
		require.Equal(t, "4", w.Header().Get("X-RateLimit-Remaining"))
		require.Equal(t, strconv.FormatInt(time.Now().Unix()+1, 10), w.Header().Get("X-RateLimit-Reset"))
		require.Equal(t, `"1/s+5";q=5;w=5`, w.Header().Get("RateLimit-Policy"))
		opts = &ratelimithttp.Options{Silent: true, Legacy: true}
		w = serve(ratelimithttp.Middleware(newLimiter(t, ratelimit.PerMinute(5)), byHeader, opts)(http.HandlerFunc(ok)), "a")
		require.Empty(t, w.Header().Values("RateLimit"))
		require.Empty(t, w.Header().Values("X-RateLimit-Limit"))
		w = serve(ratelimithttp.Middleware(newLimiter(t, ratelimit.NoLimit()), byHeader, nil)(http.HandlerFunc(ok)), "a")
		require.Empty(t, w.Header().Values("RateLimit"))
	})
}

func TestEachPolicySaysItsWindowWhereThatHasOneLength(t *testing.T) {
	t.Parallel()
	calendar := func(n int64, p ratelimit.Period) ratelimit.Limit {
		return ratelimit.Limit{Algorithm: ratelimit.Calendar, Max: n, Period: p}
	}
	lim := newLimiter(t, ratelimit.NoLimit(), calendar(5, ratelimit.Hourly), calendar(6, ratelimit.Daily),
		calendar(7, ratelimit.Weekly), calendar(8, ratelimit.Monthly))
	w := serve(ratelimithttp.Middleware(lim, byHeader, nil)(http.HandlerFunc(ok)), "a")
	require.Equal(t, `"5/hour";q=5;w=3600, "6/day";q=6;w=86400, "7/week";q=7;w=604800, "8/month";q=8`,
		w.Header().Get("RateLimit-Policy"))
}

func TestARefusalSaysWhenToComeAgain(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]string{
		0:                       "Too many requests are being worked on. Please try again when one of them has ended.",
		time.Millisecond:        "Too many requests. Please try again in a second.",
		time.Second:             "Too many requests. Please try again in a second.",
		1500 * time.Millisecond: "Too many requests. Please try again in 2 seconds.",
	} {
		w := httptest.NewRecorder()
		d := ratelimit.Decision{Reason: ratelimit.ReasonLimit, RetryAfter: after}
		ratelimithttp.Problem(w, httptest.NewRequest(http.MethodGet, "/", nil), d)
		require.Equal(t, want, requireProblem(t, w, http.StatusTooManyRequests, "rate-limited").Detail)
	}
}

func TestNamesOfPoliciesAreQuoted(t *testing.T) {
	t.Parallel()
	l := ratelimit.PerMinute(5)
	l.Name = "a\"b\\c\r\nX: é"
	w := serve(ratelimithttp.Middleware(newLimiter(t, l), byHeader, nil)(http.HandlerFunc(ok)), "a")
	require.Equal(t, `"a\"b\\cX: ";q=5;w=60`, w.Header().Get("RateLimit-Policy"))
}

func TestARequestMayCostMore(t *testing.T) {
	t.Parallel()
	cost := func(r *http.Request) (int64, error) {
		n, err := strconv.ParseInt(r.Header.Get("Key"), 10, 64)
		if err != nil {
			return 0, tenon.Invalid("cost", "is no number")
		}
		return n, nil
	}
	one := func(*http.Request) (ratelimit.Key, error) { return ratelimit.Key{Name: "one"}, nil }
	h := ratelimithttp.Middleware(newLimiter(t, ratelimit.PerHour(10)), one, &ratelimithttp.Options{Cost: cost})(http.HandlerFunc(ok))
	require.Equal(t, http.StatusOK, serve(h, "7").Code)
	w := serve(h, "4")
	require.Equal(t, int64(3), *requireProblem(t, w, http.StatusTooManyRequests, "rate-limited").Remaining)
	w = serve(h, "11")
	require.Equal(t, "too_much", requireProblem(t, w, http.StatusTooManyRequests, "rate-limited").Reason)
	require.Empty(t, w.Header().Values("Retry-After"))
	requireProblem(t, serve(h, "-1"), http.StatusBadRequest, "invalid")
	requireProblem(t, serve(h, "x"), http.StatusBadRequest, "invalid")
}

func TestAKeyThatCannotBeHadHasTheStatusOfItsClass(t *testing.T) {
	t.Parallel()
	for err, status := range map[error]int{
		tenon.ErrNotFound: 404, tenon.ErrConflict: 409, tenon.ErrInvalid: 400, tenon.ErrDenied: 403, tenon.ErrUnavailable: 503,
		context.Canceled: 503, errors.New("secret"): 500,
	} {
		key := func(*http.Request) (ratelimit.Key, error) { return ratelimit.Key{}, err }
		w := serve(ratelimithttp.Middleware(newLimiter(t, ratelimit.PerHour(1)), key, nil)(http.HandlerFunc(ok)), "a")
		require.Equal(t, status, w.Code)
		require.Equal(t, status == 503, w.Header().Get("Retry-After") != "")
		require.NotContains(t, w.Body.String(), "secret")
	}
	empty := func(*http.Request) (ratelimit.Key, error) { return ratelimit.Key{}, nil }
	w := serve(ratelimithttp.Middleware(newLimiter(t, ratelimit.PerHour(1)), empty, nil)(http.HandlerFunc(ok)), "a")
	requireProblem(t, w, http.StatusBadRequest, "invalid")
}

func TestWhatIsInFlightIsGivenBackWhenTheHandlerReturns(t *testing.T) {
	t.Parallel()
	lim := newLimiter(t, ratelimit.InFlight(1, time.Hour), ratelimit.PerHour(4))
	var h http.Handler
	h = ratelimithttp.Middleware(lim, byHeader, nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Key") == "a" {
			w := serve(h, "a")
			requireProblem(t, w, http.StatusTooManyRequests, "rate-limited")
			require.Empty(t, w.Header().Values("Retry-After"))
			require.Contains(t, w.Header().Get("RateLimit-Policy"), `"1/in flight";q=1;qu="concurrent-requests"`)
		}
	}))
	for range 4 {
		require.Equal(t, http.StatusOK, serve(h, "a").Code)
	}
	require.Equal(t, "4/1h0m0s", requireProblem(t, serve(h, "a"), http.StatusTooManyRequests, "rate-limited").Policy)
	panics := ratelimithttp.Middleware(lim, byHeader, nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("x") }))
	require.Panics(t, func() { serve(panics, "b") })
	require.Equal(t, http.StatusOK, serve(h, "b").Code)
}

// awayStore is a store that cannot be asked.
type awayStore struct{ *ratelimit.MemoryStore }

func (awayStore) Settle(context.Context, []ratelimit.Op) ([]ratelimit.Outcome, error) {
	return nil, tenon.ErrUnavailable
}

func TestThePolicyAnswersWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	shut, open := ratelimit.PerMinute(5), ratelimit.PerMinute(5)
	open.Away = ratelimit.AwayAllow
	for l, status := range map[*ratelimit.Limit]int{&shut: 503, &open: 200} {
		lim, err := ratelimit.NewLimiter(&ratelimit.Options{Store: awayStore{ratelimit.NewMemoryStore(nil)}}, *l)
		require.NoError(t, err)
		w := serve(ratelimithttp.Middleware(lim, byHeader, nil)(http.HandlerFunc(ok)), "a")
		require.Equal(t, status, w.Code)
		if status == 503 {
			requireProblem(t, w, 503, "unavailable")
			require.Equal(t, "1", w.Header().Get("Retry-After"))
		}
	}
}

func TestAProblemOfADecisionThatAllowsIsADefect(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	ratelimithttp.Problem(w, httptest.NewRequest(http.MethodHead, "/", nil), ratelimit.Decision{Allowed: true})
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.Zero(t, w.Body.Len())
	w = httptest.NewRecorder()
	d := ratelimit.Decision{Reason: ratelimit.ReasonLimit, RetryAfter: math.MaxInt64 - time.Second}
	ratelimithttp.Problem(w, httptest.NewRequest(http.MethodGet, "/", nil), d)
	requireProblem(t, w, http.StatusTooManyRequests, "rate-limited")
}

func TestWithoutALimiterOrAKeyThereIsNoMiddleware(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { ratelimithttp.Middleware(nil, byHeader, nil) })
	require.Panics(t, func() { ratelimithttp.Middleware(newLimiter(t, ratelimit.PerHour(1)), nil, nil) })
}

// Whole numbers of structured fields have at most 15 digits (RFC 9651, 3.3.1).
func TestFieldsOfLargeLimitsAreWellFormed(t *testing.T) {
	t.Parallel()
	h := ratelimithttp.Middleware(newLimiter(t, ratelimit.PerDay(ratelimit.MaxUnits, nil)), byHeader, nil)(http.HandlerFunc(ok))
	w := serve(h, "a")
	require.Equal(t, `"9007199254740992/day";q=999999999999999;w=86400`, w.Header().Get("RateLimit-Policy"))
	require.Contains(t, w.Header().Get("RateLimit"), `;r=999999999999999;t=`)
}
