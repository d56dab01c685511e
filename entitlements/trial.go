package entitlements

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// TrialReminder is what a store may do beside: remind of trials that are about to end.
type TrialReminder interface {
	// RemindOfTrials tells the store's notifier of every tenant whose trial ends within one of leads, once for each
	// trial and lead, in the transaction that remembers it. A trial that enters several leads at once is told of by the
	// shortest alone. It returns how many were told.
	RemindOfTrials(ctx context.Context, now time.Time, leads []time.Duration) (int, error)
}

// ReminderDue returns the shortest of leads within which e's trial ends after now; false when there is none.
func (e Entitlement) ReminderDue(now time.Time, leads []time.Duration) (time.Duration, bool) {
	left := e.TrialEndsAt.Sub(now)
	if e.At(now).Status != Trialing || left <= 0 {
		return 0, false
	}
	for _, lead := range slices.Sorted(slices.Values(leads)) {
		if left <= lead {
			return lead, true
		}
	}
	return 0, false
}

// Reminder returns the Notification that e's trial ends within lead. Its Key names the tenant, the end and the lead.
func (e Entitlement) Reminder(tenant string, lead time.Duration, now time.Time) tenon.Notification {
	n := tenon.Notification{
		Key:  fmt.Sprintf("entitlements/trial/%s/%d/%s", tenant, e.TrialEndsAt.Unix(), lead),
		Kind: "entitlements.trial_ending", Tenant: tenant, Severity: tenon.SeverityInfo, At: now,
		Title: "The trial of the plan " + e.Plan + " ends on " + e.TrialEndsAt.Format("2 January 2006, 15:04 UTC"),
		Data:  map[string]string{"plan": e.Plan, "trial_ends_at": e.TrialEndsAt.Format(time.RFC3339)},
	}
	if e.Next != nil {
		n.Data["then"] = e.Next.Plan
		n.Text = "The plan " + e.Next.Plan + " follows."
	}
	return n
}

// PageSize returns how many things a query with this limit gives: 100 for 0, at most 1,000.
func PageSize(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, 1000)
}
