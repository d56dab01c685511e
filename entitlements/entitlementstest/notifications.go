package entitlementstest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// TestNotifications checks that a store that tells a [tenon.Notifier] of thresholds tells each once. NewStore gives a
// store that tells n, in the transaction that crossed the threshold.
func TestNotifications(t *testing.T, newStore func(t *testing.T, n tenon.Notifier) entitlements.Store) {
	for _, one := range notificationRules {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			n := &Notifier{}
			r := &told{rig: newRig(t, newStore(t, n)), notifier: n}
			r.on(basic)
			r.try(rule{one.name, one.says, func(*rig) { one.run(r) }})
		})
	}
}

// told is a rig whose store tells a notifier.
type told struct {
	*rig
	notifier *Notifier
}

// heard fails unless the tenant's notifications of alarms so far are these thresholds, in order.
func (r *told) heard(want ...string) {
	r.t.Helper()
	var got []string
	for _, n := range r.news() {
		got = append(got, n.Data["threshold"])
	}
	if !slices.Equal(got, want) {
		r.t.Fatalf("told of the thresholds %q, want %q", got, want)
	}
}

// news returns what was told of the rig's tenant.
func (r *told) news() []tenon.Notification {
	return slices.DeleteFunc(r.notifier.Told(), func(n tenon.Notification) bool { return n.Tenant != r.tenant })
}

type notificationRule struct {
	name string
	says string
	run  func(r *told)
}

var notificationRules = []notificationRule{
	{
		"each_threshold_is_told_once",
		"A Notification is due when use reaches the soft limit and each chosen share of the hard limit: once a period.",
		func(r *told) {
			r.consume(alarms, 4)
			r.heard()
			r.consume(alarms, 1)
			r.heard("soft")
			r.consume(alarms, 2)
			r.heard("soft")
			r.consume(alarms, 1)
			r.heard("soft", "80%")
			r.consume(alarms, 2)
			r.heard("soft", "80%", "100%")
		},
	},
	{
		"one_use_may_cross_several",
		"A use that crosses several thresholds tells of each, lowest first.",
		func(r *told) {
			r.consume(alarms, 10)
			r.heard("soft", "80%", "100%")
		},
	},
	{
		"a_notification_says_what_happened",
		"It names tenant, kind, feature, threshold, use, limit and period, and has a key of its own.",
		func(r *told) {
			r.consume(alarms, 9)
			n := r.news()[1]
			equal(r.t, "the kind", n.Kind, "entitlements.threshold")
			equal(r.t, "the tenant", n.Tenant, r.tenant)
			equal(r.t, "the title is said", n.Title != "", true)
			sameTime(r.t, "the time", n.At, r.now)
			for name, want := range map[string]string{
				"feature": alarms, "threshold": "80%", "at": "8", "used": "9", "hard": "10", "period": "month",
				"period_start": started.Format(time.RFC3339),
			} {
				equal(r.t, name, n.Data[name], want)
			}
		},
	},
	{
		"keys_tell_occasions_apart",
		"Tenant, feature, period and threshold make the key.",
		func(r *told) {
			second := r.other().on(basic)
			r.consume(alarms, 10)
			r.consume(calls, 6)
			second.consume(alarms, 10)
			r.now = started.AddDate(0, 1, 0)
			r.consume(alarms, 10)
			keys := map[string]bool{}
			for _, n := range r.notifier.Told() {
				equal(r.t, "the key "+n.Key+" was told before", keys[n.Key], false)
				keys[n.Key] = true
			}
			equal(r.t, "the notifications", len(keys), 3+1+3+3)
		},
	},
	{
		"use_that_falls_and_rises_again_is_no_news",
		"A threshold that was told is not told again in its period, though a correction took use below it.",
		func(r *told) {
			r.do(r.op(entitlements.OpConsume, keyed(alarms, 8, "k")))
			r.correct("k")
			r.consume(alarms, 9)
			r.heard("soft", "80%")
		},
	},
	{
		"the_next_period_is_news",
		"Each period tells afresh.",
		func(r *told) {
			r.consume(alarms, 5)
			r.now = started.AddDate(0, 1, 0)
			r.consume(alarms, 5)
			r.heard("soft", "soft")
		},
	},
	{
		"refusals_and_replays_tell_nothing",
		"What counts nothing crosses nothing.",
		func(r *told) {
			r.consume(alarms, 11)
			r.heard()
			r.do(r.op(entitlements.OpConsume, keyed(alarms, 5, "k")))
			r.do(r.op(entitlements.OpConsume, keyed(alarms, 5, "k")))
			r.consume(alarms, 6)
			r.heard("soft")
		},
	},
	{
		"a_hold_tells_when_it_is_committed",
		"Thresholds are about use; what is held is none yet.",
		func(r *told) {
			h := r.reserve(alarms, 10, time.Hour)
			r.heard()
			r.commit(h, 8)
			r.heard("soft", "80%")
		},
	},
	{
		"recorded_use_tells_in_its_period",
		"Ungated and late use crosses the thresholds of the period that it counts in.",
		func(r *told) {
			r.now = started.AddDate(0, 1, 3)
			r.record(alarms, 5, started.AddDate(0, 0, 3))
			r.heard("soft")
			equal(r.t, "the period", r.news()[0].Data["period_start"], started.Format(time.RFC3339))
			r.consume(alarms, 5)
			r.heard("soft", "soft")
		},
	},
	{
		"a_change_of_plan_tells_no_threshold_twice",
		"A threshold of the next plan that has the name of one that was told in this period is not told again.",
		func(r *told) {
			r.consume(alarms, 9)
			r.move(team)
			r.consume(alarms, 7)
			r.heard("soft", "80%")
			r.consume(alarms, 4)
			r.heard("soft", "80%", "100%")
		},
	},
	{
		"a_boolean_and_an_unlimited_feature_tell_no_share",
		"Unlimited has a soft limit at most, and a boolean has no thresholds.",
		func(r *told) {
			r.consume(storage, 4)
			r.heard()
			r.consume(storage, 1_000)
			r.heard("soft")
		},
	},
	{
		"use_is_undone_when_nobody_could_be_told",
		"The notification is part of the transaction: when it fails, nothing was used.",
		func(r *told) {
			r.notifier.Fail(errors.New("the outbox is full"))
			outcomes, err := r.store.Settle(r.ctx(), []entitlements.Op{r.op(entitlements.OpConsume, use(alarms, 5))})
			if err == nil && (len(outcomes) != 1 || outcomes[0].Err == nil) {
				r.t.Fatalf("Settle took a use that could not be told: %v", outcomes)
			}
			r.notifier.Fail(nil)
			r.says(r.check(alarms), answer{entitlements.ReasonAllowed, 0, 0, 10})
			r.consume(alarms, 5)
			r.heard("soft")
		},
	},
	{
		"a_crowd_tells_each_threshold_under_one_key",
		"However many use at once, each threshold is one occasion.",
		func(r *told) {
			together(crowd, func(int) { r.tries(r.op(entitlements.OpConsume, use(alarms, 1))) })
			keys := map[string]bool{}
			for _, n := range r.news() {
				keys[n.Key] = true
			}
			equal(r.t, "the occasions", len(keys), 3)
			for key := range keys {
				equal(r.t, "the key is about the tenant", strings.Contains(key, r.tenant), true)
			}
		},
	},
}
