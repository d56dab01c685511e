package entitlements_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

func TestASubscriptionThatCannotBeRightIsRefused(t *testing.T) {
	t.Parallel()
	of := func(spoil func(s *entitlements.Subscription)) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error {
			s := entitlements.Subscription{Tenant: "acme", Plan: "pro"}
			spoil(&s)
			_, err := g.Subscribe(ctx, s)
			return err
		}
	}
	zero := time.Unix(0, 0)
	refuse(t, []wrong{
		{"of_nobody", "tenant", nil, of(func(s *entitlements.Subscription) { s.Tenant = "" })},
		{"to_nothing", "plan", nil, of(func(s *entitlements.Subscription) { s.Plan = "" })},
		{"of_an_unknown_status", "status", nil, of(func(s *entitlements.Subscription) { s.Status = "sleeping" })},
		{"in_a_trial_without_end", "trial_ends_at", nil, of(func(s *entitlements.Subscription) { s.Status = entitlements.Trialing })},
		{"in_a_period_that_ends_before_it_begins", "current_period_end", nil, of(func(s *entitlements.Subscription) {
			s.CurrentPeriodStart = time.Now()
			s.CurrentPeriodEnd = s.CurrentPeriodStart
		})},
		{"started_at_zero", "started_at", nil, of(func(s *entitlements.Subscription) { s.StartedAt = zero })},
		{"trial_ends_at_zero", "trial_ends_at", nil, of(func(s *entitlements.Subscription) { s.TrialEndsAt = zero })},
		{"anchor_zero", "anchor", nil, of(func(s *entitlements.Subscription) { s.Anchor = zero })},
		{"access_until_zero", "access_until", nil, of(func(s *entitlements.Subscription) { s.AccessUntil = zero })},
		{"current_period_start_zero", "current_period_start", nil, of(func(s *entitlements.Subscription) { s.CurrentPeriodStart = zero })},
		{"current_period_end_zero", "current_period_end", nil, of(func(s *entitlements.Subscription) { s.CurrentPeriodEnd = zero })},
		{"grace_until_zero", "grace_until", nil, of(func(s *entitlements.Subscription) { s.GraceUntil = zero })},
		{"grace_for_ever", "grace_until", nil, of(func(s *entitlements.Subscription) { s.GraceUntil = time.Date(9001, 1, 1, 0, 0, 0, 0, time.UTC) })},
		{"of_a_customer_that_is_a_book", "customer", nil, of(func(s *entitlements.Subscription) { s.Customer = strings.Repeat("x", 256) })},
		{"under_an_id_of_two_lines", "subscription", nil, of(func(s *entitlements.Subscription) { s.Subscription = "a\nb" })},
		{"for_a_reason_that_rings", "reason", nil, of(func(s *entitlements.Subscription) { s.Reason = "\a" })},
		{"to_an_unknown_plan", "", entitlements.ErrUnknownPlan, of(func(s *entitlements.Subscription) { s.Plan = "moons" })},
		{"to_an_unknown_version", "", entitlements.ErrUnknownPlan, of(func(s *entitlements.Subscription) { s.Version = 9 })},
	})
}

func TestAChangeOfASubscriptionThatCannotBeRightIsRefused(t *testing.T) {
	t.Parallel()
	trial := func(tr entitlements.Trial) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error {
			_, err := g.StartTrial(ctx, tr)
			return err
		}
	}
	status := func(c entitlements.StatusChange) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error {
			_, err := g.SetStatus(ctx, c)
			return err
		}
	}
	plan := func(c entitlements.PlanChange) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error {
			_, err := g.ChangePlan(ctx, c)
			return err
		}
	}
	cancel := func(tenant, reason string) func(context.Context, *entitlements.Gate) error {
		return func(ctx context.Context, g *entitlements.Gate) error {
			_, err := g.Cancel(ctx, tenant, entitlements.Now, reason)
			return err
		}
	}
	refuse(t, []wrong{
		{"a_trial_of_no_time", "length", nil, trial(entitlements.Trial{Tenant: "acme", Plan: "pro"})},
		{"a_trial_of_more_than_a_year", "length", nil, trial(entitlements.Trial{Tenant: "acme", Plan: "pro", Length: 367 * aDay})},
		{"a_trial_for_a_reason_that_rings", "reason", nil, trial(entitlements.Trial{Tenant: "acme", Plan: "pro", Length: aDay, Reason: "\a"})},
		{"a_trial_of_an_unknown_plan", "", entitlements.ErrUnknownPlan, trial(entitlements.Trial{Tenant: "acme", Plan: "moons", Length: aDay})},
		{"a_trial_that_falls_back_to_an_unknown_plan", "", entitlements.ErrUnknownPlan, trial(entitlements.Trial{
			Tenant: "acme", Plan: "pro", Length: aDay, Fallback: "moons",
		})},
		{"an_unknown_status", "status", nil, status(entitlements.StatusChange{Tenant: "acme", Status: "sleeping"})},
		{"no_status", "status", nil, status(entitlements.StatusChange{Tenant: "acme"})},
		{"trialing_without_a_trial", "status", nil, status(entitlements.StatusChange{Tenant: "acme", Status: entitlements.Trialing})},
		{"grace_until_zero", "grace_until", nil, status(entitlements.StatusChange{
			Tenant: "acme", Status: entitlements.PastDue, GraceUntil: time.Unix(0, 0),
		})},
		{"access_until_zero", "access_until", nil, status(entitlements.StatusChange{
			Tenant: "acme", Status: entitlements.Canceled, AccessUntil: time.Unix(0, 0),
		})},
		{"a_status_for_a_reason_that_rings", "reason", nil, status(entitlements.StatusChange{
			Tenant: "acme", Status: entitlements.Paused, Reason: "\a",
		})},
		{"a_status_of_nobody", "", entitlements.ErrUnknownTenant, status(entitlements.StatusChange{Tenant: "nobody", Status: entitlements.Paused})},
		{"a_plan_for_a_reason_that_rings", "reason", nil, plan(entitlements.PlanChange{Tenant: "acme", Plan: "pro", Reason: "\a"})},
		{"an_unknown_plan", "", entitlements.ErrUnknownPlan, plan(entitlements.PlanChange{Tenant: "acme", Plan: "moons"})},
		{"a_plan_of_nobody", "", entitlements.ErrUnknownTenant, plan(entitlements.PlanChange{Tenant: "nobody", Plan: "pro"})},
		{"an_end_for_a_reason_that_rings", "reason", nil, cancel("acme", "\a")},
		{"an_end_of_nobody", "", entitlements.ErrUnknownTenant, cancel("nobody", "")},
	})
}

func TestAnEndedSubscriptionIsNotMoved(t *testing.T) {
	t.Parallel()
	g := setup(t, entitlements.NewMemoryStore(nil), nil, "acme")
	_, err := g.Cancel(t.Context(), "acme", entitlements.Now, "")
	require.NoError(t, err)
	_, err = g.ChangePlan(t.Context(), entitlements.PlanChange{Tenant: "acme", Plan: "pro"})
	require.ErrorIs(t, err, entitlements.ErrSubscriptionEnded)
	e, err := g.Entitlement(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, "starter", e.Plan)
}
