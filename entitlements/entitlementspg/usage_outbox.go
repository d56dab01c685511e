package entitlementspg

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/pgerr"
)

// windowLockSQL stands in for the lines that a window does not have yet.
const windowLockSQL = `
select pg_advisory_xact_lock(hashtextextended(format('tenon.billing_usage/%s/%s/%s', $1::text, $2::text, $3::bigint), 0))`

const lineColumns = `tenant_id, meter, window_start, revision, qty, cancels, counts_at, state, attempts, error, created_at,
  next_at, settled_at`

const windowSQL = `
select ` + lineColumns + `
from tenon.billing_usage
where tenant_id = $1
  and meter = $2
  and window_start = $3
order by revision`

const putLineSQL = `
insert into tenon.billing_usage (` + lineColumns + `)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`

// PlanUsage implements [entitlements.UsageOutbox].
func (s *Store) PlanUsage(ctx context.Context, w entitlements.UsageWindow, plan func([]entitlements.UsageLine) ([]entitlements.UsageLine, error)) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, windowLockSQL, w.Tenant, w.Meter, w.Start.UnixMicro()); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, windowSQL, w.Tenant, w.Meter, w.Start)
		told, err := collect(rows, err, scanLine)
		if err != nil {
			return err
		}
		lines, err := plan(told)
		if err != nil {
			return pgerr.Hosts(err)
		}
		return putLines(ctx, tx, lines, len(told))
	})
}

// putLines writes the lines that follow those told.
func putLines(ctx context.Context, tx pgx.Tx, lines []entitlements.UsageLine, told int) error {
	b := &pgx.Batch{}
	for _, l := range lines {
		if l.Revision > told {
			b.Queue(putLineSQL, l.Tenant, l.Meter, l.Start, l.Revision, l.Quantity, l.Cancels, l.At, string(l.State), l.Attempts,
				l.Error, l.CreatedAt, l.NextAt, null(l.SettledAt))
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, b).Close()
}

func scanLine(row pgx.CollectableRow) (l entitlements.UsageLine, err error) {
	return l, row.Scan(&l.Tenant, &l.Meter, at(&l.Start), &l.Revision, &l.Quantity, &l.Cancels, at(&l.At), &l.State, &l.Attempts,
		&l.Error, at(&l.CreatedAt), at(&l.NextAt), at(&l.SettledAt))
}

// takeUsageSQL takes the first pending line of each window: a line that takes another back must not overtake it.
const takeUsageSQL = `
with due as (
  select u.tenant_id, u.meter, u.window_start, u.revision
  from tenon.billing_usage u
  where u.state = 'pending'
    and u.next_at <= $1
    and not exists (
      select
      from tenon.billing_usage p
      where p.tenant_id = u.tenant_id
        and p.meter = u.meter
        and p.window_start = u.window_start
        and p.revision < u.revision
        and p.state = 'pending')
  order by u.next_at
  limit $3
  for no key update of u skip locked
)
update tenon.billing_usage u
set next_at = $2
from due d
where u.tenant_id = d.tenant_id
  and u.meter = d.meter
  and u.window_start = d.window_start
  and u.revision = d.revision
returning u.tenant_id, u.meter, u.window_start, u.revision, u.qty, u.cancels, u.counts_at, u.state, u.attempts, u.error,
  u.created_at, u.next_at, u.settled_at`

// TakeUsage implements [entitlements.UsageOutbox].
func (s *Store) TakeUsage(ctx context.Context, now, until time.Time, limit int) ([]entitlements.UsageLine, error) {
	rows, err := s.db.Query(ctx, takeUsageSQL, now, until, limit)
	taken, err := collect(rows, err, scanLine)
	slices.SortFunc(taken, func(a, b entitlements.UsageLine) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Meter, b.Meter), a.Start.Compare(b.Start))
	})
	return taken, translate(err)
}

const settleUsageSQL = `
update tenon.billing_usage
set state = $5, attempts = $6, error = $7, next_at = $8, settled_at = $9
where tenant_id = $1
  and meter = $2
  and window_start = $3
  and revision = $4
  and state = 'pending'`

// SettleUsage implements [entitlements.UsageOutbox].
func (s *Store) SettleUsage(ctx context.Context, l entitlements.UsageLine, notices []tenon.Notification) error {
	args := []any{
		l.Tenant, l.Meter, l.Start, l.Revision, string(l.State), l.Attempts, l.Error, l.NextAt, null(l.SettledAt),
	}
	if len(notices) == 0 {
		_, err := s.db.Exec(ctx, settleUsageSQL, args...)
		return translate(err)
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, settleUsageSQL, args...)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return s.tell(ctx, tx, notices)
	})
}

const linesSQL = `
select ` + lineColumns + `
from tenon.billing_usage
where ($1 = '' or tenant_id = $1)
  and ($2 = '' or state = $2)
  and ($3::timestamptz is null or created_at < $3)
order by tenant_id collate "C", meter collate "C", window_start, revision
limit $4`

// UsageLines implements [entitlements.UsageOutbox].
func (s *Store) UsageLines(ctx context.Context, q entitlements.UsageLineQuery) ([]entitlements.UsageLine, error) {
	rows, err := s.db.Query(ctx, linesSQL, q.Tenant, string(q.State), null(q.Before), entitlements.PageSize(q.Limit))
	found, err := collect(rows, err, scanLine)
	return found, translate(err)
}
