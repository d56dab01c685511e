package entitlementshttp_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementshttp"
)

func (g *rig) require(feature string) http.Handler {
	return entitlementshttp.Require(g.gate, feature, byHeader, nil)(http.HandlerFunc(ok))
}

func TestRequire(t *testing.T) {
	t.Parallel()

	t.Run("lets_through_what_the_plan_has", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		for _, feature := range []string{"rates", "directory", "retention"} {
			w := serve(g.require(feature), request("GET", "/", "starter"))
			require.Equal(t, http.StatusOK, w.Code)
			require.Equal(t, "done", w.Body.String())
		}
	})

	t.Run("refuses_what_the_plan_lacks_and_names_the_plan_that_has_it", func(t *testing.T) {
		t.Parallel()
		w := serve(newRig(t).require("bulk_rating"), request("GET", "/", "starter"))
		p := requireProblem(t, w, http.StatusForbidden, "not-in-plan")
		require.Equal(t, "not_in_plan", p.Reason)
		require.Equal(t, "bulk_rating", p.Feature)
		require.Equal(t, "starter", p.Plan)
		require.Equal(t, "pro", p.Upgrade)
		require.Equal(t, "Not in your plan. The plan pro includes it.", p.Detail)
		require.Nil(t, p.Hard, "a plan that lacks the feature has no limit of it")
		require.Empty(t, w.Header().Get("Retry-After"))
	})

	t.Run("refuses_a_company_without_a_plan", func(t *testing.T) {
		t.Parallel()
		requireProblem(t, serve(newRig(t).require("rates"), request("GET", "/", "nobody")), http.StatusForbidden, "no-plan")
	})

	t.Run("lets_through_when_only_the_limit_is_reached", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		g.consume("starter", "rates", 2)
		require.Equal(t, http.StatusOK, serve(g.require("rates"), request("GET", "/", "starter")).Code)
	})

	t.Run("an_unknown_feature_is_not_found", func(t *testing.T) {
		t.Parallel()
		requireProblem(t, serve(newRig(t).require("typo"), request("GET", "/", "pro")), http.StatusNotFound, "unknown-feature")
	})

	t.Run("panics_without_a_tenant_function", func(t *testing.T) {
		t.Parallel()
		g := newRig(t)
		require.Panics(t, func() { entitlementshttp.Require(g.gate, "rates", nil, nil) })
		require.Panics(t, func() { entitlementshttp.Require(nil, "rates", byHeader, nil) })
	})
}

func TestRequireStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status entitlements.Status
		name   string
	}{
		{entitlements.PastDue, "past-due"},
		{entitlements.Canceled, "canceled"},
		{entitlements.Paused, "suspended"},
		{entitlements.Unpaid, "suspended"},
	} {
		t.Run(string(c.status), func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			_, err := g.gate.SetStatus(t.Context(), entitlements.StatusChange{Tenant: "pro", Status: c.status})
			require.NoError(t, err)
			requireProblem(t, serve(g.require("rates"), request("GET", "/", "pro")), http.StatusForbidden, c.name)
		})
	}
}

func TestRequireRefusesAfterTheTrial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		_, err := g.gate.StartTrial(t.Context(), entitlements.Trial{Tenant: "new", Plan: "pro", Length: time.Hour})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, serve(g.require("rates"), request("GET", "/", "new")).Code)
		time.Sleep(time.Hour)
		requireProblem(t, serve(g.require("rates"), request("GET", "/", "new")), http.StatusForbidden, "trial-ended")
	})
}

func TestRequireFollowsTheFallbackWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.store.away.Store(true)
	require.Equal(t, http.StatusOK, serve(g.require("bulk_rating"), request("GET", "/", "pro")).Code, "fails open")
	w := serve(g.require("rates"), request("GET", "/", "pro"))
	requireProblem(t, w, http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, "5", w.Header().Get("Retry-After"))
}

func TestTenant(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for name, c := range map[string]struct {
		tenant string
		err    error
		status int
		kind   string
	}{
		"an_empty_one_is_401":         {"", nil, http.StatusUnauthorized, "unauthenticated"},
		"an_error_is_401":             {"pro", errors.New("token of secret-user expired"), http.StatusUnauthorized, "unauthenticated"},
		"an_unavailable_store_is_503": {"", tenon.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := func(*http.Request) (string, error) { return c.tenant, c.err }
			never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("served") })
			for _, h := range []http.Handler{
				entitlementshttp.Require(g.gate, "rates", tenant, nil)(never),
				entitlementshttp.Meter(g.gate, "rates", nil, tenant, nil)(never),
				entitlementshttp.Handler(g.gate, tenant, nil),
			} {
				w := serve(h, request("GET", "/entitlements", "pro"))
				requireProblem(t, w, c.status, c.kind)
				require.NotContains(t, w.Body.String(), "secret-user")
				if c.status == http.StatusUnauthorized {
					require.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
				}
			}
		})
	}
}

func TestFailuresAreLoggedAndNotTold(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	opts := &entitlementshttp.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	broken := func(*http.Request) (int64, error) { return 0, errors.New("dial 10.0.0.7") }
	w := serve(entitlementshttp.Meter(newRig(t).gate, "rates", broken, byHeader, opts)(http.HandlerFunc(ok)), request("GET", "/", "pro"))
	requireProblem(t, w, http.StatusInternalServerError, "internal")
	require.NotContains(t, w.Body.String(), "10.0.0.7")
	require.Contains(t, log.String(), "10.0.0.7")
}
