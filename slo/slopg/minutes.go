package slopg

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/transbotai/tenon/slo"
)

// recordSQL writes rollups and sketches in one statement, in the order of their keys. Of two counts of the same minute
// by the same instance the one with more events stays, since counts only grow.
const recordSQL = `
with given as (
  select *
  from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::bigint[], $7::bigint[], $8::boolean[],
    $9::bytea[])
    as u (tenant_id, objective, measure, minute, instance, good, valid, closed, cells)
), sketched as (
  insert into tenon.slo_sketches as s (tenant_id, objective, measure, minute, instance, events, cells)
  select tenant_id, objective, measure, minute, instance, valid, cells
  from given
  where cells <> ''
  order by tenant_id, objective, measure, minute, instance
  on conflict (tenant_id, objective, measure, minute, instance) do update
  set events = excluded.events,
    cells = excluded.cells
  where excluded.events >= s.events
)
insert into tenon.slo_rollups as r (tenant_id, objective, measure, minute, instance, good, valid, closed)
select tenant_id, objective, measure, minute, instance, good, valid, closed
from given
order by tenant_id, objective, measure, minute, instance
on conflict (tenant_id, objective, measure, minute, instance) do update
set good = case when excluded.valid >= r.valid then excluded.good else r.good end,
  valid = greatest(excluded.valid, r.valid),
  closed = excluded.closed or r.closed
where excluded.valid >= r.valid
  or excluded.closed and not r.closed`

// Record implements [slo.Store].
func (s *Store) Record(ctx context.Context, minutes []slo.Minute) error {
	for _, m := range minutes {
		if err := m.Check(); err != nil {
			return err
		}
	}
	var c columns
	for _, m := range latest(minutes) {
		c.add(m)
	}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, recordSQL, c.tenants, c.objectives, c.measures, c.minutes, c.instances, c.good, c.valid,
			c.closed, c.cells)
		return err
	})
	if err == nil {
		s.stats.recorded.Add(int64(len(minutes)))
	}
	return err
}

type columns struct {
	tenants, objectives, measures, instances []string

	minutes     []time.Time
	cells       [][]byte
	good, valid []int64
	closed      []bool
}

func (c *columns) add(m slo.Minute) {
	c.tenants, c.objectives = append(c.tenants, m.Tenant), append(c.objectives, m.Name)
	c.measures, c.instances = append(c.measures, m.Measure), append(c.instances, m.Instance)
	c.minutes, c.closed = append(c.minutes, m.At), append(c.closed, m.Closed)
	c.good, c.valid = append(c.good, m.Good), append(c.valid, m.Valid)
	c.cells = append(c.cells, pack(m.Sketch))
}

// cellBytes is what a cell takes: its index and its count, the highest byte first, as int2send and int4send write them.
const cellBytes = 6

func pack(s slo.Sketch) []byte {
	b := make([]byte, 0, cellBytes*len(s))
	for _, c := range s {
		b = binary.BigEndian.AppendUint16(b, uint16(c.Index))
		b = binary.BigEndian.AppendUint32(b, uint32(min(c.Count, math.MaxInt32))) // for display; no minute reaches it
	}
	return b
}

func unpack(b []byte, into *slo.Histogram) {
	for ; len(b) >= cellBytes; b = b[cellBytes:] {
		into.Add(slo.Cell{Index: int(binary.BigEndian.Uint16(b)), Count: int64(binary.BigEndian.Uint32(b[2:]))})
	}
}

func compareMinutes(a, b slo.Minute) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Measure, b.Measure),
		a.At.Compare(b.At), cmp.Compare(a.Instance, b.Instance))
}

// latest leaves one of several counts of the same minute, since a statement cannot write a row twice.
func latest(minutes []slo.Minute) []slo.Minute {
	sorted := slices.SortedStableFunc(slices.Values(minutes), compareMinutes)
	kept := sorted[:0]
	for _, m := range sorted {
		if n := len(kept); n > 0 && compareMinutes(kept[n-1], m) == 0 {
			closed := m.Closed || kept[n-1].Closed
			if m.Valid >= kept[n-1].Valid {
				kept[n-1] = m
			}
			kept[n-1].Closed = closed
			continue
		}
		kept = append(kept, m)
	}
	return kept
}

const spansSQL = `
unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[]) with ordinality
  as u (tenant_id, objective, measure, from_at, to_at, slice, i)`

const countSQL = `
select coalesce(c.good, 0), coalesce(c.valid, 0), coalesce(c.open, 0)
from ` + spansSQL + `
left join lateral (
  select sum(r.good)::bigint as good, sum(r.valid)::bigint as valid,
    count(*) filter (where not r.closed and r.minute < u.to_at - interval '3 minutes') as open
  from tenon.slo_rollups r
  where r.tenant_id = u.tenant_id
    and r.objective = u.objective
    and r.measure = u.measure
    and r.minute >= u.from_at
    and r.minute < u.to_at) c on true
order by u.i`

const sliceSQL = `
select coalesce(c.good, 0), coalesce(c.valid, 0), coalesce(c.open, 0)
from ` + spansSQL + `
left join lateral (
  select count(*) filter (where m.valid > 0 and m.good * 1000000 >= m.valid * u.slice) as good,
    count(*) filter (where m.valid > 0) as valid,
    sum(m.open)::bigint as open
  from (
    select sum(r.good) as good, sum(r.valid) as valid,
      count(*) filter (where not r.closed and r.minute < u.to_at - interval '3 minutes') as open
    from tenon.slo_rollups r
    where r.tenant_id = u.tenant_id
      and r.objective = u.objective
      and r.measure = u.measure
      and r.minute >= u.from_at
      and r.minute < u.to_at
    group by r.minute) m) c on true
order by u.i`

// Count implements [slo.Store]. Events are added up in one statement, minutes of slices in another.
func (s *Store) Count(ctx context.Context, spans []slo.Span) ([]slo.Count, error) {
	var events, slices []int
	for i, span := range spans {
		if span.Slice == 0 {
			events = append(events, i)
		} else {
			slices = append(slices, i)
		}
	}
	counts := make([]slo.Count, len(spans))
	for _, one := range []struct {
		sql   string
		which []int
	}{{countSQL, events}, {sliceSQL, slices}} {
		if err := s.count(ctx, one.sql, spans, one.which, counts); err != nil {
			return nil, translate(err)
		}
	}
	return counts, nil
}

func (s *Store) count(ctx context.Context, sql string, spans []slo.Span, which []int, counts []slo.Count) error {
	if len(which) == 0 {
		return nil
	}
	rows, err := s.db.Query(ctx, sql, spanArgs(spans, which)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for i := 0; rows.Next(); i++ {
		c := &counts[which[i]]
		if err := rows.Scan(&c.Good, &c.Valid, &c.Open); err != nil {
			return err
		}
	}
	return rows.Err()
}

func spanArgs(spans []slo.Span, which []int) []any {
	var tenants, objectives, measures []string
	var from, to []time.Time
	var slices []int64
	for _, i := range which {
		s := spans[i]
		tenants, objectives, measures = append(tenants, s.Tenant), append(objectives, s.Name), append(measures, s.Measure)
		from, to, slices = append(from, s.From), append(to, s.To), append(slices, int64(s.Slice))
	}
	return []any{tenants, objectives, measures, from, to, slices}
}

const sketchSQL = `
select u.i, s.cells
from ` + spansSQL + `
join tenon.slo_sketches s on s.tenant_id = u.tenant_id
  and s.objective = u.objective
  and s.measure = u.measure
  and s.minute >= u.from_at
  and s.minute < u.to_at`

// Sketch implements [slo.Store]. Sketches are added up here, which is many times as fast as there.
func (s *Store) Sketch(ctx context.Context, spans []slo.Span) ([]slo.Sketch, error) {
	which := make([]int, len(spans))
	for i := range which {
		which[i] = i
	}
	rows, err := s.db.Query(ctx, sketchSQL, spanArgs(spans, which)...)
	if err != nil {
		return nil, translate(err)
	}
	defer rows.Close()
	sums := make([]slo.Histogram, len(spans))
	for rows.Next() {
		var i int64
		var cells pgtype.DriverBytes // valid until the next row
		if err := rows.Scan(&i, &cells); err != nil {
			return nil, translate(err)
		}
		unpack(cells, &sums[i-1])
	}
	if err := rows.Err(); err != nil {
		return nil, translate(err)
	}
	sketches := make([]slo.Sketch, len(spans))
	for i := range sums {
		sketches[i] = sums[i].Sketch()
	}
	return sketches, nil
}
