package entitlementspg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// hastySQL lets the commit of a lease be lost in a crash of the server: whoever comes after that takes it anew, and who
// had it cannot conclude. So a lease waits for no disk.
const hastySQL = `
select set_config('synchronous_commit', 'off', true)`

const leaseSQL = `
with event as materialized (
  select id, type, customer_id, state, attempts, error, received_at, next_at
  from tenon.billing_events
  where id = $4
), taken as (
  insert into tenon.billing_leases as l (customer_id, holder, held_until)
  select $1, nullif($2, '')::uuid, clock_timestamp() + $3::bigint * interval '1 microsecond'
  where $3::bigint > 0
    and not exists (select from event where state in ('done', 'kept'))
  on conflict (customer_id) do update
  set holder = excluded.holder, held_until = excluded.held_until
  where l.holder = excluded.holder
    or l.held_until <= clock_timestamp()
  returning customer_id
)
select exists (select from taken), coalesce(e.id, ''), coalesce(e.type, ''), coalesce(e.customer_id, ''),
  coalesce(e.state, ''), coalesce(e.attempts, 0), coalesce(e.error, ''), e.received_at, e.next_at
from (select) one
left join event e on true`

const customerColumns = `tenant_id, customer_id, linked_at, paid_at`

const customerSQL = `
select ` + customerColumns + `
from tenon.billing_customers
where customer_id = $1`

const customersEntitlementSQL = `
select ` + entitlementColumns + `
from tenon.org_entitlements
where tenant_id = (
  select c.tenant_id
  from tenon.billing_customers c
  where c.customer_id = $1)`

const customersAttachmentsSQL = `
select tenant_id, addon_id, addon_version, quantity, attached_at
from tenon.org_addons
where tenant_id = (
  select c.tenant_id
  from tenon.billing_customers c
  where c.customer_id = $1)
order by attached_at, addon_id`

// LeaseCustomer implements [entitlements.BillingStore], in one round trip.
func (s *Store) LeaseCustomer(ctx context.Context, r entitlements.LeaseRequest) (entitlements.Lease, error) {
	l := entitlements.Lease{Customer: r.Customer, Holder: r.Holder}
	b := &pgx.Batch{}
	if r.TTL > 0 && !s.bound {
		b.Queue(hastySQL)
	}
	b.Queue(leaseSQL, r.Customer, r.Holder, r.TTL.Microseconds(), r.Event).QueryRow(func(row pgx.Row) error {
		return row.Scan(append([]any{&l.Held}, eventTargets(&l.Event)...)...)
	})
	b.Queue(customerSQL, r.Customer).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanCustomer)
		if err == nil && len(found) > 0 {
			l.Link, l.Rights = found[0], &entitlements.Rights{Tenant: found[0].Tenant}
		}
		return err
	})
	b.Queue(customersEntitlementSQL, r.Customer).Query(intoLease(&l, rightsReader.entitlements))
	b.Queue(customersAttachmentsSQL, r.Customer).Query(intoLease(&l, rightsReader.attachments))
	return l, translate(s.db.SendBatch(ctx, b).Close())
}

// intoLease reads into the rights of a lease. Where the customer was linked between two statements, the rights stay
// unread, as the link is.
func intoLease(l *entitlements.Lease, read func(rightsReader, pgx.Rows) error) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		if l.Rights == nil {
			rows.Close()
			return rows.Err()
		}
		return read(rightsReader{l.Link.Tenant: l.Rights}, rows)
	}
}

func eventTargets(e *entitlements.BillingEvent) []any {
	return []any{&e.ID, &e.Type, &e.Customer, &e.State, &e.Attempts, &e.Error, at(&e.ReceivedAt), at(&e.NextAt)}
}

func scanCustomer(row pgx.CollectableRow) (c entitlements.BillingCustomer, err error) {
	return c, row.Scan(&c.Tenant, &c.Customer, at(&c.LinkedAt), at(&c.PaidAt))
}

// concludeSQL writes the event and gives the lease back where that is still the holder's. It says whether it is, and
// whether the event was written: one that was concluded before is not.
const concludeSQL = `
with held as materialized (
  select customer_id
  from tenon.billing_leases
  where customer_id = $1
    and holder = nullif($2, '')::uuid
    and held_until > clock_timestamp()
  for update
), released as (
  update tenon.billing_leases
  set held_until = '-infinity'
  where customer_id in (select customer_id from held)
), event as (
  insert into tenon.billing_events as e (id, type, customer_id, state, attempts, error, received_at, next_at)
  select $3, $4, $5, $6, $7, $8, $9, $10
  where $3 <> ''
    and ($1 = '' or exists (select from held))
  on conflict (id) do update
  set state = excluded.state, attempts = excluded.attempts, error = excluded.error, next_at = excluded.next_at
  where e.state in ('failed', 'dead')
  returning id
)
select $1 = '' or exists (select from held), $3 = '' or exists (select from event)`

const paidSQL = `
update tenon.billing_customers
set paid_at = $2
where tenant_id = $1
  and paid_at is null`

// Conclude implements [entitlements.BillingStore]. Without an edit it is one statement.
func (s *Store) Conclude(ctx context.Context, c entitlements.Conclusion) (r *entitlements.Rights, err error) {
	if c.Edit == nil && !c.Paid && len(c.Notices) == 0 {
		_, err := conclude(ctx, s.db, c)
		return nil, translate(err)
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		r = nil
		before, err := s.lockFor(ctx, tx, c)
		if err != nil {
			return err
		}
		written, err := conclude(ctx, tx, c)
		if err != nil || !written {
			return err
		}
		if err := s.tell(ctx, tx, c.Notices); err != nil {
			return err
		}
		if c.Paid {
			if _, err := tx.Exec(ctx, paidSQL, c.Tenant, c.Now); err != nil {
				return err
			}
		}
		if c.Edit != nil {
			r, err = s.change(ctx, tx, before, c.Now, c.Edit)
		}
		return err
	})
	return r, err
}

// lockFor locks the rights that are to be edited: they come before the lease in the order of locks.
func (s *Store) lockFor(ctx context.Context, tx pgx.Tx, c entitlements.Conclusion) (*entitlements.Rights, error) {
	if c.Edit == nil {
		return nil, nil
	}
	return lockRights(ctx, tx, c.Tenant)
}

// querier reads one row.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func conclude(ctx context.Context, db querier, c entitlements.Conclusion) (written bool, err error) {
	var held bool
	e := c.Event
	err = db.QueryRow(ctx, concludeSQL, c.Customer, c.Holder, e.ID, e.Type, e.Customer, string(e.State), e.Attempts, e.Error,
		null(e.ReceivedAt), null(e.NextAt)).Scan(&held, &written)
	if err == nil && !held {
		err = entitlements.ErrLeaseLost
	}
	return written, err
}

// tell hands notices to the host's notifier in tx.
func (s *Store) tell(ctx context.Context, tx pgx.Tx, notices []tenon.Notification) error {
	if s.options.Notifier == nil || len(notices) == 0 {
		return nil
	}
	notifier := s.options.Notifier(tx)
	for _, n := range notices {
		if err := notifier.Notify(ctx, n); err != nil {
			return hosts{err}
		}
	}
	return nil
}

const linkSQL = `
insert into tenon.billing_customers (tenant_id, customer_id, linked_at)
values ($1, $2, $3)
on conflict do nothing`

const linkedSQL = `
select ` + customerColumns + `
from tenon.billing_customers
where tenant_id = $1`

// LinkCustomer implements [entitlements.BillingStore]. A second statement reads: it sees what another has just linked.
func (s *Store) LinkCustomer(ctx context.Context, c entitlements.BillingCustomer) (there entitlements.BillingCustomer, err error) {
	b := &pgx.Batch{}
	b.Queue(linkSQL, c.Tenant, c.Customer, c.LinkedAt)
	b.Queue(linkedSQL, c.Tenant).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanCustomer)
		if err == nil && len(found) == 0 {
			return entitlements.ErrCustomerTaken
		}
		if err == nil {
			there = found[0]
		}
		return err
	})
	return there, translate(s.db.SendBatch(ctx, b).Close())
}

const customersSQL = `
select ` + customerColumns + `
from tenon.billing_customers
where ($1 = '' or tenant_id = $1)
  and ($2 = '' or customer_id = $2)
  and tenant_id collate "C" > $3
order by tenant_id collate "C"
limit $4`

// Customers implements [entitlements.BillingStore].
func (s *Store) Customers(ctx context.Context, q entitlements.CustomerQuery) ([]entitlements.BillingCustomer, error) {
	rows, err := s.db.Query(ctx, customersSQL, q.Tenant, q.Customer, q.After, entitlements.PageSize(q.Limit))
	found, err := collect(rows, err, scanCustomer)
	return found, translate(err)
}

const eventsSQL = `
select id, type, customer_id, state, attempts, error, received_at, next_at
from tenon.billing_events
where ($1 = '' or id = $1)
  and ($2 = '' or state = $2)
  and ($3::timestamptz is null or next_at is null or next_at <= $3)
  and id collate "C" > $4
order by id collate "C"
limit $5`

// BillingEvents implements [entitlements.BillingStore].
func (s *Store) BillingEvents(ctx context.Context, q entitlements.EventQuery) ([]entitlements.BillingEvent, error) {
	rows, err := s.db.Query(ctx, eventsSQL, q.ID, string(q.State), null(q.DueBy), q.After, entitlements.PageSize(q.Limit))
	found, err := collect(rows, err, func(row pgx.CollectableRow) (e entitlements.BillingEvent, err error) {
		return e, row.Scan(eventTargets(&e)...)
	})
	return found, translate(err)
}

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
