package entitlementshttp_test

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementshttp"
)

func answering(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

func TestMeterCountsTwoHundredsAlone(t *testing.T) {
	t.Parallel()
	for status, used := range map[int]int64{200: 1, 201: 1, 204: 1, 299: 1, 301: 0, 304: 0, 400: 0, 404: 0, 500: 0, 503: 0} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			w := serve(g.meter(nil, answering(status)), request("POST", "/", "pro"))
			require.Equal(t, status, w.Code)
			g.requireUse("pro", "rates", used, 0)
		})
	}
}

func TestMeterHoldsWhileTheHandlerRuns(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	w := serve(g.meter(nil, func(w http.ResponseWriter, r *http.Request) {
		g.requireUse("pro", "rates", 0, 1)
		w.WriteHeader(http.StatusCreated)
		g.requireUse("pro", "rates", 1, 0)
	}), request("POST", "/", "pro"))
	require.Equal(t, http.StatusCreated, w.Code)
}

func TestMeterReleasesBeforeARefusalLeaves(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	serve(g.meter(nil, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		g.requireUse("pro", "rates", 0, 0)
	}), request("POST", "/", "pro"))
}

func TestMeterCountsAHandlerThatWritesNothing(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	w := serve(g.meter(nil, func(http.ResponseWriter, *http.Request) {}), request("POST", "/", "pro"))
	require.Equal(t, http.StatusOK, w.Code)
	g.requireUse("pro", "rates", 1, 0)
}

func TestMeterLimit(t *testing.T) {
	t.Parallel()

	t.Run("a_metered_limit_that_resets_is_429_with_the_time_to_wait", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t)
			g.consume("starter", "rates", 2)
			time.Sleep(24*time.Hour + time.Millisecond)
			w := serve(g.meter(nil, ok), request("POST", "/", "starter"))
			p := requireProblem(t, w, http.StatusTooManyRequests, "limit-reached")
			require.Equal(t, int64(2), *p.Hard)
			require.Equal(t, int64(1), *p.Soft)
			require.Equal(t, int64(2), *p.Used)
			require.Equal(t, int64(0), *p.Remaining)
			require.Equal(t, "pro", p.Upgrade)

			seconds, err := strconv.Atoi(w.Header().Get("Retry-After"))
			require.NoError(t, err)
			require.Equal(t, 30*24*3600, seconds, "the rest of January, rounded up")
			time.Sleep(time.Duration(seconds) * time.Second)
			require.Equal(t, http.StatusOK, serve(g.meter(nil, ok), request("POST", "/", "starter")).Code)
		})
	})

	for feature, why := range map[string]string{"directory": "a_gauge", "setups": "a_lifetime_limit"} {
		t.Run(why+"_is_402_without_a_time_to_wait", func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			h := entitlementshttp.Meter(g.gate, feature, nil, byHeader, nil)(http.HandlerFunc(ok))
			require.Equal(t, http.StatusOK, serve(h, request("POST", "/", "starter")).Code)
			w := serve(h, request("POST", "/", "starter"))
			p := requireProblem(t, w, http.StatusPaymentRequired, "limit-reached")
			require.Nil(t, p.ResetsAt)
			require.Empty(t, w.Header().Get("Retry-After"))
		})
	}

	t.Run("more_at_once_than_a_period_holds_is_402_since_no_wait_helps", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		h := entitlementshttp.Meter(g.gate, "rates", entitlementshttp.Units(3), byHeader, nil)(http.HandlerFunc(ok))
		w := serve(h, request("POST", "/", "starter"))
		requireProblem(t, w, http.StatusPaymentRequired, "limit-reached")
		require.Empty(t, w.Header().Get("Retry-After"))
	})

	t.Run("is_exact_under_concurrency", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		h := g.meter(nil, ok)
		var accepted atomic.Int64
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				if serve(h, request("POST", "/", "pro")).Code == http.StatusOK {
					accepted.Add(1)
				}
			})
		}
		all.Wait()
		require.Equal(t, int64(10), accepted.Load())
		g.requireUse("pro", "rates", 10, 0)
	})
}

func TestMeterRefusals(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("served") })
	meter := func(feature string, quantity entitlementshttp.QuantityFunc) http.Handler {
		return entitlementshttp.Meter(g.gate, feature, quantity, byHeader, nil)(never)
	}
	failing := func(err error) entitlementshttp.QuantityFunc {
		return func(*http.Request) (int64, error) { return 1, err }
	}
	for name, c := range map[string]struct {
		h      http.Handler
		tenant string
		status int
		kind   string
	}{
		"not_in_plan_is_403":                         {meter("bulk_rating", nil), "starter", 403, "not-in-plan"},
		"no_plan_is_403":                             {meter("rates", nil), "nobody", 403, "no-plan"},
		"unknown_feature_is_404":                     {meter("typo", nil), "pro", 404, "unknown-feature"},
		"a_feature_without_units_is_the_hosts_fault": {meter("white_label", nil), "enterprise", 500, "internal"},
		"a_negative_quantity_is_400":                 {meter("rates", entitlementshttp.Units(-1)), "pro", 400, "invalid"},
		"an_overflowing_quantity_is_400":             {meter("rates", entitlementshttp.Units(1<<62)), "pro", 400, "invalid"},
		"an_unreadable_quantity_is_400":              {meter("rates", failing(tenon.Invalid("lanes", "%q", "<b>"))), "pro", 400, "invalid"},
		"a_broken_quantity_function_is_500":          {meter("rates", failing(errors.New("dial 10.0.0.7"))), "pro", 500, "internal"},
		"a_tenant_of_300_bytes_is_400":               {meter("rates", nil), string(make([]byte, 300)), 400, "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(c.h, request("POST", "/", c.tenant))
			requireProblem(t, w, c.status, c.kind)
			require.NotContains(t, w.Body.String(), "10.0.0.7")
			require.NotContains(t, w.Body.String(), "<b>")
		})
	}
}

func TestMeterQuantity(t *testing.T) {
	t.Parallel()

	byQuery := func(r *http.Request) (int64, error) { return strconv.ParseInt(r.URL.Query().Get("n"), 10, 64) }

	t.Run("comes_from_the_request", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		h := entitlementshttp.Meter(g.gate, "rates", byQuery, byHeader, nil)(http.HandlerFunc(ok))
		require.Equal(t, http.StatusOK, serve(h, request("POST", "/?n=7", "pro")).Code)
		g.requireUse("pro", "rates", 7, 0)
	})

	t.Run("zero_passes_without_a_hold", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		g.store.away.Store(true)
		h := entitlementshttp.Meter(g.gate, "rates", byQuery, byHeader, nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, held := entitlementshttp.Reservation(r.Context())
			require.False(t, held)
		}))
		require.Equal(t, http.StatusOK, serve(h, request("POST", "/?n=0", "nobody")).Code)
	})

	t.Run("the_handler_sets_the_actual_one", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		h := entitlementshttp.Meter(g.gate, "rates", entitlementshttp.Units(5), byHeader, nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			held, ok := entitlementshttp.Reservation(r.Context())
			require.True(t, ok)
			require.Equal(t, int64(5), held.Hold.Quantity)
			require.Equal(t, entitlements.ReasonAllowed, held.Decision.Reason)
			require.ErrorIs(t, held.SetActual(-1), tenon.ErrInvalid)
			require.NoError(t, held.SetActual(2))
			w.WriteHeader(http.StatusOK)
			require.ErrorIs(t, held.SetActual(1), entitlements.ErrHoldClosed, "the answer has begun")
		}))
		require.Equal(t, http.StatusOK, serve(h, request("POST", "/", "pro")).Code)
		g.requireUse("pro", "rates", 2, 0)
	})

	t.Run("an_actual_beyond_the_limit_is_recorded", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		h := g.meter(nil, func(_ http.ResponseWriter, r *http.Request) {
			held, _ := entitlementshttp.Reservation(r.Context())
			require.NoError(t, held.SetActual(12))
		})
		require.Equal(t, http.StatusOK, serve(h, request("POST", "/", "pro")).Code)
		g.requireUse("pro", "rates", 12, 0)
	})
}

func TestMetersNest(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	inner := entitlementshttp.Meter(g.gate, "bulk_rating", entitlementshttp.Units(2), byHeader, nil)(http.HandlerFunc(ok))
	outer := entitlementshttp.Meter(g.gate, "rates", entitlementshttp.Units(3), byHeader, nil)(inner)
	require.Equal(t, http.StatusOK, serve(outer, request("POST", "/", "pro")).Code)
	require.Equal(t, http.StatusOK, serve(outer, request("POST", "/", "pro")).Code)
	requireProblem(t, serve(outer, request("POST", "/", "pro")), http.StatusTooManyRequests, "limit-reached")
	g.requireUse("pro", "bulk_rating", 4, 0)
	g.requireUse("pro", "rates", 6, 0)
}

func TestMeterKeepsAnotherTenantsLimitApart(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.consume("starter", "rates", 2)
	require.Equal(t, http.StatusTooManyRequests, serve(g.meter(nil, ok), request("POST", "/", "starter")).Code)
	require.Equal(t, http.StatusOK, serve(g.meter(nil, ok), request("POST", "/", "pro")).Code)
}
