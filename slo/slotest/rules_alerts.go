package slotest

import (
	"sync"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/slo"
)

var effectRules = group{"effects", []rule{
	{
		"what_an_edit_says_is_told",
		"Changes and notifications of an edit reach the recorder and the notifier.",
		func(r *rig) {
			_, err := r.store.Change(r.ctx(), func(*slo.State) (slo.Effects, error) {
				return slo.Effects{
					Changes:       []tenon.Change{{Action: "a"}, {Action: "b"}},
					Notifications: []tenon.Notification{{Kind: "c"}},
				}, nil
			})
			r.must(err)
			conform.Equal(r.t, "changes", r.heard.actions(), []string{"a", "b"})
			r.hears("c")
		},
	},
	{
		"what_cannot_be_told_is_not_done",
		"An error of the notifier or the recorder is returned, and nothing is written.",
		func(r *rig) {
			r.heard.Shut(true)
			_, err := r.board().Define(r.ctx(), uptime())
			r.fails("unheard", err, conform.ErrShut)
			conform.Equal(r.t, "objectives", len(r.load().Objectives), 0)
			r.heard.Shut(false)
			r.define(uptime())
			conform.Equal(r.t, "changes", r.heard.actions(), []string{"slo.objective_defined"})
		},
	},
}}

// month is 99.9 % over 30 days, with the Workbook's tiers alone.
func month() slo.Objective {
	o := uptime()
	o.Window.Length, o.BudgetAlerts = 30*24*time.Hour, []slo.PPM{}
	return o
}

// advisory is month, which freezes nothing.
func advisory() slo.Objective {
	o := month()
	o.Advisory = true
	return o
}

// steady records traffic of 100 events a minute that ends at the rig's time, of which bad of each minute were bad.
func (r *rig) steady(o slo.Objective, length time.Duration, bad int64) {
	r.t.Helper()
	var minutes []slo.Minute
	for ago := time.Minute; ago <= length; ago += time.Minute {
		minutes = append(minutes, r.minute(o, ago, 100-bad, 100))
	}
	r.record(minutes...)
}

const fastest, second = "14.4 over 1h0m0s and 5m0s", "6 over 6h0m0s and 30m0s"

var alertRules = group{"alerts", []rule{
	{
		"an_incident_is_told_once_and_when_it_ends",
		"The first tier that fires opens an episode; slower ones are silent; when none fires it resolves.",
		func(r *rig) {
			r.define(advisory())
			r.steady(advisory(), 12*time.Hour, 0)
			r.evaluate()
			r.hears()
			r.later(10 * time.Minute)
			r.steady(advisory(), 10*time.Minute, 100)
			s := r.evaluate().Statuses[0]
			conform.Equal(r.t, "open episodes", len(s.Alerts), 1)
			conform.Equal(r.t, "severity", s.Alerts[0].Severity, tenon.SeverityCritical)
			r.hears("slo.alert uptime burn " + fastest + " opened")
			r.evaluate()
			r.hears()
			for range 100 {
				r.later(time.Hour)
				r.steady(advisory(), time.Hour, 0)
				r.evaluate()
			}
			r.hears("slo.alert uptime burn " + fastest + " resolved")
			conform.Equal(r.t, "open episodes", len(r.load().Episodes), 0)
		},
	},
	{
		"a_faster_tier_is_told_in_the_same_episode",
		"An incident that gets worse escalates its episode, once.",
		func(r *rig) {
			r.define(advisory())
			r.steady(advisory(), 6*time.Hour, 1) // 1 % burns at 10
			r.evaluate()
			r.hears("slo.alert uptime burn " + second + " opened")
			r.later(10 * time.Minute)
			r.steady(advisory(), 10*time.Minute, 100)
			r.evaluate()
			r.evaluate()
			r.hears("slo.alert uptime burn " + fastest + " escalated")
		},
	},
	{
		"no_data_resolves_nothing",
		"When nothing is counted any more the episode stays open, and the absence is told by itself, once.",
		func(r *rig) {
			o := quick()
			r.define(o)
			r.steady(o, 10*time.Minute, 60)
			r.evaluate()
			r.hears("slo.alert quick budget 100% opened", "slo.freeze quick")
			r.later(2 * time.Hour)
			s := r.evaluate().Statuses[0]
			conform.Equal(r.t, "health", s.Health, slo.NoData)
			conform.Equal(r.t, "open episodes", len(s.Alerts), 2)
			r.hears("slo.alert quick absence no data opened")
			r.evaluate()
			r.hears()
			r.steady(o, 10*time.Minute, 0)
			r.evaluate()
			r.hears("slo.alert quick budget 100% resolved", "slo.alert quick absence no data resolved", "slo.thaw")
		},
	},
	{
		"a_budget_is_told_at_half_and_at_its_end",
		"More than 50 % opens an episode, 100 % escalates it; it resolves at 40 %.",
		func(r *rig) {
			o := quick()
			o.Advisory = true
			r.define(o)
			spend := func(bad int64) {
				r.record(r.minute(o, time.Minute, 1000-bad, 1000)) // the budget is 50 of 1,000
				r.evaluate()
				r.later(2 * time.Hour)
			}
			spend(25)
			r.hears()
			spend(26)
			r.hears("slo.alert quick budget 50% opened")
			spend(49)
			r.hears()
			spend(50)
			r.hears("slo.alert quick budget 100% escalated")
			spend(21)
			r.hears()
			spend(20)
			r.hears("slo.alert quick budget 100% resolved")
		},
	},
	{
		"instances_that_evaluate_at_once_tell_once",
		"However many instances see an incident, it is one episode and one notification.",
		func(r *rig) {
			r.define(month())
			r.steady(month(), time.Hour, 50)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					if _, err := r.board().Evaluate(r.ctx()); err != nil {
						r.t.Errorf("Evaluate: %v", err)
					}
				})
			}
			wg.Wait()
			conform.Equal(r.t, "notifications", len(r.heard.take()), 2) // the alert and the freeze
			conform.Equal(r.t, "episodes", len(r.load().Episodes), 1)
		},
	},
	{
		"what_cannot_be_told_is_told_later",
		"An evaluation whose notification fails decides nothing; the next one does.",
		func(r *rig) {
			r.define(month())
			r.steady(month(), time.Hour, 50)
			r.heard.Shut(true)
			_, err := r.board().Evaluate(r.ctx())
			r.fails("unheard", err, conform.ErrShut)
			conform.Equal(r.t, "episodes", len(r.load().Episodes), 0)
			r.heard.Shut(false)
			r.evaluate()
			r.hears("slo.alert uptime burn "+fastest+" opened", "slo.freeze uptime")
		},
	},
	{
		"an_old_view_decides_nothing",
		"An instance whose numbers are older than the last decision leaves it as it is.",
		func(r *rig) {
			r.define(quick())
			r.steady(quick(), 10*time.Minute, 0)
			r.record(r.minute(quick(), 0, 0, 1000))
			r.later(30 * time.Second)
			r.evaluate()
			conform.Equal(r.t, "told", len(r.heard.take()), 2) // the budget and the freeze
			r.later(-31 * time.Second)                         // the bad minute had not begun
			r.evaluate()
			r.hears()
			conform.Equal(r.t, "episodes", len(r.load().Episodes), 1)
		},
	},
	{
		"a_clock_that_was_set_back_silences_nothing",
		"A view that is older than the last decision by more than instances can be apart decides again.",
		func(r *rig) {
			r.define(quick())
			r.steady(quick(), 10*time.Minute, 0)
			r.later(3 * time.Hour)
			r.evaluate()
			r.hears("slo.alert quick absence no data opened")
			r.later(-3 * time.Hour)
			r.record(r.minute(quick(), time.Minute, 0, 1000))
			r.evaluate()
			r.hears("slo.alert quick budget 100% opened", "slo.alert quick absence no data resolved", "slo.freeze quick")
		},
	},
	{
		"a_retired_objective_ends_its_alerts",
		"Retire resolves what is open.",
		func(r *rig) {
			r.define(month())
			r.steady(month(), time.Hour, 50)
			r.evaluate()
			r.heard.take()
			r.must(r.board().Retire(r.ctx(), month().Key, ""))
			r.hears("slo.alert uptime burn " + fastest + " resolved")
			r.evaluate()
			r.hears("slo.thaw")
		},
	},
}}
