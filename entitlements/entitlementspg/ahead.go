package entitlementspg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/entitlements"
)

const (
	// aheadBy is how long before the end of a period the next one's counters are made.
	aheadBy = time.Hour
	// aheadEvery is how often Run looks for periods that end, since that may read many counters.
	aheadEvery = 10 * time.Minute
	// aheadInRound bounds the work of one round, so that what else is due is not held up.
	aheadInRound = 2000
)

// rollingSQL finds the accounts in use whose counter decides alone until its period ends, soon, and has no successor.
// Those with grants or open holds are left out: what they may do then depends on what happens until then.
const rollingSQL = `
select c.tenant_id, c.feature_key, c.period_end
from tenon.usage_counters c
where c.period_end > $1
  and c.period_end <= $2
  and c.sealed_until = c.period_end
  and c.used > 0
  and not exists (
    select
    from tenon.usage_counters n
    where n.tenant_id = c.tenant_id
      and n.feature_key = c.feature_key
      and n.period = c.period
      and n.period_start = c.period_end)
  and not exists (
    select
    from tenon.grants g
    where g.tenant_id = c.tenant_id
      and g.feature_key = c.feature_key)
  and not exists (
    select
    from tenon.holds h
    where h.tenant_id = c.tenant_id
      and h.feature_key = c.feature_key
      and h.state = 'open')
order by c.period_end, c.tenant_id, c.feature_key
limit $3`

// rolling is an account whose period ends.
type rolling struct {
	account
	at time.Time
}

// rollAhead makes and seals the counters of periods that begin soon, so that many accounts whose periods begin at the
// same instant need no turn each at the exact path then. No decision depends on it. An account that fails holds up no
// other.
func (s *Store) rollAhead(ctx context.Context, now time.Time) error {
	if last := s.stats.lastAhead.Load(); last != nil && now.Sub(*last) < aheadEvery {
		return nil
	}
	rows, err := s.db.Query(ctx, rollingSQL, now, now.Add(aheadBy), aheadInRound)
	found, err := collect(rows, err, func(row pgx.CollectableRow) (e rolling, err error) {
		return e, row.Scan(&e.tenant, &e.feature, at(&e.at))
	})
	if err != nil {
		return err
	}
	var failed []error
	for _, e := range found {
		if ctx.Err() != nil {
			break
		}
		failed = append(failed, s.rollOne(ctx, e))
	}
	if len(found) < aheadInRound {
		s.stats.lastAhead.Store(&now)
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// rollOne asks, by a use of nothing at the instant at which the next period begins, unless the account has got grants
// or holds meanwhile.
func (s *Store) rollOne(ctx context.Context, e rolling) error {
	ask := entitlements.Op{
		Kind: entitlements.OpConsume, Use: entitlements.Use{Tenant: e.tenant, Feature: e.feature}, Now: e.at, At: e.at,
	}
	return s.whenFree(ctx, e.tenant, func(tx pgx.Tx) error {
		l := &ledger{store: s, tx: tx, account: e.account, jobs: []job{{op: ask, outcome: &entitlements.Outcome{}}}}
		if err := l.read(ctx); err != nil {
			return err
		}
		if len(l.Grants) > 0 || len(l.Holds) > 0 {
			return nil
		}
		l.Settle(ask)
		s.stats.rolled.Add(1)
		return l.write(ctx)
	})
}
