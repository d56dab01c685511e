package entitlementshttp_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementshttp"
)

var keyed = &entitlementshttp.Options{IdempotencyKey: true, HoldFor: time.Minute}

func withKey(target, key string) *http.Request {
	r := request("POST", target, "pro")
	r.Header.Set("Idempotency-Key", key)
	return r
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()

	t.Run("counts_a_repeated_request_once", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		h := g.meter(keyed, ok)
		for range 3 {
			require.Equal(t, http.StatusOK, serve(h, withKey("/quotes", "k")).Code)
		}
		g.requireUse("pro", "rates", 1, 0)
	})

	t.Run("is_not_read_unless_options_say_so", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		for range 3 {
			serve(g.meter(nil, ok), withKey("/quotes", "k"))
		}
		g.requireUse("pro", "rates", 3, 0)
	})

	t.Run("may_be_left_out", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		for range 3 {
			serve(g.meter(keyed, ok), request("POST", "/quotes", "pro"))
		}
		g.requireUse("pro", "rates", 3, 0)
	})

	t.Run("counts_for_one_route_and_method", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		h := g.meter(keyed, ok)
		put := withKey("/quotes", "k")
		put.Method = http.MethodPut
		for _, r := range []*http.Request{withKey("/quotes", "k"), withKey("/loads", "k"), withKey("/quotes?lane=2", "k"), put} {
			require.Equal(t, http.StatusOK, serve(h, r).Code)
		}
		g.requireUse("pro", "rates", 4, 0)
	})

	t.Run("of_another_quantity_is_a_conflict", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		units := func(n int64) http.Handler {
			return entitlementshttp.Meter(g.gate, "rates", entitlementshttp.Units(n), byHeader, keyed)(http.HandlerFunc(ok))
		}
		require.Equal(t, http.StatusOK, serve(units(1), withKey("/", "k")).Code)
		requireProblem(t, serve(units(2), withKey("/", "k")), http.StatusConflict, "conflict")
	})

	t.Run("counts_a_retry_of_what_had_failed", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		status := http.StatusInternalServerError
		h := g.meter(keyed, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		for range 3 {
			require.Equal(t, http.StatusInternalServerError, serve(h, withKey("/", "k")).Code)
			g.requireUse("pro", "rates", 0, 0)
		}
		status = http.StatusOK
		for range 2 {
			require.Equal(t, http.StatusOK, serve(h, withKey("/", "k")).Code)
			g.requireUse("pro", "rates", 1, 0)
		}
	})

	t.Run("decides_a_refused_request_afresh", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		h := g.meter(keyed, ok)
		r := withKey("/", "k")
		r.Header.Set("Tenant", "nobody")
		require.Equal(t, http.StatusForbidden, serve(h, r).Code)
		_, err := g.gate.Subscribe(t.Context(), entitlements.Subscription{Tenant: "nobody", Plan: "starter"})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, serve(h, r).Code)
		g.requireUse("nobody", "rates", 1, 0)
	})

	t.Run("of_a_request_that_is_being_worked_on_is_a_conflict", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		var h http.Handler
		nested := false
		h = g.meter(keyed, func(w http.ResponseWriter, r *http.Request) {
			if !nested {
				nested = true
				requireProblem(t, serve(h, withKey("/", "k")), http.StatusConflict, "conflict")
			}
			ok(w, r)
		})
		require.Equal(t, http.StatusOK, serve(h, withKey("/", "k")).Code)
		g.requireUse("pro", "rates", 1, 0)
	})

	t.Run("of_a_request_that_was_lost_is_free_again_after_its_hold", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t)
			g.store.failBefore(on(entitlements.OpRelease, tenon.ErrUnavailable))
			serve(g.meter(keyed, answering(http.StatusBadGateway)), withKey("/", "k"))
			g.store.failBefore(on(entitlements.OpRelease, nil))
			requireProblem(t, serve(g.meter(keyed, ok), withKey("/", "k")), http.StatusConflict, "conflict")
			time.Sleep(time.Minute)
			require.Equal(t, http.StatusOK, serve(g.meter(keyed, ok), withKey("/", "k")).Code)
			g.requireUse("pro", "rates", 1, 0)
		})
	})

	t.Run("counts_once_when_the_first_commit_was_lost_on_its_way_back", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		g.store.failAfter(on(entitlements.OpCommit, tenon.ErrUnavailable))
		require.Equal(t, http.StatusServiceUnavailable, serve(g.meter(keyed, ok), withKey("/", "k")).Code)
		g.store.failAfter(on(entitlements.OpCommit, nil))
		require.Equal(t, http.StatusOK, serve(g.meter(keyed, ok), withKey("/", "k")).Code)
		g.requireUse("pro", "rates", 1, 0)
	})

	t.Run("keeps_the_first_actual_quantity", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		actual := int64(1)
		h := entitlementshttp.Meter(g.gate, "rates", entitlementshttp.Units(5), byHeader, keyed)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			held, _ := entitlementshttp.Reservation(r.Context())
			require.Equal(t, actual > 1, held.Replayed())
			require.NoError(t, held.SetActual(actual))
			actual++
		}))
		for range 3 {
			require.Equal(t, http.StatusOK, serve(h, withKey("/", "k")).Code)
		}
		g.requireUse("pro", "rates", 1, 0)
	})
}

func TestIdempotencyKeyMustBeOneHeader(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	h := g.meter(keyed, ok)
	for name, keys := range map[string][]string{"empty": {""}, "two": {"a", "b"}, "long": {strings.Repeat("k", 256)}} {
		r := request("POST", "/", "pro")
		r.Header["Idempotency-Key"] = keys
		p := requireProblem(t, serve(h, r), http.StatusBadRequest, "invalid")
		require.Equal(t, "idempotency_key", p.Field, name)
	}
	require.Equal(t, http.StatusOK, serve(h, withKey("/", "\x01 odd \xff\" bytes")).Code)
	g.requireUse("pro", "rates", 1, 0)
}

func TestIdempotencyKeyThatCannotBeLookedUpIsUnavailable(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	require.Equal(t, http.StatusOK, serve(g.meter(keyed, ok), withKey("/", "k")).Code)
	g.store.failBefore(on(entitlements.OpReserve, tenon.ErrUnavailable))
	requireProblem(t, serve(g.meter(keyed, ok), withKey("/", "k")), http.StatusServiceUnavailable, "unavailable")
}
