package kpipg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/kpi"
)

// addSQL stores events whose key is new, and those without one that are new themselves, and puts what it stored on the
// list of what is to be folded. It returns the ids of the others. Keys are claimed in their order,
// so that two calls with the same keys wait for each other and not crosswise. "in (…) is true" is always hashed.
const addSQL = `
with given as materialized (
  select *
  from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])
    as e(tenant_id, id, key, user_id, event_name, properties, occurred_at, received_at)
), claimed as (
  insert into tenon.event_keys (tenant_id, key, id)
  select tenant_id, key, id
  from given
  where key <> ''
  order by tenant_id collate ucs_basic, key collate ucs_basic
  on conflict do nothing
  returning id
), stored as (
  insert into tenon.events (tenant_id, id, user_id, event_name, properties, occurred_at, received_at)
  select tenant_id, id, user_id, event_name, properties::jsonb, occurred_at, received_at
  from given
  where key = ''
    or (id in (select id from claimed)) is true
  on conflict do nothing
  returning tenant_id, id, event_name, occurred_at, received_at
), pending as (
  insert into tenon.kpi_pending (tenant_id, id, received_at, names, times, ids, folded)
  select tenant_id, min(id::text)::uuid, max(received_at), array_agg(event_name), array_agg(occurred_at), array_agg(id),
    false
  from stored
  group by tenant_id
)
select id::text
from given
where (id in (select id from stored)) is not true`

const firstSQL = `
select g.n, k.id::text
from unnest($1::text[], $2::text[]) with ordinality as g(tenant_id, key, n)
join tenon.event_keys k on k.tenant_id = g.tenant_id and k.key = g.key`

// Track implements [kpi.Store]. A call of new events alone is one statement; an event that is added is found in
// kpi_pending until a Run folds it.
func (s *Store) Track(ctx context.Context, entries []kpi.Entry) (receipts []kpi.Receipt, err error) {
	if len(entries) == 0 {
		return nil, nil
	}
	if receipts, err := s.trackNew(ctx, entries); receipts != nil || err != nil {
		return receipts, err
	}
	err = s.inTxOr(ctx, plain(entries), func(db DB) error {
		receipts = make([]kpi.Receipt, len(entries))
		for from := 0; from < len(entries); {
			to := run(entries, from)
			if err := carryOut(ctx, db, entries[from:to], receipts[from:to]); err != nil {
				return err
			}
			from = to
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.stats.tracked.Add(int64(len(entries)))
	return receipts, nil
}

// plain says whether one statement writes all that is to be written.
func plain(entries []kpi.Entry) bool {
	kind := entries[0].Kind
	return (kind == kpi.Add || kind == kpi.SetAside) && run(entries, 0) == len(entries)
}

// inTxOr runs f in a transaction, or on the handle as it is when one statement alone writes.
func (s *Store) inTxOr(ctx context.Context, alone bool, f func(db DB) error) error {
	if alone && !s.bound {
		return s.again(ctx, func() error { return f(s.db) })
	}
	return s.inTx(ctx, func(tx pgx.Tx) error { return f(tx) })
}

// run returns where the entries end that go together with the one at from.
func run(entries []kpi.Entry, from int) int {
	to := from + 1
	kind := entries[from].Kind
	if kind != kpi.Add && kind != kpi.SetAside {
		return to
	}
	for to < len(entries) && entries[to].Kind == kind {
		to++
	}
	return to
}

func carryOut(ctx context.Context, db DB, entries []kpi.Entry, receipts []kpi.Receipt) (err error) {
	switch entries[0].Kind {
	case kpi.Add:
		return add(ctx, db, entries, receipts)
	case kpi.SetAside:
		return setAside(ctx, db, entries, receipts)
	default:
		receipts[0], err = amend(ctx, db, entries[0])
		return err
	}
}

// columns are events as arrays, a column each.
type columns struct {
	tenants, ids, keys, users, names, properties []string
	at, received                                 []time.Time
}

func (c *columns) add(e *kpi.Event) {
	c.tenants, c.ids, c.keys = append(c.tenants, e.Tenant), append(c.ids, e.ID), append(c.keys, e.Key)
	c.users, c.names, c.properties = append(c.users, e.User), append(c.names, e.Name), append(c.properties, string(e.JSON))
	c.at, c.received = append(c.at, e.At), append(c.received, e.ReceivedAt)
}

func (c *columns) args() []any {
	return []any{c.tenants, c.ids, c.keys, c.users, c.names, c.properties, c.at, c.received}
}

// identity is what makes an event the same as another: its key, or its id where it has none.
func identity(e *kpi.Event) kpi.Ref {
	if e.Key == "" {
		return kpi.Ref{Tenant: e.Tenant, Key: "\x00" + e.ID}
	}
	return kpi.Ref{Tenant: e.Tenant, Key: e.Key}
}

// add stores events. Of the same event in one call the first is sent.
func add(ctx context.Context, db DB, entries []kpi.Entry, receipts []kpi.Receipt) error {
	if len(entries) == 1 {
		return addOne(ctx, db, entries, receipts)
	}
	var c columns
	sent := map[kpi.Ref]bool{}
	for i := range entries {
		e := &entries[i].Event
		receipts[i] = kpi.Receipt{Outcome: kpi.Accepted, ID: e.ID}
		if sent[identity(e)] {
			receipts[i].Outcome = kpi.Duplicate
			continue
		}
		sent[identity(e)] = true
		c.add(e)
	}
	rows, err := db.Query(ctx, addSQL, c.args()...)
	refused := map[string]bool{}
	var id string
	err = each(rows, err, []any{&id}, func() error {
		refused[id] = true
		return nil
	})
	if err != nil {
		return err
	}
	return findFirst(ctx, db, entries, receipts, refused)
}

// findFirst gives duplicates the id of the event that has their key.
func findFirst(ctx context.Context, db DB, entries []kpi.Entry, receipts []kpi.Receipt, refused map[string]bool) error {
	var tenants, keys []string
	var of []int
	for i, r := range receipts {
		e := &entries[i].Event
		if r.Outcome == kpi.Duplicate || refused[e.ID] {
			receipts[i] = kpi.Receipt{Outcome: kpi.Duplicate, ID: e.ID}
			if e.Key == "" {
				continue
			}
			tenants, keys, of = append(tenants, e.Tenant), append(keys, e.Key), append(of, i)
		}
	}
	if len(of) == 0 {
		return nil
	}
	rows, err := db.Query(ctx, firstSQL, tenants, keys)
	var n int
	var id string
	return each(rows, err, []any{&n, &id}, func() error {
		receipts[of[n-1]].ID = id
		return nil
	})
}
