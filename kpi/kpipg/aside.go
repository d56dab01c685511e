package kpipg

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

const setAsideSQL = `
insert into tenon.event_quarantine (tenant_id, id, key, user_id, event_name, properties, occurred_at, received_at, reason)
select tenant_id, id, key, user_id, event_name, properties::jsonb, occurred_at, received_at, reason
from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
    $9::text[])
  as e(tenant_id, id, key, user_id, event_name, properties, occurred_at, received_at, reason)
on conflict do nothing`

func setAside(ctx context.Context, db DB, entries []kpi.Entry, receipts []kpi.Receipt) error {
	var c columns
	var reasons []string
	for i := range entries {
		e := &entries[i]
		c.add(&e.Event)
		reasons = append(reasons, e.Reason)
		receipts[i] = kpi.Receipt{Outcome: kpi.Quarantined, ID: e.Event.ID, Reason: e.Reason}
	}
	_, err := db.Exec(ctx, setAsideSQL, append(c.args(), reasons)...)
	return err
}

const asidesSQL = `
select tenant_id, id::text, key, user_id, event_name, properties, occurred_at, received_at, reason
from tenon.event_quarantine
where ($1 = '' or tenant_id = $1)
  and ($2 = '' or id > nullif($2, '')::uuid)
order by id
limit $3`

const releaseSQL = `
delete from tenon.event_quarantine
where tenant_id = $1
  and id = $2
returning tenant_id, id::text, key, user_id, event_name, properties, occurred_at, received_at, reason`

// Quarantined implements [kpi.Asides].
func (s *Store) Quarantined(ctx context.Context, q kpi.AsideQuery) ([]kpi.Aside, error) {
	rows, err := s.db.Query(ctx, asidesSQL, q.Tenant, q.After, q.Page())
	if err != nil {
		return nil, translate(err)
	}
	asides, err := pgx.CollectRows(rows, scanAside)
	return asides, translate(err)
}

// Release implements [kpi.Asides].
func (s *Store) Release(ctx context.Context, tenant, id string) (kpi.Aside, error) {
	rows, err := s.db.Query(ctx, releaseSQL, tenant, id)
	if err != nil {
		return kpi.Aside{}, translate(err)
	}
	aside, err := pgx.CollectExactlyOneRow(rows, scanAside)
	if errors.Is(err, pgx.ErrNoRows) {
		return kpi.Aside{}, kpi.ErrUnknownEvent
	}
	return aside, translate(err)
}

func scanAside(row pgx.CollectableRow) (a kpi.Aside, err error) {
	e := &a.Event
	var properties []byte
	err = row.Scan(&e.Tenant, &e.ID, &e.Key, &e.User, &e.Name, &properties, &e.At, &e.ReceivedAt, &a.Reason)
	e.At, e.ReceivedAt = tenon.Instant(e.At), tenon.Instant(e.ReceivedAt)
	if err == nil {
		err = e.Read(properties)
	}
	return a, err
}
