package auditpg

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/audit"
)

// redactPage is how many entries are redacted in one transaction.
const redactPage = 500

// A hold is placed under the lock for itself alone, and whatever it would stop goes on under the shared one.
const (
	shareHoldsSQL = `
select pg_advisory_xact_lock_shared(hashtextextended('tenon.audit_holds', 0))`

	lockHoldsSQL = `
select pg_advisory_xact_lock(hashtextextended('tenon.audit_holds', 0))`
)

const heldSQL = `
select exists (
  select
  from tenon.audit_holds
  where released_at is null
    and (all_tenants or tenant_id = $1)
    and (from_ts is null or $3::timestamptz is null or from_ts < $3)
    and (to_ts is null or $2::timestamptz is null or to_ts > $2))`

const redactSQL = `
update tenon.audit_log
set ts = $3, actor = $4, on_behalf_of = $5, action = $6, target = $7, target_id = $8, outcome = $9, payload = $10,
  ip_address = $11, user_agent = $12, request_id = $13, trace_id = $14, seed = $15, more_targets = $16, key = $17,
  salts = $18, redacted = $19, redacted_by = $20
where tenant_id = $1
  and id = $2`

const forgetKeySQL = `
delete from tenon.audit_keys
where tenant_id = $1
  and key = $2`

// Redact implements [audit.Store].
func (s *Store) Redact(
	ctx context.Context, q audit.Query, f func(page []audit.Entry) (changed, records []audit.Entry, err error),
) error {
	q.OldestFirst, q.Limit = true, redactPage
	for {
		var page []audit.Entry
		err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
			page, err = redactOne(ctx, tx, q, f)
			return err
		})
		if err != nil || len(page) < redactPage {
			return err
		}
		q.After = page[len(page)-1].ID
	}
}

// redactOne redacts a page and returns it as it was.
func redactOne(
	ctx context.Context, tx pgx.Tx, q audit.Query, f func(page []audit.Entry) (changed, records []audit.Entry, err error),
) ([]audit.Entry, error) {
	if err := notHeld(ctx, tx, q); err != nil {
		return nil, err
	}
	sql, args, err := listSQL(q)
	if err != nil {
		return nil, err
	}
	page, err := collect(ctx, tx, sql+"\nfor no key update", args...)
	if err != nil || len(page) == 0 {
		return nil, err
	}
	changed, records, err := f(page)
	if err != nil {
		return nil, err
	}
	rows, _, err := rowsOf(records)
	if err == nil {
		_, err = appendAll(ctx, tx, records, rows)
	}
	if err != nil {
		return nil, err
	}
	return page, replace(ctx, tx, page, changed)
}

func notHeld(ctx context.Context, tx pgx.Tx, q audit.Query) error {
	if _, err := tx.Exec(ctx, shareHoldsSQL); err != nil {
		return err
	}
	var held bool
	if err := tx.QueryRow(ctx, heldSQL, q.Tenant, nullTime(q.From), nullTime(q.To)).Scan(&held); err != nil {
		return err
	}
	if held {
		return audit.ErrHeld
	}
	return nil
}

// replace stores entries in place of those that were.
func replace(ctx context.Context, tx pgx.Tx, were, changed []audit.Entry) error {
	keys := map[audit.Ref]string{}
	for i := range were {
		keys[audit.Ref{Tenant: were[i].Tenant, ID: were[i].ID}] = were[i].Key
	}
	b := &pgx.Batch{}
	for i := range changed {
		e := &changed[i]
		row, err := values(e)
		if err != nil {
			return err
		}
		b.Queue(redactSQL, row...).Exec(exactlyOne(e))
		if key := keys[audit.Ref{Tenant: e.Tenant, ID: e.ID}]; key != e.Key {
			b.Queue(forgetKeySQL, e.Tenant, key)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, b).Close()
}
