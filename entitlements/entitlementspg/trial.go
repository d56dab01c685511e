package entitlementspg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// endingSQL reads trials that end within a lead that they were not told of. The lead is the shortest that holds.
const endingSQL = `
select e.tenant_id, d.lead
from tenon.org_entitlements e
cross join lateral (
  select min(l.lead) as lead
  from unnest($2::interval[]) as l(lead)
  where e.trial_ends_at <= $1::timestamptz + l.lead) d
where e.status = 'trialing'
  and e.trial_ends_at > $1
  and d.lead is not null
  and e.tenant_id > $3
  and not exists (
    select
    from tenon.trial_reminders r
    where r.tenant_id = e.tenant_id
      and r.trial_ends_at = e.trial_ends_at
      and r.lead = d.lead)
order by e.tenant_id
limit $4`

const remindedSQL = `
insert into tenon.trial_reminders (tenant_id, trial_ends_at, lead, told_at)
values ($1, $2, $3, $4)
on conflict do nothing`

// RemindOfTrials implements [entitlements.TrialReminder]. Run calls it.
func (s *Store) RemindOfTrials(ctx context.Context, now time.Time, leads []time.Duration) (told int, err error) {
	var failed []error
	for last := ""; ctx.Err() == nil; {
		rows, err := s.db.Query(ctx, endingSQL, now, leads, last, dueAtOnce)
		tenants, err := collect(rows, err, func(row pgx.CollectableRow) (t ending, err error) { return t, row.Scan(&t.tenant, &t.lead) })
		if err != nil || len(tenants) == 0 {
			return told, translate(errors.Join(append(failed, err)...))
		}
		for _, t := range tenants {
			n, err := s.remind(ctx, t, now)
			told += n
			failed = append(failed, err)
		}
		last = tenants[len(tenants)-1].tenant
	}
	return told, errors.Join(append(failed, ctx.Err())...)
}

// ending is a trial to tell of.
type ending struct {
	tenant string
	lead   time.Duration
}

// remind tells of one, unless it has changed or another Run tells of it.
func (s *Store) remind(ctx context.Context, t ending, now time.Time) (told int, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		told = 0
		r, err := readRights(ctx, tx, t.tenant)
		if err != nil || r.Entitlement == nil {
			return err
		}
		if lead, due := r.Entitlement.ReminderDue(now, []time.Duration{t.lead}); !due || lead != t.lead {
			return nil
		}
		tag, err := tx.Exec(ctx, remindedSQL, t.tenant, r.Entitlement.TrialEndsAt, t.lead, now)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		told = 1
		return s.tell(ctx, tx, []tenon.Notification{r.Entitlement.Reminder(t.tenant, t.lead, now)})
	})
	return told, err
}
