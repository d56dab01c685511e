package entitlementspg

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/entitlements"
)

// unsealed is what sealed_until holds of a counter that does not decide alone.
var unsealed = time.Unix(0, 0).UTC()

// exact settles an account's jobs in order: under the tenant's lock it reads everything that decides, lets
// [entitlements.Account] decide, and writes what that changed. Jobs that have an outcome are left alone.
func (s *Store) exact(ctx context.Context, a account, jobs []job) error {
	if len(jobs) == 0 {
		return nil
	}
	return s.inTx(ctx, func(tx pgx.Tx) error { return s.settleIn(ctx, tx, a, jobs) })
}

// settleIn settles jobs in a transaction, again when a key was taken meanwhile.
func (s *Store) settleIn(ctx context.Context, tx pgx.Tx, a account, jobs []job) error {
	s.stats.exacts.Add(1)
	for attempt := 1; ; attempt++ {
		err := s.settleExact(ctx, tx, a, jobs)
		if !errors.Is(err, errKeyTaken) || attempt == 10 {
			return err
		}
	}
}

// errKeyTaken says that another transaction took a key after it was looked up. Nothing was written yet.
var errKeyTaken = errors.New("a key was taken meanwhile")

func (s *Store) settleExact(ctx context.Context, tx pgx.Tx, a account, jobs []job) error {
	l := &ledger{store: s, tx: tx, account: a, jobs: jobs}
	if err := l.read(ctx); err != nil {
		return err
	}
	for _, j := range jobs {
		*j.outcome = l.Settle(j.op)
	}
	return l.write(ctx)
}

// ledger is an account between the tables and the rules.
type ledger struct {
	entitlements.Account
	store   *Store
	tx      pgx.Tx
	account account
	jobs    []job
	now     time.Time // the latest of the jobs

	rights    *entitlements.Rights
	wereHolds map[string]entitlements.HoldState // as they were read
	wereGrant map[string]entitlements.Grant
	wereDrawn map[string]bool // ids of originals that had draws
	claimed   []string        // keys that are written
}

// read locks the tenant, reads what decides, and locks the counters, in the order that all packages keep: rights,
// counters, then what hangs on them.
func (l *ledger) read(ctx context.Context) error {
	rights := newRightsReader([]string{l.account.tenant})
	b := &pgx.Batch{}
	b.Queue(lockEntitlementSQL, l.account.tenant).Query(rights.entitlements)
	b.Queue(overridesSQL, []string{l.account.tenant}).Query(rights.overrides)
	b.Queue(attachmentsSQL, []string{l.account.tenant}).Query(rights.attachments)
	l.queueGrantsIn(b, rights)
	l.queueHolds(b)
	l.queueKeys(b)
	if err := l.tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	l.rights = rights[l.account.tenant]
	l.date()
	if err := l.terms(ctx); err != nil {
		return err
	}
	return l.readCounters(ctx)
}

// date moves jobs that come before the subscription, and finds the latest.
func (l *ledger) date() {
	for i := range l.jobs {
		op := &l.jobs[i].op
		*op = op.NotBefore(l.rights)
		if op.Now.After(l.now) {
			l.now = op.Now
		}
	}
}

// usableGrantsSQL leaves out the grants that have ended: nothing is drawn from them, and nothing is held. One that is
// used up still gives the feature while it lives. A correction gives back to those that have ended as well.
const usableGrantsSQL = `
select ` + grantColumns + `
from tenon.grants
where tenant_id = $1
  and feature_key = $2
  and (held > 0
    or voided_at is null and (expires_at is null or expires_at > $3)
    or $4)
order by id`

func (l *ledger) queueGrantsIn(b *pgx.Batch, rights rightsReader) {
	corrects := slices.ContainsFunc(l.jobs, func(j job) bool { return j.op.Kind == entitlements.OpCorrect })
	earliest := l.jobs[0].op.Now
	for _, j := range l.jobs {
		if j.op.Now.Before(earliest) {
			earliest = j.op.Now
		}
	}
	b.Queue(usableGrantsSQL, l.account.tenant, l.account.feature, earliest, corrects).Query(rights.grants)
}

// terms resolves the account's terms by a catalogue that knows the tenant's plan and the feature.
func (l *ledger) terms(ctx context.Context) error {
	v, err := l.store.cached(ctx, l.tx)
	if err != nil {
		return err
	}
	if _, known := v.Features[l.account.feature]; !known || !v.Covers(l.rights) {
		if v, err = l.store.reload(ctx, l.tx); err != nil {
			return err
		}
	}
	l.Tenant, l.Terms = l.account.tenant, v.Terms(l.rights, l.account.feature, l.now)
	l.wereGrant = map[string]entitlements.Grant{}
	for i := range l.rights.Grants {
		if g := &l.rights.Grants[i]; g.Feature == l.account.feature {
			l.Grants = append(l.Grants, g)
			l.wereGrant[g.ID] = *g
		}
	}
	return nil
}

const holdColumns = `h.id::text, h.tenant_id, h.feature_key, h.qty, h.created_at, h.expires_at, h.state, h.included, h.actual,
  h.ungated, coalesce(h.extra_id::text, ''), d.grants, d.qtys`

const holdsFrom = `
select ` + holdColumns + `
from tenon.holds h
left join lateral (
  select array_agg(grant_id::text order by grant_id) as grants, array_agg(qty order by grant_id) as qtys
  from tenon.grant_draws d
  where d.tenant_id = h.tenant_id
    and d.source_id = h.id) d on h.state = 'open'`

// The three ways to a hold, each by its own index.
const (
	openHoldsSQL = holdsFrom + `
where h.tenant_id = $1
  and h.feature_key = $2
  and h.state = 'open'
order by h.created_at, h.id`

	namedHoldsSQL = holdsFrom + `
where h.tenant_id = $1
  and h.feature_key = $2
  and h.id = any ($3::text[]::uuid[])
  and h.state <> 'open'`

	keyedHoldsSQL = `
select ` + holdColumns + `
from unnest($3::text[]) as u(key)
join tenon.usage_keys k on k.tenant_id = $1 and k.key = u.key
join tenon.holds h on h.tenant_id = k.tenant_id and h.id = k.id and h.feature_key = $2 and h.state <> 'open'
left join lateral (select null::text[] as grants, null::bigint[] as qtys) d on true`
)

// queueHolds reads the open holds of the account, and the closed ones that operations name by id or by key.
func (l *ledger) queueHolds(b *pgx.Batch) {
	var ids, keys []string
	for _, j := range l.jobs {
		if j.op.Hold != "" {
			ids = append(ids, j.op.Hold)
		}
		if j.op.Kind == entitlements.OpReserve || j.op.Kind == entitlements.OpCorrect {
			keys = append(keys, j.op.Use.Key)
		}
	}
	l.wereHolds = map[string]entitlements.HoldState{}
	b.Queue(openHoldsSQL, l.account.tenant, l.account.feature).Query(l.readHolds)
	if ids != nil {
		b.Queue(namedHoldsSQL, l.account.tenant, l.account.feature, ids).Query(l.readHolds)
	}
	if keys != nil {
		b.Queue(keyedHoldsSQL, l.account.tenant, l.account.feature, keys).Query(l.readHolds)
	}
}

func (l *ledger) readHolds(rows pgx.Rows) error {
	holds, err := pgx.CollectRows(rows, scanHold)
	for _, h := range holds {
		if _, twice := l.wereHolds[h.ID]; twice {
			continue
		}
		l.Holds = append(l.Holds, &h)
		l.wereHolds[h.ID] = h.State
	}
	return err
}

func scanHold(row pgx.CollectableRow) (h entitlements.StoredHold, err error) {
	var state string
	var grants []string
	var quantities []int64
	err = row.Scan(&h.ID, &h.Tenant, &h.Feature, &h.Quantity, at(&h.CreatedAt), at(&h.ExpiresAt), &state, &h.Included,
		&h.Actual, &h.Ungated, &h.Extra, &grants, &quantities)
	h.State, h.Draws = entitlements.HoldState(state), draws(grants, quantities)
	return h, err
}

func draws(grants []string, quantities []int64) (ds []entitlements.Draw) {
	for i, g := range grants {
		ds = append(ds, entitlements.Draw{Grant: g, Quantity: quantities[i]})
	}
	return ds
}

func (l *ledger) keys() []string {
	keys := []string{}
	for _, j := range l.jobs {
		if j.op.Use.Key != "" {
			keys = append(keys, j.op.Use.Key)
		}
	}
	return keys
}

const keysSQL = `
select key, id::text, digest, corrected
from tenon.usage_keys
where tenant_id = $1
  and key = any ($2::text[])`

// originalsSQL reads what corrections take back: the key's event, and the event beyond the key's hold.
const originalsSQL = `
select k.key, e.id::text, e.feature_key, e.qty, e.occurred_at, d.grants, d.qtys
from tenon.usage_keys k
left join tenon.holds h on h.tenant_id = k.tenant_id and h.id = k.id
join tenon.usage_events e on e.tenant_id = k.tenant_id and e.id in (k.id, h.extra_id)
left join lateral (
  select array_agg(grant_id::text order by grant_id) as grants, array_agg(qty order by grant_id) as qtys
  from tenon.grant_draws d
  where d.tenant_id = e.tenant_id
    and d.source_id = e.id) d on true
where k.tenant_id = $1
  and k.key = any ($2::text[])
  and not k.corrected
order by e.id`

func (l *ledger) queueKeys(b *pgx.Batch) {
	l.Keys, l.Originals, l.wereDrawn = map[string]*entitlements.KeyRecord{}, map[string][]*entitlements.Event{}, map[string]bool{}
	b.Queue(keysSQL, l.account.tenant, l.keys()).Query(func(rows pgx.Rows) error {
		var key string
		var k entitlements.KeyRecord
		_, err := pgx.ForEachRow(rows, []any{&key, &k.ID, &k.Digest, &k.Corrected}, func() error {
			record := k
			l.Keys[key] = &record
			return nil
		})
		return err
	})
	var corrected []string
	for _, j := range l.jobs {
		if j.op.Kind == entitlements.OpCorrect {
			corrected = append(corrected, j.op.Use.Key)
		}
	}
	if corrected != nil {
		b.Queue(originalsSQL, l.account.tenant, corrected).Query(l.readOriginals)
	}
}

func (l *ledger) readOriginals(rows pgx.Rows) error {
	for rows.Next() {
		var key string
		var e entitlements.Event
		var grants []string
		var quantities []int64
		if err := rows.Scan(&key, &e.ID, &e.Feature, &e.Quantity, at(&e.OccurredAt), &grants, &quantities); err != nil {
			return err
		}
		e.Draws = draws(grants, quantities)
		l.wereDrawn[e.ID] = len(e.Draws) > 0
		l.Originals[key] = append(l.Originals[key], &e)
	}
	return rows.Err()
}
