package kpipg

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/kpi"
)

// books are rollups as they follow from events, or what is to be added to them.
type books struct {
	measures map[string]kpi.Measure // by key
	named    map[string][]string    // keys of the measures that an event of a name may matter to
	rollups  map[cellKey]*total
	subjects map[subjectKey]*kpi.Progress
}

// cellKey names a row of kpi_rollups.
type cellKey struct {
	tenant, measure string
	bucket          int64 // seconds since 1970
	group           string
}

// subjectKey names a row of kpi_subjects.
type subjectKey struct{ tenant, measure, subject string }

func newBooks(measures []kpi.Measure) *books {
	b := &books{
		measures: map[string]kpi.Measure{}, named: map[string][]string{},
		rollups: map[cellKey]*total{}, subjects: map[subjectKey]*kpi.Progress{},
	}
	for _, m := range measures {
		key := m.Key()
		b.measures[key] = m
		for _, name := range m.Names() {
			b.named[name] = append(b.named[name], key)
		}
	}
	return b
}

// names returns the names of all events that matter.
func (b *books) names() []string {
	names := []string{}
	for name := range b.named {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (b *books) at(k cellKey) *total {
	if b.rollups[k] == nil {
		b.rollups[k] = &total{}
	}
	return b.rollups[k]
}

// tally adds an event to the measures that count events, or with a sign of -1 takes it away.
func (b *books) tally(e *kpi.Event, sign int64) {
	for _, key := range b.named[e.Name] {
		m := b.measures[key]
		if m.Pair != nil {
			continue
		}
		if d, ok := m.Tally(e); ok {
			c := b.at(cellKey{d.Tenant, key, d.Bucket.Unix(), d.Group})
			c.count, c.numbers = c.count+sign*d.Count, c.numbers+sign*d.Numbers
			c.sum.Add(&c.sum, big.NewInt(sign*int64(d.Sum)))
		}
	}
}

// sight hands what an event means to the measures with a pair to visit.
func (b *books) sight(e *kpi.Event, visit func(subjectKey, kpi.Sighting)) {
	for _, key := range b.named[e.Name] {
		if m := b.measures[key]; m.Pair != nil {
			if s, ok := m.Sight(e); ok {
				visit(subjectKey{s.Tenant, key, s.Subject}, s)
			}
		}
	}
}

// enter adds an event that the rollups hold.
func (b *books) enter(e *kpi.Event) {
	b.tally(e, 1)
	b.sight(e, func(k subjectKey, s kpi.Sighting) {
		if b.subjects[k] == nil {
			b.subjects[k] = &kpi.Progress{}
		}
		b.subjects[k].See(s)
	})
}

// close adds up the subjects.
func (b *books) close() {
	for k, p := range b.subjects {
		b.standing(k, p, 1)
	}
}

// standing adds a subject's progress to the rollups, or takes it away.
func (b *books) standing(k subjectKey, p *kpi.Progress, sign int64) {
	if p.StartID == "" {
		return
	}
	c := b.at(cellKey{k.tenant, k.measure, p.Start.Truncate(kpi.Quarter).Unix(), p.Group})
	c.count += sign
	if took, ok := p.Converted(b.measures[k.measure].Pair); ok {
		c.converted += sign
		c.took.Add(&c.took, big.NewInt(sign*took))
	}
}

// heldSQL reads the events that the rollups hold: all but those that are listed, and those that are gone and were held.
const heldSQL = `
select e.tenant_id, e.id::text, e.user_id, e.event_name, e.properties, e.occurred_at, e.received_at
from tenon.events e
where e.event_name = any ($1)
  and (e.id in (select unnest(p.ids) from tenon.kpi_pending p)) is not true
union all
select g.tenant_id, g.id::text, g.user_id, g.event_name, g.properties, g.occurred_at, g.received_at
from tenon.kpi_pending p
cross join jsonb_populate_record(null::tenon.events, p.gone) as g
where g.event_name = any ($1)
  and p.folded`

// held returns the books of what the rollups are to hold of the measures. The folders' lock is held.
func held(ctx context.Context, tx pgx.Tx, measures []kpi.Measure) (*books, error) {
	b := newBooks(measures)
	rows, err := tx.Query(ctx, heldSQL, b.names())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, err
		}
		b.enter(&e)
	}
	b.close()
	return b, rows.Err()
}

const measuresSQL = `
select measure, definition
from tenon.kpi_measures
order by measure`

// ready returns the measures that have rollups. It fails where one is of a newer version than this, which would fold
// it wrongly: that is left to the instances that are newer too.
func ready(ctx context.Context, db DB) ([]kpi.Measure, error) {
	rows, err := db.Query(ctx, measuresSQL)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m kpi.Measure, err error) {
		var key string
		var body []byte
		if err := row.Scan(&key, &body); err != nil {
			return m, err
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&m); err != nil {
			return m, fmt.Errorf("kpi: measure %s is of a newer version: %w", key, err)
		}
		return m, nil
	})
}

// addRollupsSQL takes its rows in key order, as every writer of the table does.
const addRollupsSQL = `
insert into tenon.kpi_rollups as r (tenant_id, measure, bucket, grp, count, numbers, sum, converted, took)
select *
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::bigint[], $6::bigint[], $7::text[]::numeric[],
  $8::bigint[], $9::text[]::numeric[])
on conflict (tenant_id, measure, bucket, grp) do update
set count = r.count + excluded.count, numbers = r.numbers + excluded.numbers, sum = r.sum + excluded.sum,
  converted = r.converted + excluded.converted, took = r.took + excluded.took`

// addTotalsSQL adds the same rows without their tenants.
const addTotalsSQL = `
insert into tenon.kpi_totals as r (measure, bucket, grp, count, numbers, sum, converted, took)
select measure, bucket, grp, count, numbers, sum, converted, took
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::bigint[], $6::bigint[], $7::text[]::numeric[],
  $8::bigint[], $9::text[]::numeric[]) as t(tenant_id, measure, bucket, grp, count, numbers, sum, converted, took)
on conflict (measure, bucket, grp) do update
set count = r.count + excluded.count, numbers = r.numbers + excluded.numbers, sum = r.sum + excluded.sum,
  converted = r.converted + excluded.converted, took = r.took + excluded.took`

const putSubjectsSQL = `
insert into tenon.kpi_subjects (tenant_id, measure, subject, started_at, start_id, grp, converted_at)
select tenant_id, measure, subject, started_at, nullif(start_id, '')::uuid, grp, converted_at
from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::timestamptz[])
  as s(tenant_id, measure, subject, started_at, start_id, grp, converted_at)
on conflict (tenant_id, measure, subject) do update
set started_at = excluded.started_at, start_id = excluded.start_id, grp = excluded.grp,
  converted_at = excluded.converted_at`

// writeAtOnce bounds the rows of one statement.
const writeAtOnce = 5000

// write adds the books to the tables.
func (b *books) write(ctx context.Context, tx pgx.Tx) error {
	if err := writeRollups(ctx, tx, addRollupsSQL, b.rollups); err != nil {
		return err
	}
	if err := writeRollups(ctx, tx, addTotalsSQL, b.totals()); err != nil {
		return err
	}
	for keys := range slices.Chunk(sortedKeys(b.subjects, compareSubjects), writeAtOnce) {
		if err := b.writeSubjects(ctx, tx, keys); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

func compareCells(a, b cellKey) int {
	return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.measure, b.measure), cmp.Compare(a.bucket, b.bucket),
		cmp.Compare(a.group, b.group))
}

func compareSubjects(a, b subjectKey) int {
	return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.measure, b.measure), cmp.Compare(a.subject, b.subject))
}

// totals returns the rollups of all tenants together, whose keys have no tenant.
func (b *books) totals() map[cellKey]*total {
	all := map[cellKey]*total{}
	for k, c := range b.rollups {
		k.tenant = ""
		if all[k] == nil {
			all[k] = &total{}
		}
		t := all[k]
		t.count, t.numbers, t.converted = t.count+c.count, t.numbers+c.numbers, t.converted+c.converted
		t.sum.Add(&t.sum, &c.sum)
		t.took.Add(&t.took, &c.took)
	}
	return all
}

func writeRollups(ctx context.Context, tx pgx.Tx, sql string, rollups map[cellKey]*total) error {
	for keys := range slices.Chunk(sortedKeys(rollups, compareCells), writeAtOnce) {
		if err := writeSome(ctx, tx, sql, rollups, keys); err != nil {
			return err
		}
	}
	return nil
}

func writeSome(ctx context.Context, tx pgx.Tx, sql string, rollups map[cellKey]*total, keys []cellKey) error {
	var tenants, measures, groups, sums, took []string
	var buckets []time.Time
	var counts, numbers, converted []int64
	for _, k := range keys {
		c := rollups[k]
		tenants, measures, groups = append(tenants, k.tenant), append(measures, k.measure), append(groups, k.group)
		buckets, sums, took = append(buckets, time.Unix(k.bucket, 0)), append(sums, c.sum.String()), append(took, c.took.String())
		counts, numbers, converted = append(counts, c.count), append(numbers, c.numbers), append(converted, c.converted)
	}
	_, err := tx.Exec(ctx, sql, tenants, measures, buckets, groups, counts, numbers, sums, converted, took)
	return err
}

const removeSubjectsSQL = `
delete from tenon.kpi_subjects
where started_at is null
  and converted_at is null
  and (tenant_id, measure, subject) in (select * from unnest($1::text[], $2::text[], $3::text[]))`

// writeSubjects removes those of whom nothing is left.
func (b *books) writeSubjects(ctx context.Context, tx pgx.Tx, keys []subjectKey) error {
	var tenants, measures, subjects, ids, groups []string
	var starts, converts []*time.Time
	for _, k := range keys {
		p := b.subjects[k]
		tenants, measures, subjects = append(tenants, k.tenant), append(measures, k.measure), append(subjects, k.subject)
		ids, groups = append(ids, p.StartID), append(groups, p.Group)
		starts, converts = append(starts, null(p.Start, p.StartID != "")), append(converts, null(p.Convert, !p.Convert.IsZero()))
	}
	batch := &pgx.Batch{}
	batch.Queue(putSubjectsSQL, tenants, measures, subjects, starts, ids, groups, converts)
	batch.Queue(removeSubjectsSQL, tenants, measures, subjects)
	return tx.SendBatch(ctx, batch).Close()
}

func null(t time.Time, set bool) *time.Time {
	if !set {
		return nil
	}
	return &t
}
