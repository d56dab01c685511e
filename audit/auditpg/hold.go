package auditpg

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/internal/pgerr"
)

// nullTime returns nil for the zero time.
func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func fromNull(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// exactlyOne refuses a statement that found its row gone.
func exactlyOne(e *audit.Entry) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != 1 {
			return fmt.Errorf("%w: record %s has gone", audit.ErrUnknownRecord, e.ID)
		}
		return nil
	}
}

const putHoldSQL = `
insert into tenon.audit_holds (tenant_id, id, all_tenants, from_ts, to_ts, reason, placed_by, placed_at, released_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (tenant_id, id) do update
set all_tenants = excluded.all_tenants, from_ts = excluded.from_ts, to_ts = excluded.to_ts, reason = excluded.reason,
  placed_by = excluded.placed_by, placed_at = excluded.placed_at, released_at = excluded.released_at`

// PutHold implements [audit.Retainer].
func (s *Store) PutHold(ctx context.Context, h audit.Hold, told audit.Entry) error {
	id, err := parseID(h.ID)
	if err != nil {
		return err
	}
	rows, _, err := rowsOf([]audit.Entry{told})
	if err != nil {
		return err
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockHoldsSQL); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, putHoldSQL, h.Tenant, uuid(id), h.AllTenants, nullTime(h.From), nullTime(h.To), h.Reason, h.By, h.At,
			nullTime(h.Released))
		if err != nil {
			return err
		}
		_, err = appendAll(ctx, tx, []audit.Entry{told}, rows)
		return err
	})
}

const holdsSQL = `
select tenant_id, id, all_tenants, from_ts, to_ts, reason, placed_by, placed_at
from tenon.audit_holds
where released_at is null
order by placed_at, id`

// Holds implements [audit.Retainer].
func (s *Store) Holds(ctx context.Context) ([]audit.Hold, error) {
	rows, err := s.db.Query(ctx, holdsSQL)
	if err != nil {
		return nil, translate(err)
	}
	holds, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (h audit.Hold, err error) {
		var id [16]byte
		var from, to *time.Time
		err = r.Scan(&h.Tenant, &id, &h.AllTenants, &from, &to, &h.Reason, &h.By, &h.At)
		h.ID, h.From, h.To, h.At = formatID(id), fromNull(from), fromNull(to), h.At.UTC()
		return h, err
	})
	return holds, translate(err)
}

// partitionsSQL returns the months that there are, oldest first.
const partitionsSQL = `
select c.relname::text, to_date(right(c.relname, 7), 'YYYY"m"MM')::timestamp at time zone 'UTC'
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'tenon.audit_log'::regclass
order by 2`

const dropSQL = `
select tenon.audit_drop_partition($1, $2, $3, $4)`

// Drop implements [audit.Retainer].
func (s *Store) Drop(
	ctx context.Context, before time.Time, anchored int64, told func(audit.Dropped) (audit.Entry, error),
) ([]audit.Dropped, error) {
	months, err := s.months(ctx)
	if err != nil {
		return nil, translate(err)
	}
	var dropped []audit.Dropped
	for _, d := range months {
		if d.To.After(before) {
			break
		}
		d.Checked = anchored
		ok, err := s.dropOne(ctx, &d, told)
		if pgerr.Is(err, pgerr.LockNotAvailable) {
			return dropped, nil // somebody reads; the next time is as good
		}
		if err != nil || !ok {
			return dropped, err
		}
		dropped = append(dropped, d)
	}
	return dropped, nil
}

// months returns the months that there are, oldest first.
func (s *Store) months(ctx context.Context) ([]audit.Dropped, error) {
	rows, err := s.db.Query(ctx, partitionsSQL)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (d audit.Dropped, err error) {
		err = r.Scan(&d.Name, &d.From)
		d.From = d.From.UTC()
		d.To = d.From.AddDate(0, 1, 0)
		return d, err
	})
}

// dropOne drops a month, when it may be dropped, and appends the record that tells of it.
func (s *Store) dropOne(ctx context.Context, d *audit.Dropped, told func(audit.Dropped) (audit.Entry, error)) (ok bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, shareHoldsSQL); err != nil {
			return err
		}
		var n *int64
		if err := tx.QueryRow(ctx, dropSQL, d.Name, d.From, d.To, d.Checked).Scan(&n); err != nil {
			return err
		}
		if ok = n != nil; !ok {
			return nil
		}
		d.Records = *n
		record, err := told(*d)
		if err != nil {
			return pgerr.Hosts(err)
		}
		d.RecordID = record.ID
		rows, _, err := rowsOf([]audit.Entry{record})
		if err != nil {
			return err
		}
		_, err = appendAll(ctx, tx, []audit.Entry{record}, rows)
		return err
	})
	return ok, err
}
