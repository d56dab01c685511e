package entitlements_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/entitlements"
)

func TestEveryReasonHasANameAndASentence(t *testing.T) {
	t.Parallel()
	names, texts := map[string]bool{}, map[string]bool{}
	for r := entitlements.ReasonNone; r <= entitlements.ReasonUnavailable; r++ {
		require.Regexp(t, `^[a-z_]+$`, r.String())
		require.Regexp(t, `^[A-Z].*\.$`, r.Text())
		names[r.String()], texts[r.Text()] = true, true
	}
	require.Len(t, names, int(entitlements.ReasonUnavailable)+1)
	require.Len(t, texts, len(names))
	require.Equal(t, "Reason(99)", entitlements.Reason(99).String())
	require.Equal(t, "Reason(99)", entitlements.Reason(99).Text())
}

func TestADecisionSaysWhichPlanWouldAllow(t *testing.T) {
	t.Parallel()
	d := entitlements.Decision{Reason: entitlements.ReasonNotInPlan}
	require.Equal(t, "Not in your plan.", d.Text())
	d.Upgrade = "pro"
	require.Equal(t, "Not in your plan. The plan pro includes it.", d.Text())
	d.Reason = entitlements.ReasonLimitReached
	require.Equal(t, "The limit of your plan is reached. The plan pro includes more.", d.Text())
}

func TestADecisionInJSONHasNames(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(entitlements.Decision{
		Allowed: true, Answer: entitlements.Yes, Reason: entitlements.ReasonOverSoft, Source: entitlements.FromAddOn,
		Feature: "rates", Plan: "starter", PlanVersion: 1, Hard: -1, Used: 7, Remaining: -1,
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"allowed":true,"answer":"yes","reason":"over_soft","source":"addon","feature":"rates","plan":"starter",
		"plan_version":1,"hard":-1,"soft":0,"used":7,"held":0,"remaining":-1,"overage":0}`, string(b))
}

func TestAnswersAndSourcesHaveNames(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"unknown": entitlements.Unknown.String(), "no": entitlements.No.String(), "yes": entitlements.Yes.String(),
		"none": entitlements.FromNothing.String(), "plan": entitlements.FromPlan.String(), "trial": entitlements.FromTrial.String(),
		"override": entitlements.FromOverride.String(), "grant": entitlements.FromGrant.String(),
	} {
		require.Equal(t, want, got)
	}
}
