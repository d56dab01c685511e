package entitlementspg

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/pgtx"
)

// dueAtOnce is how many tenants or accounts with due work are read at a time.
const dueAtOnce = 100

const dueSQL = `
select tenant_id
from tenon.org_entitlements
where next_at <= $1
  and tenant_id > $2
order by tenant_id
limit $3`

// carryOut writes planned changes that are due into the tenants' rows. Decisions follow them by themselves; this is
// for those who read the table. A tenant that fails holds up no other.
func (s *Store) carryOut(ctx context.Context, now time.Time) error {
	var failed []error
	for last := ""; ctx.Err() == nil; {
		rows, err := s.db.Query(ctx, dueSQL, now, last, dueAtOnce)
		tenants, err := collect(rows, err, pgx.RowTo[string])
		if err != nil || len(tenants) == 0 {
			return errors.Join(append(failed, err)...)
		}
		for _, t := range tenants {
			failed = append(failed, s.carryOutOne(ctx, t, now))
		}
		last = tenants[len(tenants)-1]
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// carryOutOne carries out what is due, unless another Run just does it or did it.
func (s *Store) carryOutOne(ctx context.Context, tenant string, now time.Time) error {
	return s.whenFree(ctx, tenant, func(tx pgx.Tx) error {
		before, err := lockRights(ctx, tx, tenant)
		if err != nil {
			return err
		}
		if e := before.Entitlement; e == nil || e.Next == nil || now.Before(e.Next.At) {
			return nil
		}
		_, err = s.change(ctx, tx, before, now, func(r *entitlements.Rights, _ *entitlements.Versions) ([]tenon.Change, error) {
			return carriedOut(before, r, now)
		})
		return err
	})
}

// carriedOut edits nothing: what is due is carried out before every edit. It tells what that changed.
func carriedOut(before, after *entitlements.Rights, now time.Time) ([]tenon.Change, error) {
	was, err := json.Marshal(before.Entitlement)
	if err != nil {
		return nil, err
	}
	is, err := json.Marshal(after.Entitlement)
	return []tenon.Change{{
		Tenant: after.Tenant, Action: "entitlements.plan_changed", Target: "entitlement/" + after.Tenant,
		Before: was, After: is, Reason: "planned", At: now,
	}}, err
}

const expiredSQL = `
select distinct tenant_id, feature_key
from tenon.holds
where state = 'open'
  and expires_at <= $1
  and (tenant_id, feature_key) > ($2, $3)
order by tenant_id, feature_key
limit $4`

// expire gives back holds whose time is over, for those who read the tables. An account that fails holds up no other.
func (s *Store) expire(ctx context.Context, now time.Time) error {
	var failed []error
	for last := (account{}); ctx.Err() == nil; {
		rows, err := s.db.Query(ctx, expiredSQL, now, last.tenant, last.feature, dueAtOnce)
		accounts, err := collect(rows, err, func(row pgx.CollectableRow) (a account, err error) {
			return a, row.Scan(&a.tenant, &a.feature)
		})
		if err != nil || len(accounts) == 0 {
			return errors.Join(append(failed, err)...)
		}
		for _, a := range accounts {
			failed = append(failed, s.expireOne(ctx, a, now))
		}
		last = accounts[len(accounts)-1]
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// expireOne asks by a use of nothing, before which what has expired is given back.
func (s *Store) expireOne(ctx context.Context, a account, now time.Time) error {
	ask := entitlements.Op{Kind: entitlements.OpConsume, Use: entitlements.Use{Tenant: a.tenant, Feature: a.feature}, Now: now, At: now}
	return s.whenFree(ctx, a.tenant, func(tx pgx.Tx) error {
		return s.settleExact(ctx, tx, a, []job{{op: ask, outcome: &entitlements.Outcome{}}})
	})
}

// freeSQL locks the tenant's rights unless somebody else has them locked. A tenant without any is free.
const freeSQL = `
with locked as materialized (
  select tenant_id
  from tenon.org_entitlements
  where tenant_id = $1
  for no key update skip locked
)
select exists (select from locked)
  or not exists (
    select
    from tenon.org_entitlements
    where tenant_id = $1)`

// whenFree runs f in a transaction that has the tenant's rights locked. When somebody else has them or a counter, it
// leaves the work to the next round, so that one tenant holds up no other.
func (s *Store) whenFree(ctx context.Context, tenant string, f func(tx pgx.Tx) error) error {
	err := pgtx.Once(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, patienceSQL); err != nil {
			return err
		}
		var free bool
		if err := tx.QueryRow(ctx, freeSQL, tenant).Scan(&free); err != nil || !free {
			return err
		}
		return f(tx)
	})
	if retryable(err) {
		return nil
	}
	return translate(err)
}
