package slotest

import (
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/slo"
)

// hourly is quick without budget alerts.
func hourly() slo.Objective {
	o := quick()
	o.BudgetAlerts = []slo.PPM{}
	return o
}

// spend makes bad of 1,000 events bad, of which 50 may be, and leaves nothing else in the window.
func (r *rig) spend(o slo.Objective, bad int64) {
	r.t.Helper()
	r.later(2 * time.Hour)
	r.record(r.minute(o, time.Minute, 1000-bad, 1000))
}

func (r *rig) verdict(want tenon.Outcome) slo.Release {
	r.t.Helper()
	got, err := r.policy().Check(r.ctx())
	r.must(err)
	if got.Outcome != want {
		r.t.Fatalf("outcome: %s because of %q, want %s", got.Outcome, got.Reasons, want)
	}
	return got
}

var freezeRules = group{"freeze", []rule{
	{
		"releases_freeze_above_half_of_a_budget_and_thaw_at_four_tenths",
		"Exactly half does not freeze, one event more does; it thaws when no more than 40 % is consumed. Each is told once.",
		func(r *rig) {
			r.define(hourly())
			r.spend(hourly(), 25)
			r.verdict(tenon.Pass)
			r.hears()
			r.spend(hourly(), 26)
			r.verdict(tenon.Hold)
			r.verdict(tenon.Hold)
			r.hears("slo.freeze quick")
			r.spend(hourly(), 21)
			r.verdict(tenon.Hold)
			r.hears()
			r.spend(hourly(), 20)
			r.verdict(tenon.Pass)
			r.hears("slo.thaw")
			conform.Equal(r.t, "recorded", r.heard.actions(), []string{"slo.objective_defined", "slo.releases_frozen", "slo.releases_thawed"})
		},
	},
	{
		"one_bad_event_of_ten_freezes_nothing",
		"Below the least traffic a release is not held, until the fallback's number of bad events.",
		func(r *rig) {
			o := hourly()
			o.Traffic = slo.Traffic{}
			r.define(o)
			r.record(r.minute(o, time.Minute, 9, 10))
			conform.Equal(r.t, "health", r.evaluate().Statuses[0].Health, slo.LowTraffic)
			r.verdict(tenon.Pass)
			r.record(r.minute(o, 2*time.Minute, 0, 8))
			r.verdict(tenon.Pass)
			r.record(r.minute(o, 3*time.Minute, 0, 1))
			r.verdict(tenon.Hold)
			r.hears("slo.freeze quick")
		},
	},
	{
		"a_whole_target_is_breached_by_one_event",
		"With 100 % there is no budget: the first failure is a breach, whatever the traffic.",
		func(r *rig) {
			o := hourly()
			o.Target, o.Traffic = slo.Whole, slo.Traffic{}
			r.define(o)
			r.record(r.minute(o, 2*time.Minute, 3, 3))
			conform.Equal(r.t, "health", r.evaluate().Statuses[0].Health, slo.Healthy)
			r.record(r.minute(o, time.Minute, 3, 4))
			conform.Equal(r.t, "health", r.evaluate().Statuses[0].Health, slo.Breached)
			r.verdict(tenon.Hold)
		},
	},
	{
		"no_data_holds_and_does_not_thaw",
		"What is not known is neither good nor bad: a release waits, and a freeze stays.",
		func(r *rig) {
			r.verdict(tenon.Hold)
			r.define(hourly())
			v := r.verdict(tenon.Hold)
			conform.Equal(r.t, "unknown", v.Unknown, []slo.Key{hourly().Key})
			conform.Equal(r.t, "frozen", v.Frozen, false)
			r.spend(hourly(), 40)
			r.verdict(tenon.Hold)
			r.later(2 * time.Hour)
			conform.Equal(r.t, "frozen", r.verdict(tenon.Hold).Frozen, true)
		},
	},
	{
		"a_used_up_budget_sends_back",
		"While a budget is used up, or burns at a critical rate, what was released goes back.",
		func(r *rig) {
			o := quick()
			r.define(o)
			r.spend(o, 50)
			conform.Equal(r.t, "frozen", r.verdict(tenon.Fail).Frozen, true)
		},
	},
	{
		"an_advisory_objective_freezes_nothing",
		"Advisory objectives alert, and do not hold releases, with data or without.",
		func(r *rig) {
			o := hourly()
			o.Advisory = true
			r.define(o)
			r.verdict(tenon.Pass)
			r.spend(o, 1000)
			r.verdict(tenon.Pass)
		},
	},
}}

var overrideRules = group{"overrides", []rule{
	{
		"an_override_passes_until_it_expires",
		"An override lets releases pass, says who and why, expires by itself, and is recorded at both ends.",
		func(r *rig) {
			r.define(hourly())
			r.spend(hourly(), 50)
			r.verdict(tenon.Hold)
			r.heard.actions()
			ctx := tenon.WithCaller(r.ctx(), tenon.Caller{Actor: "ines"})
			o, err := r.policy().Override(ctx, r.now.Add(30*time.Minute), "the fix itself")
			r.must(err)
			conform.Equal(r.t, "by", o.By, "ines")
			v := r.verdict(tenon.Pass)
			conform.Equal(r.t, "frozen all the same", v.Frozen, true)
			conform.Equal(r.t, "the override", *v.Override, o)
			r.later(30 * time.Minute)
			r.verdict(tenon.Hold)
			conform.Equal(r.t, "recorded", r.heard.actions(), []string{"slo.override_made", "slo.override_expired"})
		},
	},
	{
		"an_override_is_revoked",
		"Revoke ends it, is recorded, and finds it no more afterwards.",
		func(r *rig) {
			r.define(hourly())
			r.spend(hourly(), 50)
			r.verdict(tenon.Hold)
			o, err := r.policy().Override(r.ctx(), r.now.Add(time.Hour), "the fix itself")
			r.must(err)
			r.heard.actions()
			r.must(r.policy().Revoke(r.ctx(), o.ID, "it did not help"))
			r.verdict(tenon.Hold)
			conform.Equal(r.t, "recorded", r.heard.actions(), []string{"slo.override_revoked"})
			r.fails("again", r.policy().Revoke(r.ctx(), o.ID, ""), slo.ErrUnknownOverride)
		},
	},
	{
		"an_override_needs_a_reason_and_an_end",
		"Without a reason, in the past, or longer than allowed it is refused.",
		func(r *rig) {
			for _, until := range []time.Time{r.now, r.now.Add(25 * time.Hour)} {
				_, err := r.policy().Override(r.ctx(), until, "because")
				r.fails("the end", err, tenon.ErrInvalid)
			}
			_, err := r.policy().Override(r.ctx(), r.now.Add(time.Hour), "")
			r.fails("the reason", err, tenon.ErrInvalid)
			conform.Equal(r.t, "overrides", len(r.load().Overrides), 0)
		},
	},
}}
