package kpipg

import (
	"context"

	"github.com/transbotai/tenon/kpi"
)

// keyedOneSQL and keylessOneSQL do for one event what addSQL does for many, in two thirds of its time: most of that is
// for taking arrays apart and putting the parts together again. They return a row when the event is new.
const keyedOneSQL = `
with claimed as (
  insert into tenon.event_keys (tenant_id, id, key)
  values ($1, $2, $8)
  on conflict do nothing
  returning id
), stored as (
  insert into tenon.events (tenant_id, id, user_id, event_name, properties, occurred_at, received_at)
  select $1, id, $3, $4::text, $5::jsonb, $6::timestamptz, $7::timestamptz
  from claimed
  on conflict do nothing
  returning id
)` + pendingOneSQL

const keylessOneSQL = `
with stored as (
  insert into tenon.events (tenant_id, id, user_id, event_name, properties, occurred_at, received_at)
  values ($1, $2, $3, $4::text, $5::jsonb, $6::timestamptz, $7::timestamptz)
  on conflict do nothing
  returning id
)` + pendingOneSQL

const pendingOneSQL = `
insert into tenon.kpi_pending (tenant_id, id, received_at, names, times, ids, folded)
select $1, id, $7, array[$4], array[$6], array[id], false
from stored
returning true`

// addOne is add for one event.
func addOne(ctx context.Context, db DB, entries []kpi.Entry, receipts []kpi.Receipt) error {
	e := &entries[0].Event
	sql, args := keylessOneSQL, []any{e.Tenant, e.ID, e.User, e.Name, string(e.JSON), e.At, e.ReceivedAt}
	if e.Key != "" {
		sql, args = keyedOneSQL, append(args, e.Key)
	}
	rows, err := db.Query(ctx, sql, args...)
	var added bool
	if err := each(rows, err, []any{&added}, func() error { return nil }); err != nil {
		return err
	}
	receipts[0] = kpi.Receipt{Outcome: kpi.Accepted, ID: e.ID}
	return findFirst(ctx, db, entries, receipts, map[string]bool{e.ID: !added})
}
