package gdprpg

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/pgerr"
)

const listSQL = `
select ` + requestColumns + `
from tenon.gdpr_requests q
where ($1 = '' or q.tenant_id = $1)
  and (not $2 or not q.closed)
  and ($3 = '' or q.id < nullif($3, '')::uuid)
order by q.id desc
limit $4`

// List implements [gdpr.Store].
func (s *Store) List(ctx context.Context, q gdpr.Query) ([]gdpr.Request, error) {
	rows, err := s.db.Query(ctx, listSQL, q.Tenant, q.Open, q.Before, q.Size())
	if err != nil {
		return nil, translate(err)
	}
	found, err := pgx.CollectRows(rows, scanRequest)
	if pgerr.Data(err) {
		return nil, tenon.Invalid("before", "is not the id of a request")
	}
	return found, translate(err)
}

const claimSQL = `
with due as (
  select tenant_id, id
  from tenon.gdpr_requests
  where next_at <= $1
    and (lease_until is null or lease_until <= $1)
  order by next_at, id
  limit $4
  for no key update skip locked)
update tenon.gdpr_requests q
set lease = $2,
  lease_until = $3
from due
where q.tenant_id = due.tenant_id
  and q.id = due.id
returning ` + requestColumns

// Claim implements [gdpr.Store].
func (s *Store) Claim(ctx context.Context, c gdpr.Claim) ([]gdpr.Request, error) {
	rows, err := s.db.Query(ctx, claimSQL, c.Now, c.Lease, c.Until, c.Limit)
	if err != nil {
		return nil, translate(err)
	}
	claimed, err := pgx.CollectRows(rows, scanRequest)
	slices.SortFunc(claimed, func(a, b gdpr.Request) int { // returning has no order
		return cmp.Or(a.NextAt.Compare(b.NextAt), cmp.Compare(a.ID, b.ID))
	})
	return claimed, translate(err)
}
