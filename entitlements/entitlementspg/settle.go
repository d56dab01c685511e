package entitlementspg

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/entitlements"
)

// account names a tenant's use of a feature.
type account struct{ tenant, feature string }

func accountOf(op *entitlements.Op) account { return account{op.Use.Tenant, op.Use.Feature} }

func compareAccounts(a, b account) int {
	return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.feature, b.feature))
}

// job is an operation and where its outcome goes.
type job struct {
	op      entitlements.Op
	outcome *entitlements.Outcome
}

// Settle implements [entitlements.Store]. One operation on a pool joins those of other callers; many are settled as
// they come, the plain ones in one statement.
func (s *Store) Settle(ctx context.Context, ops []entitlements.Op) ([]entitlements.Outcome, error) {
	if len(ops) == 1 && s.group != nil && plain(&ops[0]) {
		o, err := s.group.settle(ctx, ops[0])
		if err != nil {
			return nil, err
		}
		return []entitlements.Outcome{o}, nil
	}
	outcomes := make([]entitlements.Outcome, len(ops))
	jobs := make([]job, len(ops))
	for i, op := range ops {
		jobs[i] = job{op: op, outcome: &outcomes[i]}
	}
	for len(jobs) > 0 {
		n := min(independent(jobs), s.options.Batch)
		found, err := s.resolve(ctx, jobs[:n])
		if err != nil {
			return nil, translate(err)
		}
		if err := s.settleJobs(ctx, found); err != nil {
			return nil, err
		}
		jobs = jobs[n:]
	}
	return outcomes, nil
}

// independent returns how many of the jobs can be settled together: up to the first that names a hold or a key which
// one before it may have made.
func independent(jobs []job) int {
	makes := map[string]bool{}
	for i, j := range jobs {
		needs := j.op.Hold != "" || j.op.Kind == entitlements.OpCorrect
		if needs && makes[j.op.Use.Tenant] {
			return i
		}
		makes[j.op.Use.Tenant] = makes[j.op.Use.Tenant] || !needs
	}
	return len(jobs)
}

// plain says whether op may be settled by the counter alone.
func plain(op *entitlements.Op) bool {
	return (op.Kind == entitlements.OpConsume || op.Kind == entitlements.OpRecord) && op.Use.Quantity > 0
}

// settleJobs settles jobs of any number of accounts: what is plain in one statement, the rest account by account in
// their order.
func (s *Store) settleJobs(ctx context.Context, jobs []job) error {
	byAccount := map[account][]job{}
	for _, j := range jobs {
		a := accountOf(&j.op)
		byAccount[a] = append(byAccount[a], j)
	}
	accounts := make([]account, 0, len(byAccount))
	for a := range byAccount {
		accounts = append(accounts, a)
	}
	slices.SortFunc(accounts, compareAccounts)
	rest, err := s.fast(ctx, accounts, byAccount, waiting)
	if retryable(err) && !s.bound {
		rest, err = accounts, nil // somebody has locked a counter: each on its own
	}
	if err != nil {
		return translate(err)
	}
	for _, a := range rest {
		if err := s.exact(ctx, a, byAccount[a]); err != nil {
			return err
		}
	}
	return nil
}

const holdFeaturesSQL = `
select h.tenant_id, h.id::text, h.feature_key
from unnest($1::text[], $2::text[]) as u(tenant_id, id)
join tenon.holds h on h.tenant_id = u.tenant_id and h.id = u.id::uuid`

const keyFeaturesSQL = `
select k.tenant_id, k.key, coalesce(e.feature_key, h.feature_key)
from unnest($1::text[], $2::text[]) as u(tenant_id, key)
join tenon.usage_keys k on k.tenant_id = u.tenant_id and k.key = u.key
left join tenon.usage_events e on e.tenant_id = k.tenant_id and e.id = k.id
left join tenon.holds h on h.tenant_id = k.tenant_id and h.id = k.id
where coalesce(e.feature_key, h.feature_key) is not null`

// resolve finds the features of holds and keys. A job that names an unknown one is answered and left out.
func (s *Store) resolve(ctx context.Context, jobs []job) ([]job, error) {
	holds, keys := map[account]string{}, map[account]string{} // the second part of account is the id or key here
	var holdTenants, holdIDs, keyTenants, keyNames []string
	for _, j := range jobs {
		switch j.op.Kind {
		case entitlements.OpCommit, entitlements.OpRelease:
			holdTenants, holdIDs = append(holdTenants, j.op.Use.Tenant), append(holdIDs, j.op.Hold)
		case entitlements.OpCorrect:
			keyTenants, keyNames = append(keyTenants, j.op.Use.Tenant), append(keyNames, j.op.Use.Key)
		}
	}
	b := &pgx.Batch{}
	if len(holdIDs) > 0 {
		b.Queue(holdFeaturesSQL, holdTenants, holdIDs).Query(func(rows pgx.Rows) error { return readFeatures(rows, holds) })
	}
	if len(keyNames) > 0 {
		b.Queue(keyFeaturesSQL, keyTenants, keyNames).Query(func(rows pgx.Rows) error { return readFeatures(rows, keys) })
	}
	if b.Len() == 0 {
		return jobs, nil
	}
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	var found []job
	for _, j := range jobs {
		if j.assign(holds, keys) {
			found = append(found, j)
		}
	}
	return found, nil
}

// assign gives the job its feature, or its error.
func (j *job) assign(holds, keys map[account]string) bool {
	unknown, found := entitlements.ErrUnknownHold, ""
	switch j.op.Kind {
	case entitlements.OpCommit, entitlements.OpRelease:
		found = holds[account{j.op.Use.Tenant, j.op.Hold}]
	case entitlements.OpCorrect:
		unknown, found = entitlements.ErrUnknownKey, keys[account{j.op.Use.Tenant, j.op.Use.Key}]
	default:
		return true
	}
	if found == "" {
		j.outcome.Err = unknown
		return false
	}
	j.op.Use.Feature = found
	return true
}

func readFeatures(rows pgx.Rows, to map[account]string) error {
	var key account
	var feature string
	_, err := pgx.ForEachRow(rows, []any{&key.tenant, &key.feature, &feature}, func() error {
		to[key] = feature
		return nil
	})
	return err
}
