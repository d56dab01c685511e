package kpipg

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/kpi"
)

// retracted stands in event_keys.latest for no event.
const retracted = "00000000-0000-0000-0000-000000000000"

const lockKeySQL = `
select coalesce(latest, id)::text
from tenon.event_keys
where tenant_id = $1
  and key = $2
for update`

const moveKeySQL = `
update tenon.event_keys
set latest = $3
where tenant_id = $1
  and key = $2`

// removeSQL returns the event as it was.
const removeSQL = `
delete from tenon.events
where tenant_id = $1
  and id = $2
returning to_jsonb(events)`

// withdrawSQL takes an event off the list of what is to be folded. A row that a Run folds just now is waited for, and is
// gone then: the event is in the rollups.
const withdrawSQL = `
update tenon.kpi_pending p
set (names, times, ids) = (
  select coalesce(array_agg(u.name), '{}'), coalesce(array_agg(u.at), '{}'), coalesce(array_agg(u.id), '{}')
  from unnest(p.names, p.times, p.ids) as u(name, at, id)
  where u.id <> $2)
where p.tenant_id = $1
  and $2::uuid = any (p.ids)`

const goneSQL = `
insert into tenon.kpi_pending (tenant_id, id, received_at, names, times, ids, gone, folded)
values ($1, $2, $3, '{}', '{}', '{}', $4, $5)`

const replaceSQL = `
insert into tenon.events (tenant_id, id, user_id, event_name, properties, occurred_at, received_at)
values ($1, $2, $3, $4, $5::text::jsonb, $6, $7)`

const listSQL = `
update tenon.kpi_pending
set names = array[$3::text], times = array[$4::timestamptz], ids = array[$2::uuid]
where tenant_id = $1
  and id = $2::uuid`

// amend corrects or retracts. The key's row is its lock.
func amend(ctx context.Context, db DB, entry kpi.Entry) (kpi.Receipt, error) {
	e := &entry.Event
	var old string
	err := db.QueryRow(ctx, lockKeySQL, e.Tenant, e.Key).Scan(&old)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && old == retracted {
		return kpi.Receipt{Outcome: kpi.Unknown}, nil
	}
	if err != nil {
		return kpi.Receipt{}, err
	}
	if old == e.ID { // the same call, made again
		return kpi.Receipt{Outcome: kpi.Corrected, ID: old}, nil
	}
	found, err := takeAway(ctx, db, e, old)
	if err != nil || !found {
		return kpi.Receipt{Outcome: kpi.Unknown}, err
	}
	if entry.Kind == kpi.Retract {
		_, err := db.Exec(ctx, moveKeySQL, e.Tenant, e.Key, retracted)
		return kpi.Receipt{Outcome: kpi.Retracted, ID: old}, err
	}
	b := &pgx.Batch{}
	b.Queue(replaceSQL, e.Tenant, e.ID, e.User, e.Name, string(e.JSON), e.At, e.ReceivedAt)
	b.Queue(listSQL, e.Tenant, e.ID, e.Name, e.At)
	b.Queue(moveKeySQL, e.Tenant, e.Key, e.ID)
	return kpi.Receipt{Outcome: kpi.Corrected, ID: e.ID}, db.SendBatch(ctx, b).Close()
}

// takeAway removes the event old, and lists it as gone under the id of e. One whose partition was dropped is not found.
func takeAway(ctx context.Context, db DB, e *kpi.Event, old string) (found bool, err error) {
	var gone []byte
	err = db.QueryRow(ctx, removeSQL, e.Tenant, old).Scan(&gone)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	withdrawn, err := db.Exec(ctx, withdrawSQL, e.Tenant, old)
	if err != nil {
		return false, err
	}
	_, err = db.Exec(ctx, goneSQL, e.Tenant, e.ID, e.ReceivedAt, string(gone), withdrawn.RowsAffected() == 0)
	return true, err
}
