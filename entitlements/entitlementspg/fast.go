package entitlementspg

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
)

// settleSQL settles plain uses of many accounts in one statement: it locks the counters whose seal holds, takes the uses
// of those accounts whose sum fits under the ceiling, claims their keys, and writes events and counters for the keys
// that it got. The last row names the uses that fitted and whose key was there already: they are neither counted nor
// written. The lock comes in key order, by a CTE, since an update does not lock in any order; "for no key update" reads
// the row again after a wait, so what fits is decided on what is locked.
//
// The parts are put together by "in (select …) is true", which Postgres always hashes. It takes every CTE to have one
// row, so that it would carry out a join of two by a nested loop, in quadratic time.
const settleSQL = `
with accounts as (
  select *
  from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[]) with ordinality
    as a(tenant_id, feature_key, qty, first_at, n)
), locked as materialized (
  select a.n, a.qty, c.tenant_id, c.feature_key, c.period, c.period_start, c.period_end, c.used, c.held, c.granted,
    c.ceiling, c.source, c.plan_id, c.plan_version, c.hard_limit, c.soft_limit, c.overage_limit, c.spare
  from accounts a
  join tenon.usage_counters c on c.tenant_id = a.tenant_id and c.feature_key = a.feature_key
  where c.sealed_until > $5
    and c.period_start <= a.first_at
    and c.period_end > a.first_at
  order by c.tenant_id, c.feature_key
  for no key update of c %s
), uses as materialized (
  select *
  from unnest($6::bigint[], $7::text[], $8::text[], $9::text[], $10::uuid[], $11::bigint[], $12::bigint[],
      $13::timestamptz[], $14::text[])
    as u(n, tenant_id, feature_key, key, id, digest, qty, occurred_at, metadata)
  where (n in (select l.n from locked l where l.qty <= l.ceiling - l.used - l.held)) is true
), claimed as (
  insert into tenon.usage_keys (tenant_id, key, id, digest)
  select tenant_id, key, id, digest
  from uses
  on conflict do nothing
  returning id
), events as (
  insert into tenon.usage_events (tenant_id, id, feature_key, qty, occurred_at, metadata)
  select tenant_id, id, feature_key, qty, occurred_at, metadata::jsonb
  from uses
  where (id in (select id from claimed)) is true
), counted as (
  update tenon.usage_counters c
  set used = c.used + s.qty
  from (
    select tenant_id, feature_key, sum(qty)::bigint as qty, min(occurred_at) as first_at
    from uses
    where (id in (select id from claimed)) is true
    group by tenant_id, feature_key
  ) s
  where c.tenant_id = s.tenant_id
    and c.feature_key = s.feature_key
    and c.sealed_until > $5
    and c.period_start <= s.first_at
    and c.period_end > s.first_at
)
select period, period_start, period_end, used, held, granted, ceiling, source, plan_id, plan_version, hard_limit,
  soft_limit, overage_limit, spare, n, null::text[]
from locked
union all
select '', $5, $5, 0, 0, 0, 0, 0::smallint, '', 0, 0, 0, 0, 0, 0,
  case when (select count(*) from claimed) < (select count(*) from uses) then (
    select array_agg(id::text)
    from uses
    where (id in (select id from claimed)) is not true)
  end`

// locking says what [settleSQL] does about a counter that somebody else has locked.
type locking string

const (
	waiting  locking = ""
	skipping locking = "skip locked"
)

var settleBy = map[locking]string{
	waiting:  fmt.Sprintf(settleSQL, waiting),
	skipping: fmt.Sprintf(settleSQL, skipping),
}

// byIndexSQL keeps a plan that was made when the counters were few from reading all of them when they are many. It
// lasts until the end of the statement's own transaction, and is not sent in a caller's. For the lock see patienceSQL.
const byIndexSQL = `
select set_config('enable_seqscan', 'off', true), set_config('enable_mergejoin', 'off', true),
  set_config('enable_hashjoin', 'off', true),
  set_config('lock_timeout', '300ms', true)`

// uses are the arguments of settleSQL.
type uses struct {
	tenants, features []string
	sums              []int64
	firsts            []time.Time
	last              time.Time

	account      []int64
	tenantOf     []string
	featureOf    []string
	keys, ids    []string
	digests, qty []int64
	at           []time.Time
	metadata     []string
}

func (u *uses) add(a account, jobs []job) {
	u.tenants, u.features = append(u.tenants, a.tenant), append(u.features, a.feature)
	n := int64(len(u.tenants))
	var sum int64
	first := jobs[0].op.At
	for i := range jobs {
		op := &jobs[i].op
		sum = min(sum+op.Use.Quantity, 1<<61)
		if op.At.Before(first) {
			first = op.At
		}
		for _, t := range []time.Time{op.At, op.Now} {
			if t.After(u.last) {
				u.last = t
			}
		}
		metadata := "{}"
		if op.Metadata != nil {
			metadata = string(op.Metadata)
		}
		u.tenantOf, u.featureOf = append(u.tenantOf, a.tenant), append(u.featureOf, a.feature)
		u.account, u.keys, u.ids = append(u.account, n), append(u.keys, op.Use.Key), append(u.ids, op.ID)
		u.digests, u.qty = append(u.digests, op.Digest), append(u.qty, op.Use.Quantity)
		u.at, u.metadata = append(u.at, op.At), append(u.metadata, metadata)
	}
	u.sums, u.firsts = append(u.sums, sum), append(u.firsts, first)
}

func (u *uses) args() []any {
	return []any{
		u.tenants, u.features, u.sums, u.firsts, u.last,
		u.account, u.tenantOf, u.featureOf, u.keys, u.ids, u.digests, u.qty, u.at, u.metadata,
	}
}

// fast settles what it can of the accounts by their counters alone, and takes it out of jobs. It returns the accounts
// that have jobs left.
func (s *Store) fast(ctx context.Context, accounts []account, jobs map[account][]job, mode locking) (rest []account, err error) {
	var u uses
	var sent []account
	for _, a := range accounts {
		if slices.ContainsFunc(jobs[a], func(j job) bool { return !plain(&j.op) }) {
			rest = append(rest, a)
			continue
		}
		u.add(a, jobs[a])
		sent = append(sent, a)
	}
	if len(sent) == 0 {
		return rest, nil
	}
	found := make([]row, len(sent))
	known, err := s.sendUses(ctx, &u, mode, found)
	if err != nil {
		return nil, err
	}
	var replays []replay
	for i, a := range sent {
		r := &found[i]
		r.fits, r.known = u.sums[i] <= r.Ceiling-r.Used-r.Held, known
		left, err := s.answer(ctx, a, jobs[a], r)
		if err != nil {
			return nil, err
		}
		if jobs[a] = left; len(left) == 0 {
			continue
		}
		if !r.there || !r.fits {
			rest = append(rest, a)
			continue
		}
		for _, j := range left { // the key was there
			replays = append(replays, replay{j, r})
		}
	}
	left, err := s.answerReplays(ctx, replays)
	if err != nil {
		return nil, err // the replays are among the jobs yet
	}
	for _, r := range replays {
		jobs[accountOf(&r.op)] = nil
	}
	for _, j := range left {
		a := accountOf(&j.op)
		if jobs[a] == nil {
			rest = append(rest, a)
		}
		jobs[a] = append(jobs[a], j)
	}
	slices.SortFunc(rest, compareAccounts)
	return rest, nil
}

// row is what settleSQL returns of an account: its counter before.
type row struct {
	entitlements.Counter
	there bool
	fits  bool            // all of the account's uses fitted under the ceiling
	known map[string]bool // ids of uses, of any account, whose key was there already
}

// sendUses fills found and returns the ids of the uses whose key was there already.
func (s *Store) sendUses(ctx context.Context, u *uses, mode locking, found []row) (known map[string]bool, err error) {
	known = map[string]bool{}
	statements := []statement{{settleBy[mode], u.args(), func(rows pgx.Rows) error { return readRows(rows, found, known) }}}
	if u.few() {
		statements = u.each(mode, found, known)
	}
	if s.bound && len(statements) == 1 {
		return known, statements[0].query(ctx, s.db)
	}
	b := &pgx.Batch{}
	if !s.bound {
		b.Queue(byIndexSQL)
	}
	for _, st := range statements {
		b.Queue(st.sql, st.args...).Query(st.read)
	}
	return known, s.db.SendBatch(ctx, b).Close()
}

// statement is one that settles uses, and reads what it returns.
type statement struct {
	sql  string
	args []any
	read func(pgx.Rows) error
}

// query sends the statement without a batch, which a mock of a transaction can answer too.
func (st statement) query(ctx context.Context, db DB) error {
	rows, err := db.Query(ctx, st.sql, st.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if err := st.read(rows); err != nil {
		return err
	}
	return rows.Err()
}

func readRows(rows pgx.Rows, found []row, known map[string]bool) error {
	for rows.Next() {
		var r row
		var n int64
		var ids []string
		if err := r.scan(rows, &n, &ids); err != nil {
			return err
		}
		if n > 0 {
			found[n-1] = r
		}
		for _, id := range ids {
			known[id] = true
		}
	}
	return rows.Err()
}

// scan reads a counter, and what the statement returns beside it.
func (r *row) scan(rows pgx.Rows, beside ...any) error {
	var period string
	var source int16
	err := rows.Scan(append([]any{
		&period, &r.Start, &r.End, &r.Used, &r.Held, &r.Granted, &r.Ceiling, &source, &r.Plan, &r.PlanVersion, &r.Hard,
		&r.Soft, &r.Overage, &r.Spare,
	}, beside...)...)
	if err != nil || period == "" { // the row that names uses has no counter
		return err
	}
	r.Period, err = entitlements.ParsePeriod(period)
	r.Start, r.End = tenon.Instant(r.Start), tenon.Instant(r.End)
	r.Source, r.there = entitlements.Source(source), true
	return err
}

// answer gives the jobs of an account their outcomes, and returns those that the counter alone cannot answer.
func (s *Store) answer(ctx context.Context, a account, jobs []job, r *row) ([]job, error) {
	switch {
	case !r.there:
		return jobs, nil
	case r.fits:
		return r.accept(a, jobs), nil
	case !r.Decide(a.feature, 0).Allowed:
		return s.refuse(ctx, a, jobs, r)
	default:
		return jobs, nil
	}
}

// accept answers the jobs whose events were written, each with the balance that it left, in their order.
func (r *row) accept(a account, jobs []job) (left []job) {
	accepted := make([]job, 0, len(jobs))
	for _, j := range jobs {
		if r.known[j.op.ID] {
			left = append(left, j)
			continue
		}
		r.Used += j.op.Use.Quantity
		j.outcome.Decision = r.Decide(a.feature, j.op.Use.Quantity)
		accepted = append(accepted, j)
	}
	after := r.Decide(a.feature, 0)
	for _, j := range accepted {
		j.outcome.After = after
	}
	return left
}

// replay is a job whose key was there already, and the counter of its account.
type replay struct {
	job
	*row
}

const digestsSQL = `
select u.n, k.digest
from unnest($1::text[], $2::text[]) with ordinality as u(tenant_id, key, n)
join tenon.usage_keys k on k.tenant_id = u.tenant_id and k.key = u.key`

// answerReplays answers jobs whose keys were there, all with one look, so that a bulk that was cut off and is sent again
// gets on. It returns those whose key is gone again, with the transaction that had it.
func (s *Store) answerReplays(ctx context.Context, replays []replay) (left []job, err error) {
	if len(replays) == 0 {
		return nil, nil
	}
	var tenants, keys []string
	for _, r := range replays {
		tenants, keys = append(tenants, r.op.Use.Tenant), append(keys, r.op.Use.Key)
	}
	digests := make(map[int]int64, len(replays))
	b := &pgx.Batch{}
	b.Queue(digestsSQL, tenants, keys).Query(func(rows pgx.Rows) error {
		var n int
		var digest int64
		_, err := pgx.ForEachRow(rows, []any{&n, &digest}, func() error { digests[n-1] = digest; return nil })
		return err
	})
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	for i, r := range replays {
		switch digest, there := digests[i]; {
		case !there:
			left = append(left, r.job)
		case digest != r.op.Digest:
			r.outcome.Err = entitlements.ErrKeyReused
		default:
			r.outcome.Decision, r.outcome.After = r.Counted(r.op.Use.Feature), r.Decide(r.op.Use.Feature, 0)
			r.outcome.Decision.Replayed = true
		}
	}
	return left, nil
}

const anyKeySQL = `
select exists (
  select
  from unnest($2::text[]) as u(key)
  join tenon.usage_keys k on k.tenant_id = $1 and k.key = u.key)`

// refuse answers jobs at a limit that stays where it is until the seal ends, unless one of them was accepted before.
func (s *Store) refuse(ctx context.Context, a account, jobs []job, r *row) ([]job, error) {
	var keys []string
	for _, j := range jobs {
		if j.op.Kind != entitlements.OpConsume {
			return jobs, nil
		}
		keys = append(keys, j.op.Use.Key)
	}
	var replay bool
	if err := s.db.QueryRow(ctx, anyKeySQL, a.tenant, keys).Scan(&replay); err != nil || replay {
		return jobs, err
	}
	refusal := r.Decide(a.feature, 0)
	for _, j := range jobs {
		j.outcome.Decision, j.outcome.After = refusal, refusal
	}
	return nil, nil
}
