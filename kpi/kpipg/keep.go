package kpipg

import (
	"cmp"
	"context"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/kpi"
)

const putMeasureSQL = `
insert into tenon.kpi_measures (measure, definition, within)
values ($1, $2::text::jsonb, $3::bigint * interval '1 microsecond')
on conflict (measure) do nothing`

// neededSQL tells what is needed by whoever defined it, which may be a newer version than this.
const neededSQL = `
select distinct unnest(measures)
from tenon.kpis`

const unneededSQL = `
select m.measure
from tenon.kpi_measures m
where not exists (
  select
  from tenon.kpis k
  where m.measure = any (k.measures))`

const (
	dropMeasuresSQL = `
delete from tenon.kpi_measures
where measure = any ($1)`

	dropRollupsSQL = `
delete from tenon.kpi_rollups
where measure = any ($1)`

	dropTotalsSQL = `
delete from tenon.kpi_totals
where measure = any ($1)`

	dropSubjectsSQL = `
delete from tenon.kpi_subjects
where measure = any ($1)`
)

// adjust makes the rollups of measures that are new, and removes those that no KPI needs. Until their rollups are made,
// measures are counted from the events.
func adjust(ctx context.Context, tx pgx.Tx) error {
	mine, err := folder(ctx, tx)
	if err != nil || !mine {
		return err
	}
	state, err := load(ctx, tx)
	if err != nil {
		return err
	}
	there, err := ready(ctx, tx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, m := range there {
		known[m.Key()] = true
	}
	rows, err := tx.Query(ctx, neededSQL)
	if err != nil {
		return err
	}
	needed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	wanted := slices.DeleteFunc(state.Measures(), func(m kpi.Measure) bool {
		return known[m.Key()] || !slices.Contains(needed, m.Key())
	})
	if len(wanted) > 0 {
		if err := makeRollups(ctx, tx, wanted); err != nil {
			return err
		}
	}
	return dropUnneeded(ctx, tx)
}

func dropUnneeded(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, unneededSQL)
	if err != nil {
		return err
	}
	unneeded, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(unneeded) == 0 {
		return err
	}
	return drop(ctx, tx, unneeded)
}

func drop(ctx context.Context, tx pgx.Tx, measures []string) error {
	b := &pgx.Batch{}
	for _, sql := range []string{dropMeasuresSQL, dropRollupsSQL, dropTotalsSQL, dropSubjectsSQL} {
		b.Queue(sql, measures)
	}
	return tx.SendBatch(ctx, b).Close()
}

// makeRollups makes all that rollups hold of measures.
func makeRollups(ctx context.Context, tx pgx.Tx, measures []kpi.Measure) error {
	b, err := held(ctx, tx, measures)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	for _, m := range measures {
		var within *int64
		if m.Pair != nil && m.Pair.Window > 0 {
			n := time.Duration(m.Pair.Window).Microseconds()
			within = &n
		}
		batch.Queue(putMeasureSQL, m.Key(), document(m), within)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	return b.write(ctx, tx)
}

// Rebuild implements [kpi.Keeper]. It waits for who folds just now.
func (s *Store) Rebuild(ctx context.Context) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, waitFolderSQL); err != nil {
			return err
		}
		measures, err := ready(ctx, tx)
		if err != nil {
			return err
		}
		keys := []string{}
		for _, m := range measures {
			keys = append(keys, m.Key())
		}
		if err := drop(ctx, tx, keys); err != nil {
			return err
		}
		return makeRollups(ctx, tx, measures)
	})
}

// rollupsSQL reads the rollups, and those of all tenants together as of a tenant without a name.
const rollupsSQL = `
select tenant_id, measure, bucket, grp, count, numbers, sum::text, converted, took::text
from tenon.kpi_rollups
union all
select '', measure, bucket, grp, count, numbers, sum::text, converted, took::text
from tenon.kpi_totals`

// Verify implements [kpi.Keeper]. Nobody folds meanwhile.
func (s *Store) Verify(ctx context.Context) (drifts []kpi.Drift, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, waitFolderSQL); err != nil {
			return err
		}
		measures, err := ready(ctx, tx)
		if err != nil {
			return err
		}
		counted, err := held(ctx, tx, measures)
		if err != nil {
			return err
		}
		stored, err := readRollups(ctx, tx)
		if err != nil {
			return err
		}
		maps.Copy(counted.rollups, counted.totals())
		drifts = compare(stored, counted.rollups)
		return nil
	})
	return drifts, err
}

func readRollups(ctx context.Context, tx pgx.Tx) (map[cellKey]*total, error) {
	rows, err := tx.Query(ctx, rollupsSQL)
	found := map[cellKey]*total{}
	var k cellKey
	var bucket time.Time
	var c total
	var sum, took string
	targets := []any{&k.tenant, &k.measure, &bucket, &k.group, &c.count, &c.numbers, &sum, &c.converted, &took}
	err = each(rows, err, targets, func() error {
		k.bucket = bucket.Unix()
		t := &total{count: c.count, numbers: c.numbers, converted: c.converted}
		addText(&t.sum, sum)
		addText(&t.took, took)
		found[k] = t
		return nil
	})
	return found, err
}

// compare returns what differs, in key order.
func compare(stored, counted map[cellKey]*total) []kpi.Drift {
	all := map[cellKey]bool{}
	for k := range stored {
		all[k] = true
	}
	for k := range counted {
		all[k] = true
	}
	var drifts []kpi.Drift
	for _, k := range sortedKeys(all, compareCells) {
		s, c := cmp.Or(stored[k], &total{}), cmp.Or(counted[k], &total{})
		for _, f := range []struct {
			what string
			s, c *big.Int
		}{
			{"count", big.NewInt(s.count), big.NewInt(c.count)},
			{"numbers", big.NewInt(s.numbers), big.NewInt(c.numbers)},
			{"sum", &s.sum, &c.sum},
			{"converted", big.NewInt(s.converted), big.NewInt(c.converted)},
			{"took", &s.took, &c.took},
		} {
			if f.s.Cmp(f.c) != 0 {
				drifts = append(drifts, kpi.Drift{
					Tenant: k.tenant, Measure: k.measure, Bucket: time.Unix(k.bucket, 0).UTC(), Group: k.group, What: f.what,
					Stored: f.s.Int64(), Counted: f.c.Int64(),
				})
			}
		}
	}
	return drifts
}
