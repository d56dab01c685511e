package entitlementspg

import (
	"context"
	"time"

	"github.com/transbotai/tenon/internal/pgtx"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/pgerr"
)

// leaseSQL takes the leases that are free and wanted. It waits for nobody: a lease that somebody is just giving back is
// not held yet. Nor does it wait for a disk: the table is unlogged.
const leaseSQL = `
with asked as (
  select *
  from unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) with ordinality as a(customer_id, holder, ttl, event_id, n)
), event as materialized (
  select e.*
  from tenon.billing_events e
  where e.id = any ($4::text[])
), wanted as (
  select a.customer_id, a.holder::uuid as holder, clock_timestamp() + a.ttl * interval '1 microsecond' as held_until
  from asked a
  where a.ttl > 0
    and not exists (select from event e where e.id = a.event_id and e.state in ('done', 'kept'))
), free as materialized (
  select l.customer_id
  from tenon.billing_leases l
  join wanted w on w.customer_id = l.customer_id
  where l.holder = w.holder
    or l.held_until <= clock_timestamp()
  order by l.customer_id
  for update of l skip locked
), renewed as (
  update tenon.billing_leases l
  set holder = w.holder, held_until = w.held_until
  from wanted w
  where w.customer_id = l.customer_id
    and l.customer_id in (select customer_id from free)
  returning l.customer_id
), made as (
  insert into tenon.billing_leases (customer_id, holder, held_until)
  select w.customer_id, w.holder, w.held_until
  from wanted w
  where not exists (select from tenon.billing_leases l where l.customer_id = w.customer_id)
  order by w.customer_id
  on conflict do nothing
  returning customer_id
)
select a.customer_id in (select customer_id from renewed union all select customer_id from made),
  coalesce(e.id, ''), coalesce(e.type, ''), coalesce(e.customer_id, ''),
  coalesce(e.state, ''), coalesce(e.attempts, 0), coalesce(e.error, ''), e.received_at, e.next_at
from asked a
left join event e on e.id = a.event_id
order by a.n`

const customerColumns = `tenant_id, customer_id, linked_at, paid_at`

// leasedSQL reads whose customer it is and what that tenant has. It is a statement of its own: leaseSQL may have waited,
// and would read what was there before.
const leasedSQL = `
select c.tenant_id, c.customer_id, c.linked_at, c.paid_at,
  coalesce(e.plan_id, ''), coalesce(e.plan_version, 0), coalesce(e.status, ''), e.started_at, e.trial_ends_at,
  coalesce(e.trial_used, false), e.anchor, e.current_period_start, e.current_period_end, e.grace_until, e.access_until,
  e.next_at, coalesce(e.next_plan_id, ''), coalesce(e.next_plan_version, 0), coalesce(e.stripe_customer_id, ''),
  coalesce(e.stripe_subscription_id, ''), coalesce(e.revision, 0), a.ids, a.versions, a.quantities, a.attached
from tenon.billing_customers c
left join tenon.org_entitlements e on e.tenant_id = c.tenant_id
cross join lateral (
  select array_agg(o.addon_id order by o.attached_at, o.addon_id) as ids,
    array_agg(o.addon_version order by o.attached_at, o.addon_id) as versions,
    array_agg(o.quantity order by o.attached_at, o.addon_id) as quantities,
    array_agg(o.attached_at order by o.attached_at, o.addon_id) as attached
  from tenon.org_addons o
  where o.tenant_id = c.tenant_id) a
where c.customer_id = any ($1::text[])`

// LeaseCustomer implements [entitlements.BillingStore]. Calls of a process that come at once are one round trip.
func (s *Store) LeaseCustomer(ctx context.Context, r entitlements.LeaseRequest) (entitlements.Lease, error) {
	if s.bound {
		leases, err := s.leaseAll(ctx, []entitlements.LeaseRequest{r})
		return leases[0], translate(err)
	}
	return s.leases.do(ctx, r)
}

func leaseKeys(r entitlements.LeaseRequest) []string { return []string{r.Customer} }

// leaseAll takes leases of different customers.
func (s *Store) leaseAll(ctx context.Context, requests []entitlements.LeaseRequest) ([]entitlements.Lease, error) {
	n := len(requests)
	leases := make([]entitlements.Lease, n)
	customers, holders, events, ttls := make([]string, n), make([]*string, n), make([]string, n), make([]int64, n)
	byCustomer := make(map[string]*entitlements.Lease, n)
	for i, r := range requests {
		leases[i] = entitlements.Lease{Customer: r.Customer, Holder: r.Holder}
		byCustomer[r.Customer] = &leases[i]
		customers[i], events[i], ttls[i] = r.Customer, r.Event, r.TTL.Microseconds()
		if r.Holder != "" {
			holders[i] = &r.Holder
		}
	}
	b := &pgx.Batch{}
	if !s.bound {
		b.Queue(plannedOnceSQL)
	}
	b.Queue(leaseSQL, customers, holders, ttls, events).Query(func(rows pgx.Rows) error {
		for i := 0; rows.Next(); i++ {
			if err := rows.Scan(append([]any{&leases[i].Held}, eventTargets(&leases[i].Event)...)...); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	b.Queue(leasedSQL, customers).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := scanLeased(rows, byCustomer); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return leases, s.db.SendBatch(ctx, b).Close()
}

// scanLeased scans a row of leasedSQL into the customer's lease.
func scanLeased(row pgx.Rows, leases map[string]*entitlements.Lease) error {
	var link entitlements.BillingCustomer
	var e entitlementRow
	var ids []string
	var versions []int
	var quantities []int64
	var attached []time.Time
	targets := []any{&link.Tenant, &link.Customer, at(&link.LinkedAt), at(&link.PaidAt)}
	targets = append(targets, e.targets()[1:]...)
	if err := row.Scan(append(targets, &ids, &versions, &quantities, &attached)...); err != nil {
		return err
	}
	l := leases[link.Customer]
	l.Link, l.Rights = link, &entitlements.Rights{Tenant: link.Tenant, Revision: e.revision}
	if e.entitlement.Plan != "" {
		e.put(l.Rights)
	}
	for i, id := range ids {
		a := entitlements.Attachment{AddOn: id, Version: versions[i], Quantity: quantities[i], AttachedAt: tenon.Instant(attached[i])}
		l.Rights.AddOns = append(l.Rights.AddOns, a)
	}
	return nil
}

func eventTargets(e *entitlements.BillingEvent) []any {
	return []any{&e.ID, &e.Type, &e.Customer, &e.State, &e.Attempts, &e.Error, at(&e.ReceivedAt), at(&e.NextAt)}
}

func scanCustomer(row pgx.CollectableRow) (c entitlements.BillingCustomer, err error) {
	return c, row.Scan(&c.Tenant, &c.Customer, at(&c.LinkedAt), at(&c.PaidAt))
}

// concludeSQL writes events and gives leases back where they are still their holders'. It says of each whether it is,
// and whether its event was written: one that was concluded before is not.
const concludeSQL = `
with asked as (
  select *
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::text[],
      $9::timestamptz[], $10::timestamptz[])
    with ordinality as a(leased, holder, id, type, customer_id, state, attempts, error, received_at, next_at, n)
), held as materialized (
  select l.customer_id
  from tenon.billing_leases l
  join asked a on a.leased = l.customer_id
  where l.holder = a.holder::uuid
    and l.held_until > clock_timestamp()
  order by l.customer_id
  for update of l
), released as (
  update tenon.billing_leases
  set held_until = '-infinity'
  where customer_id in (select customer_id from held)
), event as (
  insert into tenon.billing_events as e (id, type, customer_id, state, attempts, error, received_at, next_at)
  select a.id, a.type, a.customer_id, a.state, a.attempts, a.error, a.received_at, a.next_at
  from asked a
  where a.id <> ''
    and (a.leased = '' or a.leased in (select customer_id from held))
  order by a.id
  on conflict (id) do update
  set state = excluded.state, attempts = excluded.attempts, error = excluded.error, next_at = excluded.next_at
  where e.state in ('failed', 'dead')
  returning id
)
select a.leased = '' or a.leased in (select customer_id from held), a.id = '' or a.id in (select id from event)
from asked a
order by a.n`

const paidSQL = `
update tenon.billing_customers
set paid_at = $2
where tenant_id = $1
  and paid_at is null`

// Conclude implements [entitlements.BillingStore]. Calls of a process that change no rights and come at once are one
// statement.
func (s *Store) Conclude(ctx context.Context, c entitlements.Conclusion) (r *entitlements.Rights, err error) {
	if c.Edit == nil && !c.Paid && len(c.Notices) == 0 && !s.bound {
		done, err := s.conclusions.do(ctx, c)
		if err == nil && !done.held {
			err = entitlements.ErrLeaseLost
		}
		return nil, err
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

// concluded is what came of a conclusion.
type concluded struct{ held, written bool }

// querier reads rows.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func conclude(ctx context.Context, db querier, c entitlements.Conclusion) (written bool, err error) {
	done, err := concludeAll(ctx, db, []entitlements.Conclusion{c})
	if err != nil {
		return false, err
	}
	if !done[0].held {
		return false, entitlements.ErrLeaseLost
	}
	return done[0].written, nil
}

// concludeKeys keeps customers and events apart, which have names of different kinds.
func concludeKeys(c entitlements.Conclusion) (keys []string) {
	if c.Customer != "" {
		keys = append(keys, "customer "+c.Customer)
	}
	if c.Event.ID != "" {
		keys = append(keys, "event "+c.Event.ID)
	}
	return keys
}

// concludeTogether concludes work on different customers and events, in a transaction of its own.
func (s *Store) concludeTogether(ctx context.Context, all []entitlements.Conclusion) (done []concluded, err error) {
	b := &pgx.Batch{}
	b.Queue(plannedOnceSQL)
	b.Queue(concludeSQL, concludeArgs(all)...).Query(func(rows pgx.Rows) error {
		done, err = pgx.CollectRows(rows, scanConcluded)
		return err
	})
	return done, s.db.SendBatch(ctx, b).Close()
}

// concludeAll does so in the transaction of db.
func concludeAll(ctx context.Context, db querier, all []entitlements.Conclusion) ([]concluded, error) {
	rows, err := db.Query(ctx, concludeSQL, concludeArgs(all)...)
	return collect(rows, err, scanConcluded)
}

func scanConcluded(row pgx.CollectableRow) (c concluded, err error) {
	return c, row.Scan(&c.held, &c.written)
}

func concludeArgs(all []entitlements.Conclusion) []any {
	n := len(all)
	leased, ids, kinds, customers, states, texts := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	holders, attempts := make([]*string, n), make([]int, n)
	received, next := make([]*time.Time, n), make([]*time.Time, n)
	for i, c := range all {
		e := c.Event
		leased[i], ids[i], kinds[i], customers[i], states[i], texts[i] = c.Customer, e.ID, e.Type, e.Customer, string(e.State), e.Error
		attempts[i], received[i], next[i] = e.Attempts, null(e.ReceivedAt), null(e.NextAt)
		if c.Holder != "" {
			holders[i] = &c.Holder
		}
	}
	return []any{leased, holders, ids, kinds, customers, states, attempts, texts, received, next}
}

// tell hands notices to the host's notifier in tx.
func (s *Store) tell(ctx context.Context, tx pgx.Tx, notices []tenon.Notification) error {
	return pgerr.Hosts(pgtx.Tell(ctx, tx, nil, s.options.Notifier, nil, notices))
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
