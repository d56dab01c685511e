package entitlementspg

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/entitlements"
)

const revisionSQL = `
select revision
from tenon.catalog`

const featuresSQL = `
select definition
from tenon.features
order by key`

const planVersionsSQL = `
select v.definition, not p.active and v.version = p.version
from tenon.plan_versions v
join tenon.plans p on p.id = v.plan_id
order by v.plan_id, v.version`

const addOnVersionsSQL = `
select v.definition, not a.active and v.version = a.version
from tenon.addon_versions v
join tenon.addons a on a.id = v.addon_id
order by v.addon_id, v.version`

// Versions implements [entitlements.Store].
func (s *Store) Versions(ctx context.Context) (*entitlements.Versions, error) {
	if v := s.versions.Load(); v != nil && !s.bound {
		var revision int64
		if err := s.db.QueryRow(ctx, revisionSQL).Scan(&revision); err != nil {
			return nil, translate(err)
		}
		if revision == v.Revision {
			return v, nil
		}
	}
	v, err := s.reload(ctx, s.db)
	return v, translate(err)
}

// cached returns the catalogue in memory, which may be old, or reads it.
func (s *Store) cached(ctx context.Context, db sender) (*entitlements.Versions, error) {
	if v := s.versions.Load(); v != nil {
		return v, nil
	}
	return s.reload(ctx, db)
}

// reload reads the catalogue by db, which may be a transaction: only what is committed is kept, and a store bound to a
// caller's transaction keeps nothing.
func (s *Store) reload(ctx context.Context, db sender) (*entitlements.Versions, error) {
	v, err := readVersions(ctx, db)
	if err == nil && !s.bound {
		s.versions.Store(v)
	}
	return v, err
}

// sender is the part of [DB] that reads.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// readVersions reads the revision first: what is read after it is as new or newer.
func readVersions(ctx context.Context, db sender) (*entitlements.Versions, error) {
	v := &entitlements.Versions{
		Features: map[string]entitlements.Feature{}, Plans: map[string][]entitlements.Plan{}, AddOns: map[string][]entitlements.AddOn{},
	}
	b := &pgx.Batch{}
	b.Queue(revisionSQL).QueryRow(func(row pgx.Row) error { return row.Scan(&v.Revision) })
	b.Queue(featuresSQL).Query(func(rows pgx.Rows) error {
		features, err := collect(rows, nil, pgx.RowTo[entitlements.Feature])
		for _, f := range features {
			v.Features[f.Key] = f
		}
		return err
	})
	b.Queue(planVersionsSQL).Query(func(rows pgx.Rows) error {
		return readDefinitions(rows, func(p entitlements.Plan, inactive bool) {
			p.Inactive = inactive
			v.Plans[p.ID] = append(v.Plans[p.ID], p)
		})
	})
	b.Queue(addOnVersionsSQL).Query(func(rows pgx.Rows) error {
		return readDefinitions(rows, func(a entitlements.AddOn, inactive bool) {
			a.Inactive = inactive
			v.AddOns[a.ID] = append(v.AddOns[a.ID], a)
		})
	})
	return v, db.SendBatch(ctx, b).Close()
}

func readDefinitions[T any](rows pgx.Rows, keep func(definition T, inactive bool)) error {
	var definition json.RawMessage
	var inactive bool
	_, err := pgx.ForEachRow(rows, []any{&definition, &inactive}, func() error {
		var t T
		if err := json.Unmarshal(definition, &t); err != nil {
			return err
		}
		keep(t, inactive)
		return nil
	})
	return err
}

const lockCatalogSQL = `
select revision
from tenon.catalog
for update`

const nextRevisionSQL = `
update tenon.catalog
set revision = revision + 1`

// Declare implements [entitlements.Store]. The row of tenon.catalog is its lock.
func (s *Store) Declare(ctx context.Context, c entitlements.Catalog, now time.Time) (diff entitlements.CatalogDiff, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockCatalogSQL); err != nil {
			return err
		}
		stored, err := readVersions(ctx, tx)
		if err != nil {
			return err
		}
		var next *entitlements.Versions
		if next, diff, err = stored.Apply(c); err != nil || len(diff) == 0 {
			return err
		}
		if err := s.saveCatalog(ctx, tx, stored, next, now); err != nil {
			return err
		}
		return s.recordChanges(ctx, tx, diff.Changes(now), "")
	})
	return diff, err
}

func (s *Store) saveCatalog(ctx context.Context, tx pgx.Tx, stored, next *entitlements.Versions, now time.Time) error {
	b := &pgx.Batch{}
	b.Queue(nextRevisionSQL)
	for _, key := range slices.Sorted(maps.Keys(next.Features)) {
		queueFeature(b, next.Features[key])
	}
	for _, id := range slices.Sorted(maps.Keys(next.Plans)) {
		queuePlan(b, next.Plans[id], len(stored.Plans[id]), now)
	}
	for _, id := range slices.Sorted(maps.Keys(next.AddOns)) {
		queueAddOn(b, next.AddOns[id], len(stored.AddOns[id]), now)
	}
	return tx.SendBatch(ctx, b).Close()
}

// definition returns a feature, plan or add-on as JSON text, which every exec mode of pgx can send. Nothing in one fails
// to encode.
func definition(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

const putFeatureSQL = `
insert into tenon.features (key, description, category, kind, definition)
values ($1, $2, $3, $4, $5::text::jsonb)
on conflict (key) do update
set description = excluded.description, category = excluded.category, definition = excluded.definition`

func queueFeature(b *pgx.Batch, f entitlements.Feature) {
	b.Queue(putFeatureSQL, f.Key, f.Description, f.Category, string(f.Kind), definition(f))
}

const putPlanSQL = `
insert into tenon.plans (id, name, tier, active, currency, price_monthly, price_yearly, version)
values ($1, $2, $3, $4, $5, $6::text::numeric, $7::text::numeric, $8)
on conflict (id) do update
set name = excluded.name, tier = excluded.tier, active = excluded.active, currency = excluded.currency,
  price_monthly = excluded.price_monthly, price_yearly = excluded.price_yearly, version = excluded.version`

const putPlanVersionSQL = `
insert into tenon.plan_versions (plan_id, version, definition, created_at)
values ($1, $2, $3::text::jsonb, $4)`

const putPlanFeatureSQL = `
insert into tenon.plan_features (plan_id, plan_version, feature_key, period, hard_limit, soft_limit, overage_limit, value)
values ($1, $2, $3, $4, $5, $6, $7, $8)`

// queuePlan writes the newest version's row and the versions from have on.
func queuePlan(b *pgx.Batch, versions []entitlements.Plan, have int, now time.Time) {
	p := versions[len(versions)-1]
	b.Queue(putPlanSQL, p.ID, p.Name, p.Tier, !p.Inactive, p.Currency,
		entitlements.Price(p.Monthly, p.Currency), entitlements.Price(p.Yearly, p.Currency), p.Version)
	for _, p := range versions[have:] {
		p.Inactive = false // not part of a version
		b.Queue(putPlanVersionSQL, p.ID, p.Version, definition(p), now)
		for _, key := range slices.Sorted(maps.Keys(p.Features)) {
			queuePlanFeature(b, p, key)
		}
	}
}

func queuePlanFeature(b *pgx.Batch, p entitlements.Plan, key string) {
	allowance := p.Features[key]
	if len(allowance.Limits) == 0 { // a value: granted without a bound
		b.Queue(putPlanFeatureSQL, p.ID, p.Version, key, entitlements.Period{}.String(), entitlements.Unlimited, entitlements.Unlimited, 0, allowance.Value)
	}
	for _, l := range allowance.Limits {
		b.Queue(putPlanFeatureSQL, p.ID, p.Version, key, l.Period.String(), l.Hard, l.Soft, l.Overage, "")
	}
}

const putAddOnSQL = `
insert into tenon.addons (id, name, active, version)
values ($1, $2, $3, $4)
on conflict (id) do update
set name = excluded.name, active = excluded.active, version = excluded.version`

const putAddOnVersionSQL = `
insert into tenon.addon_versions (addon_id, version, definition, created_at)
values ($1, $2, $3::text::jsonb, $4)`

func queueAddOn(b *pgx.Batch, versions []entitlements.AddOn, have int, now time.Time) {
	a := versions[len(versions)-1]
	b.Queue(putAddOnSQL, a.ID, a.Name, !a.Inactive, a.Version)
	for _, a := range versions[have:] {
		a.Inactive = false
		b.Queue(putAddOnVersionSQL, a.ID, a.Version, definition(a), now)
	}
}
