package sloprom

import (
	"time"

	"github.com/transbotai/tenon"
)

// Watch is an alert on tenon's own health.
type Watch struct {
	Name     string // of the alert: "TenonOutboxBacklog"
	Expr     string // in PromQL
	For      time.Duration
	Severity tenon.Severity
	Summary  string
	Remedy   string
}

// Watches returns the alerts on tenon that every operator wants. They look at Stats under these names of [NewStats]:
// "notify" (notify.Outbox), "audit" (audit.Log), "entitlements_store" (entitlementspg.Store), "entitlements_gate"
// (entitlements.Gate), "flags" (flags.Set), "kpi_store" (kpipg.Store), "kpi_batcher" (kpi.Batcher), "gdpr" (gdpr.Desk),
// "timers" (support.Timers), "billing" (entitlementsstripe.Biller). What a host does not export never fires.
func Watches() []Watch {
	return []Watch{
		{
			"TenonOutboxBacklog", "max(tenon_notify_oldest_age_seconds) > 300", 5 * time.Minute, tenon.SeverityCritical,
			"Notifications have waited for more than 5 minutes",
			"Is the outbox running, and does the receiver answer? tenon_notify_last_error is 1 when deliveries fail.",
		},
		{
			"TenonOutboxStranded", "max(tenon_notify_stranded) > 0", 5 * time.Minute, tenon.SeverityCritical,
			"Notifications wait for a destination that nobody delivers to",
			"A destination was renamed or left out: give the outbox that runs a notifier of the old name.",
		},
		{
			"TenonDeadLetters", "max(tenon_notify_dead_letters) > 0", 0, tenon.SeverityWarning,
			"Notifications were given up",
			"List them with Outbox.List, mend the receiver, and Replay them.",
		},
		{
			"TenonSealingLag", "max(tenon_audit_lag_seconds) > 300", 5 * time.Minute, tenon.SeverityCritical,
			"Audit records have waited for more than 5 minutes to be sealed",
			"Does Log.Run run with the worker role? A transaction that stays open holds it up: Stats.Head names it.",
		},
		{
			"TenonPartitionMissing",
			"max(tenon_entitlements_store_missing) > 0 or max(tenon_kpi_store_missing) > 0", 10 * time.Minute, tenon.SeverityCritical,
			"A month's partition is missing; inserts into it will fail",
			"Let Store.Run run with the worker role, or call migrations.Apply as the owner. Partitions are made three months ahead.",
		},
		{
			"TenonFlagsStale", "time() - min(tenon_flags_last_answer_timestamp_seconds) > 60", 5 * time.Minute, tenon.SeverityWarning,
			"Flags are more than a minute old",
			"Can the process reach Postgres? Flags answer from what they knew last.",
		},
		{
			"TenonSpoolNotEmpty",
			"max(tenon_entitlements_gate_spooled) > 0 or max(tenon_kpi_batcher_spool) > 0 or max(tenon_audit_on_disk) > 0",
			15 * time.Minute, tenon.SeverityWarning,
			"What was accepted while the store was away is still not there",
			"Is Run of that package running on the machine that holds the spool?",
		},
		{
			"TenonTimersLate", "max(tenon_timers_oldest_due_seconds) > 60", 5 * time.Minute, tenon.SeverityCritical,
			"Timers are more than a minute late: escalations and warnings with them",
			"Is Timers.Run running, and does a process know the kind? tenon_timers_last_error is 1 when the store fails.",
		},
		{
			"TenonTimersDead", "max(tenon_timers_dead) > 0", 0, tenon.SeverityWarning,
			"Timers were given up",
			"List them with Timers.Dead, mend the handler, and Revive them.",
		},
		{
			"TenonRequestsOverdue", "max(tenon_gdpr_overdue) > 0", 0, tenon.SeverityCritical,
			"Requests of data subjects are overdue",
			"List them with Desk.Requests; a step that fails says why. Extend where the law allows it.",
		},
		{
			"TenonUsageNotBilled", "max(min_over_time(tenon_billing_pending[1h])) > 0 or max(tenon_billing_dead_usage) > 0", 0, tenon.SeverityWarning,
			"Usage has waited for an hour to be billed, or was given up",
			"Does Stripe answer, and is the biller's Run running? Lines are sent again and count once.",
		},
	}
}
