package entitlements

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/entitlements"
)

const (
	recordTenants = 100
	recordBatch   = 1000
)

func compareRecord(ctx context.Context, l *lab.Lab, s *report.Section) error {
	db, err := newDatabase(ctx, l, "record", recordTenants, 1)
	if err != nil {
		return err
	}
	defer db.pool.Close()
	t := report.Table{
		Title: "Record, in bulk",
		Text: fmt.Sprintf("Batches of %d keyed uses of %d tenants. The bare insert writes the same keys and events in one statement, without looking at either; the counters are tenon's own extra, and callers for the same tenants take turns at them.",
			recordBatch, recordTenants),
		Columns: []string{"tenon", "bare insert"},
	}
	for _, callers := range []int{1, 4} {
		l.Say("entitlements: record, %d callers", callers)
		series, err := measure.Interleave(ctx, l.Rounds, db.recorder(l, callers, db.record), db.recorder(l, callers, db.insert))
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, recordRow(callers, series))
		name := fmt.Sprintf("record/%d/", callers)
		s.Samples = append(s.Samples, report.Sample{Name: name + "tenon", Unit: report.PerSecond, Series: series[0]},
			report.Sample{Name: name + "bare", Unit: report.PerSecond, Series: series[1]})
	}
	s.Tables = append(s.Tables, t)
	return nil
}

func recordRow(callers int, series []measure.Series) report.Row {
	row := report.Row{
		Case:   "one caller: tenon over the bare insert",
		Figure: report.Over(series[0], series[1]),
		Target: report.Target{Bound: report.AtLeast, Value: 0.6},
		Cells:  []string{report.Spread(series[0], report.PerSecond), report.Spread(series[1], report.PerSecond)},
	}
	if callers > 1 {
		row.Case = fmt.Sprintf("%d callers for the same tenants: tenon over the bare insert", callers)
		row.Target = report.Target{} // they wait for each other's counters, of which the insert has none
	}
	return row
}

// recorder returns a contender that writes batches and whose figure is uses per second.
func (db *database) recorder(l *lab.Lab, callers int, write func(context.Context, []entitlements.Use) error) measure.Contender {
	return func(ctx context.Context) (float64, error) {
		if err := db.reset(ctx); err != nil {
			return 0, err
		}
		random := make([]*rand.Rand, callers)
		for i := range random {
			random[i] = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
		}
		load, err := measure.Run(ctx, callers, l.Length/2, func(ctx context.Context, caller, _ int) error {
			return write(ctx, db.batch(random[caller]))
		})
		if err != nil {
			return 0, err
		}
		return load.Rate() * recordBatch, db.verifyRecorded(ctx, load.Calls*recordBatch)
	}
}

func (db *database) batch(r *rand.Rand) []entitlements.Use {
	uses := make([]entitlements.Use, recordBatch)
	for i := range uses {
		uses[i] = entitlements.Use{Tenant: db.tenants[r.IntN(len(db.tenants))], Feature: db.features[0], Quantity: 1, Key: key(r)}
	}
	return uses
}

func (db *database) record(ctx context.Context, uses []entitlements.Use) error {
	return db.gate.Record(ctx, uses...)
}

const insertSQL = `
with u as materialized (
  select *
  from unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::bigint[], $6::timestamptz[], $7::bigint[])
    as u (tenant_id, key, id, feature_key, qty, occurred_at, digest)
),
k as (
  insert into tenon.usage_keys (tenant_id, key, id, digest)
  select tenant_id, key, id, digest
  from u
)
insert into tenon.usage_events (tenant_id, id, feature_key, qty, occurred_at, metadata)
select tenant_id, id, feature_key, qty, occurred_at, '{}'
from u`

// insert is the peer.
func (db *database) insert(ctx context.Context, uses []entitlements.Use) error {
	n := len(uses)
	tenants, keys, ids, features := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	quantities, times, digests := make([]int64, n), make([]time.Time, n), make([]int64, n)
	now := time.Now()
	for i, u := range uses {
		tenants[i], keys[i], ids[i], features[i] = u.Tenant, u.Key, tenon.NewID(now), u.Feature
		quantities[i], times[i], digests[i] = u.Quantity, now, int64(i)
	}
	_, err := db.pool.Exec(ctx, insertSQL, tenants, keys, ids, features, quantities, times, digests)
	return err
}

const countSQL = `
update tenon.usage_counters c
set used = c.used + e.used
from (select tenant_id, feature_key, sum(qty) as used from tenon.usage_events group by 1, 2) e
where c.tenant_id = e.tenant_id
and c.feature_key = e.feature_key
and (select sum(used) from tenon.usage_counters) = (select sum(used) from bench.counters)`

// verifyRecorded counts what the bare insert left uncounted, and then verifies as ever.
func (db *database) verifyRecorded(ctx context.Context, written int) error {
	if _, err := db.pool.Exec(ctx, countSQL); err != nil {
		return err
	}
	return db.verify(ctx, written)
}
