package kpipg

import (
	"context"
	"slices"
	"strings"

	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/kpi"
)

// Nearly all events are new. Inserting many without "on conflict" takes little more than half of the time, and fails as
// a whole when one was there, which a caller's transaction would not survive.

// newOfOneSQL stores new events of one tenant.
const newOfOneSQL = `
with claimed as (
  insert into tenon.event_keys (tenant_id, key, id)
  select tenant_id, key, id
  from unnest($1::text[], $3::text[], $2::uuid[]) as k(tenant_id, key, id)
  where key <> ''
), pending as (
  insert into tenon.kpi_pending (tenant_id, id, received_at, names, times, ids, folded)
  values (($1::text[])[1], ($2::uuid[])[1], (select max(r) from unnest($8::timestamptz[]) r), $5::text[], $7::timestamptz[],
    $2::uuid[], false)
)
insert into tenon.events (tenant_id, id, user_id, event_name, properties, occurred_at, received_at)
select tenant_id, id, user_id, event_name, properties::jsonb, occurred_at, received_at
from unnest($1::text[], $2::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])
  as e(tenant_id, id, user_id, event_name, properties, occurred_at, received_at)`

// newSQL stores new events of several tenants.
const newSQL = `
with claimed as (
  insert into tenon.event_keys (tenant_id, key, id)
  select tenant_id, key, id
  from unnest($1::text[], $3::text[], $2::uuid[]) as k(tenant_id, key, id)
  where key <> ''
), pending as (
  insert into tenon.kpi_pending (tenant_id, id, received_at, names, times, ids, folded)
  select tenant_id, (array_agg(id))[1], max(received_at), array_agg(event_name), array_agg(occurred_at), array_agg(id), false
  from unnest($1::text[], $2::uuid[], $5::text[], $7::timestamptz[], $8::timestamptz[])
    as p(tenant_id, id, event_name, occurred_at, received_at)
  group by tenant_id
)
insert into tenon.events (tenant_id, id, user_id, event_name, properties, occurred_at, received_at)
select tenant_id, id, user_id, event_name, properties::jsonb, occurred_at, received_at
from unnest($1::text[], $2::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])
  as e(tenant_id, id, user_id, event_name, properties, occurred_at, received_at)`

// trackNew stores entries that turn out to be new events with different keys. It returns nil when they are anything else,
// and has then written nothing. Keys are claimed in their order, so that two calls with the same keys wait for each
// other and not crosswise.
func (s *Store) trackNew(ctx context.Context, entries []kpi.Entry) ([]kpi.Receipt, error) {
	if s.bound || len(entries) == 1 || entries[0].Kind != kpi.Add || !plain(entries) {
		return nil, nil
	}
	sorted := make([]*kpi.Event, len(entries))
	receipts := make([]kpi.Receipt, len(entries))
	for i := range entries {
		sorted[i] = &entries[i].Event
		receipts[i] = kpi.Receipt{Outcome: kpi.Accepted, ID: entries[i].Event.ID}
	}
	slices.SortStableFunc(sorted, compareKeys)
	var c columns
	for i, e := range sorted {
		if e.Key != "" && i > 0 && compareKeys(e, sorted[i-1]) == 0 {
			return nil, nil
		}
		c.add(e)
	}
	sql := newSQL
	if c.tenants[0] == c.tenants[len(c.tenants)-1] {
		sql = newOfOneSQL
	}
	err := s.again(ctx, func() error {
		_, err := s.db.Exec(ctx, sql, c.args()...)
		return err
	})
	if pgerr.Is(err, pgerr.UniqueViolation) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s.stats.tracked.Add(int64(len(entries)))
	return receipts, nil
}

func compareKeys(a, b *kpi.Event) int {
	if c := strings.Compare(a.Tenant, b.Tenant); c != 0 {
		return c
	}
	return strings.Compare(a.Key, b.Key)
}
