package entitlementspg

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/entitlements"
)

const alertsSQL = `
select period, period_start, threshold
from tenon.usage_alerts
where tenant_id = $1
  and feature_key = $2
  and (period, period_start) in (
    select *
    from unnest($3::text[], $4::timestamptz[]))`

func (l *ledger) queueAlertsIn(b *pgx.Batch) {
	var periods []string
	var starts []time.Time
	for _, t := range l.instants() {
		for _, w := range l.Terms.Windows(t) {
			periods, starts = append(periods, w.Period.String()), append(starts, w.Start)
		}
	}
	b.Queue(alertsSQL, l.account.tenant, l.account.feature, periods, starts).Query(l.readAlerts)
}

func (l *ledger) readAlerts(rows pgx.Rows) error {
	l.Alerts = map[entitlements.Alert]bool{}
	for rows.Next() {
		var text string
		var a entitlements.Alert
		if err := rows.Scan(&text, at(&a.Start), &a.Name); err != nil {
			return err
		}
		var err error
		if a.Period, err = entitlements.ParsePeriod(text); err != nil {
			return err
		}
		l.Alerts[a] = true
	}
	return rows.Err()
}

// instants are the times whose counters the jobs touch.
func (l *ledger) instants() []time.Time {
	var times []time.Time
	add := func(t time.Time) {
		if !slices.ContainsFunc(times, t.Equal) {
			times = append(times, t)
		}
	}
	for _, j := range l.jobs {
		add(j.op.At)
		add(j.op.Now)
	}
	for _, h := range l.Holds {
		add(h.CreatedAt)
	}
	for _, originals := range l.Originals {
		for _, e := range originals {
			add(e.OccurredAt)
		}
	}
	return times
}

// spans are the instants, and the present periods: a counter that overlaps one of those must not stand beside it.
func (l *ledger) spans() (firsts, ends []time.Time) {
	for _, t := range l.instants() {
		firsts, ends = append(firsts, t), append(ends, t.Add(time.Microsecond))
	}
	for _, w := range l.Terms.Windows(l.now) {
		firsts, ends = append(firsts, w.Start), append(ends, w.End)
	}
	return firsts, ends
}

const lockCountersSQL = `
select c.period, c.period_start, c.period_end, c.used, c.held, c.granted
from tenon.usage_counters c
where c.tenant_id = $1
  and c.feature_key = $2
  and exists (
    select
    from unnest($3::timestamptz[], $4::timestamptz[]) as t(first_at, end_at)
    where c.period_start < t.end_at
      and c.period_end > t.first_at)
order by c.period, c.period_start
for no key update`

// readCounters locks the counters, and makes those that the terms need and that are not there.
func (l *ledger) readCounters(ctx context.Context) error {
	b := &pgx.Batch{}
	firsts, ends := l.spans()
	b.Queue(lockCountersSQL, l.account.tenant, l.account.feature, firsts, ends).Query(func(rows pgx.Rows) error {
		counters, err := pgx.CollectRows(rows, scanCounter)
		for _, c := range counters {
			l.Counters = append(l.Counters, &c)
		}
		return err
	})
	l.queueAlertsIn(b)
	if err := l.tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	for _, j := range l.jobs {
		l.begin(j.op.At)
		l.begin(j.op.Now)
	}
	for _, h := range l.Holds {
		if slices.ContainsFunc(l.jobs, func(j job) bool { return j.op.Hold == h.ID }) {
			l.begin(h.CreatedAt)
		}
	}
	return l.count(ctx)
}

func scanCounter(row pgx.CollectableRow) (c entitlements.Counter, err error) {
	var text string
	if err := row.Scan(&text, at(&c.Start), at(&c.End), &c.Used, &c.Held, &c.Granted); err != nil {
		return c, err
	}
	c.Period, err = entitlements.ParsePeriod(text)
	return c, err
}

// begin adds the counters for t that are not there, uncounted.
func (l *ledger) begin(t time.Time) {
	for _, w := range l.Terms.Windows(t) {
		there := slices.ContainsFunc(l.Counters, func(c *entitlements.Counter) bool {
			return c.Period == w.Period && c.Start.Equal(w.Start)
		})
		if !there {
			w.Used = -1
			l.Counters = append(l.Counters, &w)
		}
	}
}

// countSQL makes a counter from the events, the draws and the open holds whose time lies in its period. A row that is
// there already is as right, and is returned as it is.
const countSQL = `
insert into tenon.usage_counters (tenant_id, feature_key, period, period_start, period_end, used, held, granted, ceiling,
  sealed_until, source, plan_version, hard_limit, soft_limit, overage_limit, spare, plan_id)
select $1, $2, $3, $4, $5, coalesce(e.qty, 0), coalesce(h.qty, 0), coalesce(e.drawn, 0) + coalesce(h.drawn, 0), 0,
  $6, 0, 0, 0, 0, 0, 0, ''
from (
  select sum(qty)::bigint as qty, sum((
    select sum(d.qty)
    from tenon.grant_draws d
    where d.tenant_id = $1
      and d.source_id = e.id))::bigint as drawn
  from tenon.usage_events e
  where tenant_id = $1
    and feature_key = $2
    and occurred_at >= $4
    and occurred_at < $5) e,
  (
  select sum(qty)::bigint as qty, sum((
    select sum(d.qty)
    from tenon.grant_draws d
    where d.tenant_id = $1
      and d.source_id = h.id))::bigint as drawn
  from tenon.holds h
  where tenant_id = $1
    and feature_key = $2
    and state = 'open'
    and created_at >= $4
    and created_at < $5) h
on conflict (tenant_id, feature_key, period, period_start) do update
set used = usage_counters.used
returning used, held, granted`

func queueCount(b *pgx.Batch, tenant, feature string, c *entitlements.Counter) {
	b.Queue(countSQL, tenant, feature, c.Period.String(), c.Start, c.End, unsealed).QueryRow(func(row pgx.Row) error {
		return row.Scan(&c.Used, &c.Held, &c.Granted)
	})
}

func (l *ledger) count(ctx context.Context) error {
	b := &pgx.Batch{}
	for _, c := range l.Counters {
		if c.Used < 0 {
			queueCount(b, l.account.tenant, l.account.feature, c)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return l.tx.SendBatch(ctx, b).Close()
}
