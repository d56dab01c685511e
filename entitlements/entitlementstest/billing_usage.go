package entitlementstest

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// line returns the n-th line of a window of the rig's tenant.
func (b *billingRig) line(meter string, revision int, quantity int64) entitlements.UsageLine {
	return entitlements.UsageLine{
		UsageWindow: entitlements.UsageWindow{Tenant: b.tenant, Meter: meter, Start: b.now}, Revision: revision, Quantity: quantity,
		At: b.now, State: entitlements.UsagePending, CreatedAt: b.now, NextAt: b.now,
	}
}

// plans adds lines to a window and returns what was there.
func (b *billingRig) plans(w entitlements.UsageWindow, lines ...entitlements.UsageLine) (told []entitlements.UsageLine) {
	b.t.Helper()
	err := b.store.PlanUsage(b.background(), w, func(have []entitlements.UsageLine) ([]entitlements.UsageLine, error) {
		told = have
		return lines, nil
	})
	if err != nil {
		b.t.Fatalf("PlanUsage: %v", err)
	}
	return told
}

// takes takes what is due.
func (b *billingRig) takes(now time.Time) []entitlements.UsageLine {
	b.t.Helper()
	lines, err := b.store.TakeUsage(b.background(), now, now.Add(time.Minute), 10)
	if err != nil {
		b.t.Fatalf("TakeUsage: %v", err)
	}
	return lines
}

// lines are the rig's lines in a state, or all.
func (b *billingRig) lines(state entitlements.UsageState) []entitlements.UsageLine {
	b.t.Helper()
	found, err := b.store.UsageLines(b.background(), entitlements.UsageLineQuery{Tenant: b.tenant, State: state})
	if err != nil {
		b.t.Fatalf("UsageLines: %v", err)
	}
	return found
}

var outboxRules = []billingRule{
	{
		"lines_follow_what_was_told",
		"PlanUsage hands over the window's lines, oldest first, and stores those that follow them; an error stores none.",
		func(b *billingRig) {
			first, second := b.line("m", 1, 5), b.line("m", 2, -2)
			equal(b.t, "told", len(b.plans(first.UsageWindow, first)), 0)
			equal(b.t, "told", b.plans(first.UsageWindow, second)[0], first)
			told := b.plans(first.UsageWindow)
			equal(b.t, "told", len(told), 2)
			equal(b.t, "the second", told[1], second)
			refusal := errors.New("refused")
			err := b.store.PlanUsage(b.background(), first.UsageWindow, func([]entitlements.UsageLine) ([]entitlements.UsageLine, error) {
				return []entitlements.UsageLine{b.line("m", 3, 1)}, refusal
			})
			equal(b.t, "the plan's error", errors.Is(err, refusal), true)
			equal(b.t, "lines", len(b.lines("")), 2)
		},
	},
	{
		"a_window_is_planned_by_one_at_a_time",
		"Of many that plan a window at once, each sees what those before have added.",
		func(b *billingRig) {
			var wait sync.WaitGroup
			for range 8 {
				wait.Go(func() {
					err := b.store.PlanUsage(b.background(), b.line("m", 1, 1).UsageWindow, func(told []entitlements.UsageLine) ([]entitlements.UsageLine, error) {
						return []entitlements.UsageLine{b.line("m", len(told)+1, 1)}, nil
					})
					if err != nil {
						b.t.Errorf("PlanUsage: %v", err)
					}
				})
			}
			wait.Wait()
			equal(b.t, "lines", len(b.lines("")), 8)
		},
	},
	{
		"lines_are_taken_when_due_and_in_order",
		"A line is taken once it is due, by one at a time, and only after those before it in its window are settled.",
		func(b *billingRig) {
			first, second, apart := b.line("m", 1, 5), b.line("m", 2, -2), b.line("n", 1, 7)
			b.plans(first.UsageWindow, first, second)
			b.plans(apart.UsageWindow, apart)
			equal(b.t, "before they are due", len(b.takes(b.now.Add(-time.Second))), 0)
			taken := b.takes(b.now)
			equal(b.t, "taken", len(taken), 2)
			equal(b.t, "taken again at once", len(b.takes(b.now)), 0)
			equal(b.t, "taken again later", len(b.takes(b.now.Add(time.Minute))), 2)
			for _, l := range taken {
				l.State, l.SettledAt = entitlements.UsageSent, b.now
				if err := b.store.SettleUsage(b.background(), l, nil); err != nil {
					b.t.Fatalf("SettleUsage: %v", err)
				}
			}
			after := b.takes(b.now.Add(time.Minute))
			equal(b.t, "what follows", len(after), 1)
			equal(b.t, "its revision", after[0].Revision, 2)
		},
	},
	{
		"a_line_is_settled_once",
		"What became of a line is stored and told in one transaction; a line that is settled stays as it is.",
		func(b *billingRig) {
			l := b.line("m", 1, 5)
			b.plans(l.UsageWindow, l)
			l.State, l.Error, l.Attempts, l.SettledAt = entitlements.UsageDead, "too old", 4, b.now
			notices := []tenon.Notification{{Key: b.event, Kind: "k", Severity: tenon.SeverityCritical, Title: "t", At: b.now}}
			refusal := errors.New("refused")
			b.told.Fail(refusal)
			equal(b.t, "the notifier's error", errors.Is(b.store.SettleUsage(b.background(), l, notices), refusal), true)
			equal(b.t, "pending", len(b.lines(entitlements.UsagePending)), 1)
			b.told.Fail(nil)
			for range 2 {
				if err := b.store.SettleUsage(b.background(), l, notices); err != nil {
					b.t.Fatalf("SettleUsage: %v", err)
				}
				l.State = entitlements.UsageSent
			}
			equal(b.t, "told", len(b.told.Told()), 1)
			dead := b.lines(entitlements.UsageDead)
			equal(b.t, "dead", len(dead), 1)
			equal(b.t, "its attempts", dead[0].Attempts, 4)
			equal(b.t, "its error", dead[0].Error, "too old")
			stranger := b.line("m", 2, 5)
			stranger.State = entitlements.UsageSent
			if err := b.store.SettleUsage(b.background(), stranger, notices); err != nil {
				b.t.Fatalf("SettleUsage of a line that nobody planned: %v", err)
			}
			equal(b.t, "lines", len(b.lines("")), 1)
			equal(b.t, "told of it", len(b.told.Told()), 1)
		},
	},
	{
		"lines_are_listed_by_age",
		"UsageLines lists the lines of a state that were made before an instant, at most so many.",
		func(b *billingRig) {
			for i := range 3 {
				l := b.line("m"+strconv.Itoa(i), 1, 5)
				l.CreatedAt = b.now.Add(time.Duration(i) * time.Hour)
				b.plans(l.UsageWindow, l)
			}
			q := entitlements.UsageLineQuery{Tenant: b.tenant, State: entitlements.UsagePending, Before: b.now.Add(2 * time.Hour)}
			for limit, want := range map[int]int{0: 2, 1: 1} {
				q.Limit = limit
				found, err := b.store.UsageLines(b.background(), q)
				if err != nil {
					b.t.Fatalf("UsageLines: %v", err)
				}
				equal(b.t, "lines", len(found), want)
			}
		},
	},
}

var reminderRules = []billingRule{
	{
		"a_trial_is_reminded_of_once_for_each_lead",
		"People are told of a trial that ends within a lead, once for each, and not after its end or of another status.",
		func(b *billingRig) {
			ends := b.now.Add(10 * 24 * time.Hour)
			b.tries(ends)
			b.other().standing() // who has no plan has no trial
			leads := []time.Duration{72 * time.Hour, 24 * time.Hour}
			for _, step := range []struct {
				left time.Duration
				want int
			}{{96 * time.Hour, 0}, {72 * time.Hour, 1}, {71 * time.Hour, 1}, {23 * time.Hour, 2}, {time.Hour, 2}, {0, 2}, {-time.Hour, 2}} {
				if _, err := b.store.RemindOfTrials(b.background(), ends.Add(-step.left), leads); err != nil {
					b.t.Fatalf("RemindOfTrials: %v", err)
				}
				equal(b.t, "told with "+step.left.String()+" left", len(b.told.Told()), step.want)
			}
			equal(b.t, "Kind", b.told.Told()[0].Kind, "entitlements.trial_ending")
		},
	},
	{
		"a_reminder_that_cannot_be_told_is_told_later",
		"When the notifier refuses, the reminder is not remembered.",
		func(b *billingRig) {
			ends := b.now.Add(time.Hour)
			b.tries(ends)
			b.told.Fail(errors.New("refused"))
			_, err := b.store.RemindOfTrials(b.background(), b.now, []time.Duration{2 * time.Hour})
			equal(b.t, "there is an error", err != nil, true)
			b.told.Fail(nil)
			if _, err := b.store.RemindOfTrials(b.background(), b.now, []time.Duration{2 * time.Hour}); err != nil {
				b.t.Fatalf("RemindOfTrials: %v", err)
			}
			equal(b.t, "told", len(b.told.Told()), 1)
		},
	},
}

// tries puts the tenant on a trial.
func (b *billingRig) tries(ends time.Time) {
	b.t.Helper()
	_, err := b.store.Change(b.background(), b.tenant, b.now, func(r *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
		r.Entitlement = &entitlements.Entitlement{Plan: basic, Version: 1, Status: entitlements.Trialing, StartedAt: b.now, TrialEndsAt: ends}
		return nil, nil
	})
	if err != nil {
		b.t.Fatalf("Change: %v", err)
	}
}
