package entitlementstest

import (
	"time"

	"github.com/transbotai/tenon/entitlements"
)

var periodRules = group{"periods", []rule{
	{
		"a_boundary_instant_belongs_to_the_new_period",
		"Periods roll when they are read; start ≤ t < end.",
		func(r *rig) {
			r.on(basic)
			r.consume(calls, 10)
			r.now = started.AddDate(0, 1, 0).Add(-time.Microsecond)
			r.says(r.check(calls), answer{entitlements.ReasonLimitReached, 10, 0, 0})
			r.later(time.Microsecond)
			d := r.consume(calls, 4)
			r.says(d, answer{entitlements.ReasonAllowed, 4, 0, 6})
			sameTime(r.t, "the end of the period", d.ResetsAt, started.AddDate(0, 2, 0))
		},
	},
	{
		"a_use_at_a_boundary_counts_in_the_new_period",
		"The use at the very instant of a boundary is the first of the period that it begins.",
		func(r *rig) {
			r.on(basic)
			r.now = started.AddDate(0, 1, 0)
			r.consume(calls, 1)
			r.record(calls, 2, r.now.Add(-time.Microsecond))
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 1, 0, 9})
			r.now = r.now.Add(-time.Microsecond)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 2, 0, 8})
		},
	},
	{
		"a_month_from_the_31st_ends_on_the_last_day",
		"A monthly anchor on the 31st falls on the last day of shorter months and returns to the 31st after.",
		func(r *rig) {
			r.now = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
			r.on(basic)
			r.entitle(func(e *entitlements.Entitlement) { e.Anchor = time.Date(2026, 1, 31, 9, 30, 0, 0, time.UTC) })
			for i, end := range []time.Time{
				time.Date(2026, 2, 28, 9, 30, 0, 0, time.UTC), time.Date(2026, 3, 31, 9, 30, 0, 0, time.UTC),
				time.Date(2026, 4, 30, 9, 30, 0, 0, time.UTC), time.Date(2026, 5, 31, 9, 30, 0, 0, time.UTC),
			} {
				used := int64(i + 1)
				d := r.consume(calls, used)
				r.says(d, answer{entitlements.ReasonAllowed, used, 0, 10 - used})
				sameTime(r.t, "the end of the period", d.ResetsAt, end)
				r.now = end.Add(-time.Microsecond)
				equal(r.t, "the use right before the end", r.check(calls).Used, used)
				r.now = end
			}
		},
	},
	{
		"the_billing_cycle_anchors_periods",
		"Periods are counted from Anchor, else CurrentPeriodStart, else StartedAt.",
		func(r *rig) {
			r.on(basic)
			sameTime(r.t, "the end counted from StartedAt", r.check(calls).ResetsAt, time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
			r.entitle(func(e *entitlements.Entitlement) { e.CurrentPeriodStart = time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC) })
			sameTime(r.t, "the end counted from CurrentPeriodStart", r.check(calls).ResetsAt, time.Date(2026, 4, 5, 6, 0, 0, 0, time.UTC))
			r.entitle(func(e *entitlements.Entitlement) { e.Anchor = time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC) })
			sameTime(r.t, "the end counted from Anchor", r.check(calls).ResetsAt, time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC))
		},
	},
	{
		"a_moved_anchor_counts_from_the_events",
		"When the billing cycle moves, the new period holds what was used since it began, and no more.",
		func(r *rig) {
			r.on(basic)
			r.record(calls, 3, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
			r.record(calls, 4, time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC))
			h := r.reserve(calls, 1, time.Hour)
			r.entitle(func(e *entitlements.Entitlement) { e.Anchor = time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC) })
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 4, 1, 5})
			r.commit(h, 1)
			r.says(r.consume(calls, 6), answer{entitlements.ReasonLimitReached, 5, 0, 5})
			r.entitle(func(e *entitlements.Entitlement) { e.Anchor = time.Time{} })
			r.says(r.check(calls), answer{entitlements.ReasonOverSoft, 8, 0, 2})
		},
	},
	{
		"late_use_counts_in_the_period_in_which_it_occurred",
		"A use with an At counts in the period that holds At, however late.",
		func(r *rig) {
			r.on(basic)
			r.now = started.AddDate(0, 2, 3)
			r.consume(calls, 1)
			r.record(calls, 9, started.AddDate(0, 0, 20))
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 1, 0, 9})
			equal(r.t, "the present counter", r.counter(calls, entitlements.Monthly).Used, 1)
			late := r.op(entitlements.OpConsume, entitlements.Use{Feature: calls, Quantity: 1, At: started.AddDate(0, 0, 21)})
			r.allows(r.do(late).Decision, entitlements.ReasonOverSoft)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 1, 0, 9})
		},
	},
	{
		"late_use_is_gated_by_the_period_in_which_it_occurred",
		"A gated use that comes late must fit in the period that holds its At.",
		func(r *rig) {
			r.on(basic)
			r.consume(calls, 9)
			r.now = started.AddDate(0, 1, 2)
			late := func(n int64) entitlements.Decision {
				return r.do(r.op(entitlements.OpConsume, entitlements.Use{Feature: calls, Quantity: n, At: noon})).Decision
			}
			r.refuses(late(2), entitlements.ReasonLimitReached)
			r.allows(late(1), entitlements.ReasonOverSoft)
			r.refuses(late(1), entitlements.ReasonLimitReached)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
		},
	},
	{
		"use_before_the_anchor_has_a_period_of_its_own",
		"Periods go back before the anchor in the same steps.",
		func(r *rig) {
			r.on(basic)
			r.record(calls, 9, started.Add(-time.Microsecond))
			r.says(r.consume(calls, 1), answer{entitlements.ReasonAllowed, 1, 0, 9})
			early := entitlements.Use{Feature: calls, Quantity: 2, At: started.AddDate(0, 0, -3)}
			r.refuses(r.do(r.op(entitlements.OpConsume, early)).Decision, entitlements.ReasonLimitReached)
		},
	},
	{
		"a_zero_period_end_neither_expires_nor_lasts",
		"A zero or past CurrentPeriodEnd takes nothing away, and periods roll all the same.",
		func(r *rig) {
			r.on(basic)
			for _, end := range []time.Time{{}, started.AddDate(0, 0, 2)} {
				r.entitle(func(e *entitlements.Entitlement) { e.CurrentPeriodEnd = end })
				r.allows(r.check(exports), entitlements.ReasonAllowed)
			}
			r.consume(calls, 10)
			r.now = started.AddDate(0, 7, 0)
			r.says(r.check(calls), answer{entitlements.ReasonAllowed, 0, 0, 10})
		},
	},
}}
