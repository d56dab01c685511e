package control

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// How far what loads cost may be off what was quoted, as a share of it.
const (
	varianceAmber = 0.02
	varianceRed   = 0.03
)

// Variance is how far off quotes were, over the loads that were settled since.
type Variance struct {
	Loads        int
	Quoted, Cost int64 // cents
	Since        time.Time
}

// Share is what loads cost beyond what was quoted, as a share of it.
func (v Variance) Share() float64 {
	if v.Quoted == 0 {
		return 0
	}
	return float64(v.Cost-v.Quoted) / float64(v.Quoted)
}

// state is amber beyond 2 % either way, and fails beyond 3. A few loads say nothing.
func (v Variance) state() State {
	off := math.Abs(v.Share())
	switch {
	case v.Loads < fewLoads:
		return Unknown
	case off > varianceRed:
		return Fail
	case off > varianceAmber:
		return Amber
	}
	return Pass
}

// varianceDays is how far back loads count, and fewLoads how many are too few.
const (
	varianceDays = 30
	fewLoads     = 30
)

const varianceSQL = `
select count(*), coalesce(sum(q.price_cents), 0)::bigint, coalesce(sum(c.cost_cents), 0)::bigint
from public.load_costs c
join public.quotes q on q.company_id = c.company_id and q.id = c.quote_id
where c.settled_at >= $1
  and q.deleted_at is null`

// Variance compares what was quoted with what the loads of the last 30 days cost.
func (d *Desk) Variance(ctx context.Context, now time.Time) (Variance, error) {
	v := Variance{Since: now.Add(-varianceDays * day)}
	err := d.Pool.QueryRow(ctx, varianceSQL, v.Since).Scan(&v.Loads, &v.Quoted, &v.Cost)
	return v, err
}

func (d *Desk) variance(ctx context.Context, s seen) (Item, error) {
	item := Item{
		Key: "variance", Title: "Quote variance against actual", Bound: "within ±2 %, red beyond ±3 %", Link: "#variance", More: "how it is counted",
	}
	v, err := d.Variance(ctx, s.now)
	if err != nil {
		return item, err
	}
	item.State = v.state()
	item.Value = fmt.Sprintf("%+.2f %% over %s loads of %d days: quoted %s, cost %s", 100*v.Share(), grouped(int64(v.Loads)), varianceDays, dollars(v.Quoted), dollars(v.Cost))
	if item.State == Unknown {
		item.Value = fmt.Sprintf("%d loads in %d days are too few to tell, %d are needed", v.Loads, varianceDays, fewLoads)
	}
	return item, nil
}

// What a load of the demo cost is drawn from its id, so that it is the same each time: 1.4 % more than was quoted, give
// or take 4.
const seedCosts = `
insert into public.load_costs (company_id, quote_id, cost_cents, settled_at)
select company_id, id,
  greatest(round(price_cents * (1.014 + 0.08 * (('x' || left(md5(id::text), 8))::bit(32)::bigint / 4294967295.0 - 0.5))), 1)::bigint,
  booked_at + interval '2 days'
from public.quotes
where booked_at <= $1::timestamptz - interval '2 days'
on conflict do nothing`

// SeedCosts makes up what the demo's loads cost, two days after they were booked, and returns how many are new.
func SeedCosts(ctx context.Context, db freight.DB, now time.Time) (int64, error) {
	tag, err := db.Exec(ctx, seedCosts, now)
	return tag.RowsAffected(), err
}
