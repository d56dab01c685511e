package entitlementspg

import "time"

// pruneBilling is what Run removes beside: events, lines of usage and reminders as old as keys, and leases of yesterday.
func pruneBilling(before, now time.Time) map[string]time.Time {
	return map[string]time.Time{
		pruneEventsSQL: before, pruneUsageSQL: before, pruneRemindersSQL: before, pruneLeasesSQL: now.Add(-24 * time.Hour),
	}
}

const pruneEventsSQL = `
delete from tenon.billing_events
where ctid = any (array(
  select ctid
  from tenon.billing_events
  where received_at < $1
    and state <> 'failed'
  limit $2
  for update skip locked))`

const pruneUsageSQL = `
delete from tenon.billing_usage
where ctid = any (array(
  select u.ctid
  from tenon.billing_usage u
  where u.window_start < $1
    and u.settled_at < $1
    and not exists (
      select
      from tenon.billing_usage p
      where p.tenant_id = u.tenant_id
        and p.meter = u.meter
        and p.window_start = u.window_start
        and p.state = 'pending')
  limit $2
  for update of u skip locked))`

const pruneRemindersSQL = `
delete from tenon.trial_reminders
where ctid = any (array(
  select ctid
  from tenon.trial_reminders
  where trial_ends_at < $1
  limit $2
  for update skip locked))`

const pruneLeasesSQL = `
delete from tenon.billing_leases
where ctid = any (array(
  select ctid
  from tenon.billing_leases
  where held_until < $1
  limit $2
  for update skip locked))`
