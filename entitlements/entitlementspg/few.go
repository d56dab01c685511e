package entitlementspg

import (
	"fmt"

	"github.com/jackc/pgx/v5"
)

// eachSQL does for one use what settleSQL does for many, in two thirds of its time: most of that is for taking arrays
// apart and putting the parts together again.
const eachSQL = `
with locked as materialized (
  select period, period_start, period_end, used, held, granted, ceiling, source, plan_id, plan_version, hard_limit,
    soft_limit, overage_limit, spare
  from tenon.usage_counters
  where tenant_id = $1
    and feature_key = $2
    and sealed_until > $3
    and period_start <= $4
    and period_end > $4
  for no key update %s
), claimed as (
  insert into tenon.usage_keys (tenant_id, key, id, digest)
  select $1, $5::text, $6::uuid, $7::bigint
  from locked
  where $8::bigint <= ceiling - used - held
  on conflict do nothing
  returning id
), events as (
  insert into tenon.usage_events (tenant_id, id, feature_key, qty, occurred_at, metadata)
  select $1, id, $2, $8, $4, $9::jsonb
  from claimed
), counted as (
  update tenon.usage_counters
  set used = used + $8
  where tenant_id = $1
    and feature_key = $2
    and sealed_until > $3
    and period_start <= $4
    and period_end > $4
    and exists (select from claimed)
)
select period, period_start, period_end, used, held, granted, ceiling, source, plan_id, plan_version, hard_limit,
  soft_limit, overage_limit, spare, exists (select from claimed)
from locked`

var eachBy = map[locking]string{
	waiting:  fmt.Sprintf(eachSQL, waiting),
	skipping: fmt.Sprintf(eachSQL, skipping),
}

// fewUses is how many uses cost more by settleSQL than each by eachSQL.
const fewUses = 2

// few says whether to send the uses each by itself. Then a key is claimed before the next counter is locked, so only the
// last use may have a key that somebody else could be claiming, who has that counter: others' keys are their own ids.
func (u *uses) few() bool {
	n := len(u.ids)
	if n > fewUses || n != len(u.tenants) {
		return false
	}
	for i := range n - 1 {
		if u.keys[i] != u.ids[i] {
			return false
		}
	}
	return true
}

// each returns a statement for each use, in the order of their accounts. They are one transaction: the caller's, or that of
// the batch.
func (u *uses) each(mode locking, found []row, known map[string]bool) []statement {
	var statements []statement
	for i, id := range u.ids {
		args := []any{
			u.tenants[i], u.features[i], u.last, u.at[i], u.keys[i], id, u.digests[i], u.qty[i], u.metadata[i],
		}
		statements = append(statements, statement{eachBy[mode], args, func(rows pgx.Rows) error {
			for rows.Next() {
				var claimed bool
				if err := found[i].scan(rows, &claimed); err != nil {
					return err
				}
				known[id] = !claimed
			}
			return rows.Err()
		}})
	}
	return statements
}
