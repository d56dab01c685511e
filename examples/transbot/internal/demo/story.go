package demo

import (
	"context"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// step is something that happens between a company and its plan.
type step struct {
	ago int // days before the demo is made; -1: when the company comes
	do  func(ctx context.Context, g *entitlements.Gate, company string, at time.Time) error
}

// arrival marks a step that happens when the company comes.
const arrival = -1

func (s step) at(p profile, now time.Time) time.Time {
	if s.ago == arrival {
		return p.since(now)
	}
	return now.UTC().Truncate(time.Minute).AddDate(0, 0, -s.ago)
}

// story is a way through the plans, for several companies.
type story struct {
	plan         string
	months, days int
	steps        []step
	quiet        int
}

const day = 24 * time.Hour

// stories are taken in turn.
var stories = []story{
	{plan: "starter", months: 7, days: 3, steps: steady("starter")},
	{plan: "pro", months: 11, days: 9, steps: steady("pro")},
	{plan: "enterprise", months: 18, days: 20, steps: steady("enterprise")},
	{plan: "starter", months: 2, days: 18, steps: steady("starter")},
	{plan: "pro", months: 8, days: 22, steps: upgradedTo("pro", 45)},
	{plan: "starter", months: 5, days: 14, steps: append(steady("starter"), raised)},
	{plan: "pro", days: 4, steps: trial("starter")},
	{plan: "starter", months: 4, days: 8, steps: steady("starter")},
	{plan: "pro", months: 6, days: 11, steps: append(steady("pro"), overdue(3, 7*day))},
	{plan: "enterprise", months: 9, days: 2, steps: append(steady("enterprise"), downgrade("pro", 5))},
	{plan: "starter", months: 1, days: 3, steps: trial("starter")},
	{plan: "pro", months: 2, days: 2, steps: append(trial("starter"), change("pro", 52, "converted its trial"))},
	{plan: "starter", months: 6, days: 25, steps: append(steady("starter"), cancel(entitlements.AtPeriodEnd, 2))},
	{plan: "pro", days: 21, steps: trial(""), quiet: 11},
	{plan: "starter", months: 10, days: 6, steps: append(steady("starter"), overdue(12, 5*day)), quiet: 7},
	{plan: "pro", months: 13, days: 15, steps: steady("pro")},
	{plan: "starter", months: 8, days: 19, steps: append(steady("starter"), cancel(entitlements.Now, 16)), quiet: 16},
	{plan: "pro", months: 5, days: 1, steps: append(steady("pro"), pause(9)), quiet: 9},
	{days: 1}, // nobody put it on a plan yet
}

// steady is a company that stays where it came.
func steady(plan string) []step {
	return []step{{arrival, func(ctx context.Context, g *entitlements.Gate, company string, at time.Time) error {
		_, err := g.Subscribe(ctx, entitlements.Subscription{Tenant: company, Plan: plan, StartedAt: at, Reason: "signed up"})
		return err
	}}}
}

// upgradedTo is a company that began on Starter.
func upgradedTo(plan string, ago int) []step {
	return append(steady("starter"), change(plan, ago, "outgrew its plan"))
}

// trial is a company that tries Professional for two weeks.
func trial(after string) []step {
	return []step{{arrival, func(ctx context.Context, g *entitlements.Gate, company string, _ time.Time) error {
		_, err := g.StartTrial(ctx, entitlements.Trial{Tenant: company, Plan: "pro", Length: 14 * day, Fallback: after, Reason: "asked for a trial"})
		return err
	}}}
}

func change(plan string, ago int, reason string) step {
	return step{ago, func(ctx context.Context, g *entitlements.Gate, company string, _ time.Time) error {
		_, err := g.ChangePlan(ctx, entitlements.PlanChange{Tenant: company, Plan: plan, When: entitlements.Now, Reason: reason})
		return err
	}}
}

func downgrade(plan string, ago int) step {
	return step{ago, func(ctx context.Context, g *entitlements.Gate, company string, _ time.Time) error {
		_, err := g.ChangePlan(ctx, entitlements.PlanChange{Tenant: company, Plan: plan, Reason: "has fewer loads this season"})
		return err
	}}
}

// overdue is a company whose payment failed, and which may go on for the length of the grace.
func overdue(ago int, grace time.Duration) step {
	return step{ago, func(ctx context.Context, g *entitlements.Gate, company string, at time.Time) error {
		_, err := g.SetStatus(ctx, entitlements.StatusChange{
			Tenant: company, Status: entitlements.PastDue, GraceUntil: at.Add(grace), Reason: "the card was declined",
		})
		return err
	}}
}

func pause(ago int) step {
	return step{ago, func(ctx context.Context, g *entitlements.Gate, company string, _ time.Time) error {
		_, err := g.SetStatus(ctx, entitlements.StatusChange{Tenant: company, Status: entitlements.Paused, Reason: "closed for the season"})
		return err
	}}
}

func cancel(when entitlements.When, ago int) step {
	return step{ago, func(ctx context.Context, g *entitlements.Gate, company string, _ time.Time) error {
		_, err := g.Cancel(ctx, company, when, "moved its loads in house")
		return err
	}}
}

// fairGrant is a present that burns when the plan's own units are used up.
var fairGrant = step{10, func(ctx context.Context, g *entitlements.Gate, company string, at time.Time) error {
	_, err := g.Grant(ctx, company, entitlements.Grant{
		Feature: "rates", Amount: 250, ExpiresAt: at.AddDate(0, 0, 90), Reason: "met us at the trade fair",
	})
	return err
}}

// raised is an exception that somebody agreed to.
var raised = step{20, func(ctx context.Context, g *entitlements.Gate, company string, at time.Time) error {
	hard := int64(160)
	return g.Override(ctx, company, entitlements.Override{
		Feature: "rates", Period: entitlements.Monthly, Hard: &hard, ExpiresAt: at.AddDate(0, 0, 80), Reason: "agreed with sales until the new contract",
	})
}}
