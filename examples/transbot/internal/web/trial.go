package web

import (
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// trialNote is what a company should know of its trial.
type trialNote struct {
	Title string
	Ends  time.Time
	Then  string // what happens then
	Keep  string // how to go on with the plan; empty: nothing is to be done
}

// trialOf returns what there is to know of a trial; nil when none is under way or has just ended.
func trialOf(e entitlements.Entitlement, versions *entitlements.Versions, now time.Time) *trialNote {
	if e.Status != entitlements.Trialing {
		return nil
	}
	plan, _ := versions.Plan(e.Plan, e.Version)
	keep := "Subscribe before, and " + plan.Name + " goes on without a break."
	n := &trialNote{Ends: e.TrialEndsAt, Title: span(e.TrialEndsAt.Sub(now)) + " left of your trial", Keep: keep}
	switch ends := accessEnds(e); {
	case !now.Before(e.TrialEndsAt):
		n.Title, n.Then = "Your trial has ended", "Nothing new can be asked for. Everything that you have stays."
		n.Keep = "Subscribe, and everything goes on where you left it."
	case !ends.IsZero() && !ends.After(e.TrialEndsAt):
		n.Then = "Then access ends, as you asked. Everything that you have stays."
	case e.Subscription != "":
		n.Then, n.Keep = plan.Name+" goes on by itself, for "+money(plan.Monthly, plan.Currency)+" a month.", ""
	case e.Next != nil:
		n.Then = "Then your company moves to " + planName(versions, e.Next.Plan) + " by itself."
	default:
		n.Then = "Then nothing new can be asked for. Everything that you have stays."
	}
	return n
}
