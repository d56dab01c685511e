package entitlementshttp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementshttp"
)

func TestWriteErrorMapsTheFiveClasses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		name   string
	}{
		{entitlements.ErrUnknownPlan, 404, "not-found"},
		{entitlements.ErrUnknownFeature, 404, "unknown-feature"},
		{entitlements.ErrKeyReused, 409, "conflict"},
		{tenon.ErrInvalid, 400, "invalid"},
		{tenon.ErrDenied, 403, "denied"},
		{entitlements.ErrOutcomeUnknown, 503, "unavailable"},
		{context.DeadlineExceeded, 503, "unavailable"},
		{context.Canceled, 503, "unavailable"},
		{errors.New("no class"), 500, "internal"},
		{nil, 500, "internal"},
	} {
		for _, err := range []error{c.err, fmt.Errorf("password=hunter2 <b>: %w", c.err)} {
			w := httptest.NewRecorder()
			entitlementshttp.WriteError(w, request("GET", "/?<b>", "pro"), err)
			requireProblem(t, w, c.status, c.name)
			require.NotContains(t, w.Body.String(), "hunter2")
			require.NotContains(t, w.Body.String(), "<b>")
			require.Equal(t, c.status == 503, w.Header().Get("Retry-After") == "5")
			require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			require.Equal(t, strconv.Itoa(w.Body.Len()), w.Header().Get("Content-Length"))
		}
	}
}

func TestWriteErrorNamesAFieldButNotItsValue(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	entitlementshttp.WriteError(w, request("GET", "/", "pro"), tenon.Invalid("occurred_at", "%q", "<img>"))
	p := requireProblem(t, w, http.StatusBadRequest, "invalid")
	require.Equal(t, "occurred_at", p.Field)
	require.Equal(t, "The request's occurred at cannot be right.", p.Detail)
	require.NotContains(t, w.Body.String(), "img")

	w = httptest.NewRecorder()
	entitlementshttp.WriteError(w, request("GET", "/", "pro"), tenon.Invalid("metadata.<img>", "odd"))
	require.Empty(t, requireProblem(t, w, http.StatusBadRequest, "invalid").Field)
	require.NotContains(t, w.Body.String(), "img")
}

func TestProblemStatusOfEachReason(t *testing.T) {
	t.Parallel()
	for reason, c := range map[entitlements.Reason]struct {
		status int
		name   string
	}{
		entitlements.ReasonNone:           {500, "internal"},
		entitlements.ReasonAllowed:        {500, "internal"},
		entitlements.ReasonOverSoft:       {500, "internal"},
		entitlements.ReasonOverage:        {500, "internal"},
		entitlements.ReasonNoPlan:         {403, "no-plan"},
		entitlements.ReasonNotInPlan:      {403, "not-in-plan"},
		entitlements.ReasonLimitReached:   {402, "limit-reached"},
		entitlements.ReasonTrialEnded:     {403, "trial-ended"},
		entitlements.ReasonPastDue:        {403, "past-due"},
		entitlements.ReasonCanceled:       {403, "canceled"},
		entitlements.ReasonSuspended:      {403, "suspended"},
		entitlements.ReasonUnknownFeature: {404, "unknown-feature"},
		entitlements.ReasonUnavailable:    {503, "unavailable"},
		entitlements.Reason(99):           {500, "internal"},
	} {
		w := httptest.NewRecorder()
		entitlementshttp.Problem(w, request("GET", "/", "pro"), entitlements.Decision{Reason: reason, Feature: "rates", Plan: "pro"})
		p := requireProblem(t, w, c.status, c.name)
		require.Equal(t, c.status == 503, w.Header().Get("Retry-After") != "", reason)
		if c.status != 500 {
			require.Equal(t, reason.String(), p.Reason)
			require.Equal(t, reason.Text(), p.Detail)
		}
		if reason == entitlements.ReasonUnknownFeature {
			require.Empty(t, p.Feature, "a name that nobody knows comes from the request")
		}
	}
}

func TestProblemRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for wait, seconds := range map[time.Duration]string{
			-time.Hour: "1", 0: "1", time.Nanosecond: "1", time.Second: "1", time.Second + 1: "2", 90 * time.Minute: "5400",
		} {
			w := httptest.NewRecorder()
			d := entitlements.Decision{Reason: entitlements.ReasonLimitReached, Hard: 1, Used: 1, ResetsAt: time.Now().Add(wait)}
			entitlementshttp.Problem(w, request("GET", "/", "pro"), d)
			p := requireProblem(t, w, http.StatusTooManyRequests, "limit-reached")
			require.Equal(t, seconds, w.Header().Get("Retry-After"), wait)
			require.True(t, p.ResetsAt.Equal(d.ResetsAt))
		}
	})
}

// Hard is 0 for pay-as-you-go with a cap: what the period took shows that the next one takes it too.
func TestProblemOfACappedOverageIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	d := entitlements.Decision{Reason: entitlements.ReasonLimitReached, Used: 100, ResetsAt: time.Now().Add(time.Hour)}
	entitlementshttp.Problem(w, request("GET", "/", "pro"), d)
	requireProblem(t, w, http.StatusTooManyRequests, "limit-reached")
}

func TestProblemSurvivesAResetThatJSONCannotSay(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	d := entitlements.Decision{Reason: entitlements.ReasonLimitReached, Hard: 1, ResetsAt: time.Date(10_001, 1, 1, 0, 0, 0, 0, time.UTC)}
	entitlementshttp.Problem(w, request("GET", "/", "pro"), d)
	require.Nil(t, requireProblem(t, w, http.StatusTooManyRequests, "limit-reached").Hard)
}
