package gdpr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/migrations"
)

const (
	eraseOrders = 10_000 // of each company that is erased, with four lines and two events each
	eraseBatch  = 250    // tenon's default
	stayers     = 20     // companies that stay, a tenth of the size
	updaters    = 4      // clients of theirs
)

const tradeSQL = `
create schema trade;
create table trade.companies (id bigint primary key, name text not null);
create table trade.orders (
  id         bigint generated always as identity primary key,
  company_id bigint not null references trade.companies,
  note       text not null,
  seen       int not null default 0);
create index on trade.orders (company_id);
create table trade.lines (
  id       bigint generated always as identity primary key,
  order_id bigint not null references trade.orders,
  what     text not null,
  pieces   int not null);
create index on trade.lines (order_id);
create table trade.events (
  id         bigint generated always as identity primary key,
  company_id bigint not null references trade.companies,
  order_id   bigint references trade.orders,
  what       jsonb not null);
create index on trade.events (company_id);
create index on trade.events (order_id)`

// Companies are filled in turns, so that their rows lie among each other as they do in life.
const fillTradeSQL = `
with made as (
  insert into trade.orders (company_id, note)
  select c, 'order ' || o || ' of the company ' || c
  from generate_series(1, $2::int) o, generate_series($1::int, $3::int) c
  returning id, company_id),
lines as (
  insert into trade.lines (order_id, what, pieces)
  select id, 'thing ' || l, l from made, generate_series(1, 4) l)
insert into trade.events (company_id, order_id, what)
select company_id, id, jsonb_build_object('seen', e) from made, generate_series(1, 2) e`

func tradeDefinition() *gdpr.Definition {
	all := func(names ...string) map[string]gdpr.ColumnRule { return gdpr.Columns(gdpr.ColumnRule{}, names...) }
	return &gdpr.Definition{
		Root: gdpr.Root{Table: "trade.companies", Key: "id"}, Schemas: []string{"trade"},
		Tables: map[string]gdpr.TableRule{
			"trade.companies": {Rule: gdpr.Delete, Columns: all("id", "name")},
			"trade.orders":    {Rule: gdpr.Delete, Columns: all("id", "company_id", "note", "seen")},
			"trade.lines":     {Rule: gdpr.Delete, Columns: all("id", "order_id", "what", "pieces")},
			"trade.events":    {Rule: gdpr.Delete, Columns: all("id", "company_id", "order_id", "what")},
		},
	}
}

// trade is a host with companies that go and companies that stay.
type trade struct {
	pool *pgxpool.Pool
	host *gdprpg.Host
	next int // the company that goes next
	size int // orders of each
	rows int64
	stay int // the first of those that stay
}

func newTrade(ctx context.Context, l *lab.Lab, goers int) (*trade, error) {
	pool, err := l.Pool(ctx, "gdpr_erase", migrations.GDPR)
	if err != nil {
		return nil, err
	}
	t := &trade{pool: pool, next: 1, size: l.Size(eraseOrders), stay: goers + 1}
	t.rows = int64(t.size)*7 + 1
	t.host = gdprpg.NewHost(pool, gdprpg.HostOptions{Company: tradeDefinition(), Batch: eraseBatch})
	if _, err := pool.Exec(ctx, tradeSQL); err != nil {
		return t, err
	}
	if _, err := pool.Exec(ctx, "insert into trade.companies select c, 'Company ' || c from generate_series(1, $1::int) c", goers+stayers); err != nil {
		return t, err
	}
	if _, err := pool.Exec(ctx, fillTradeSQL, 1, t.size, goers); err != nil {
		return t, err
	}
	if _, err := pool.Exec(ctx, fillTradeSQL, t.stay, max(t.size/10, 1), goers+stayers); err != nil {
		return t, err
	}
	for _, sql := range []string{"vacuum analyze trade.orders", "vacuum analyze trade.lines", "vacuum analyze trade.events", "checkpoint"} {
		if _, err := pool.Exec(ctx, sql); err != nil {
			return t, err
		}
	}
	return t, nil
}

// left returns how many rows of a company there are.
func (t *trade) left(ctx context.Context, company int) (n int64, err error) {
	const sql = `
select (select count(*) from trade.companies where id = $1)
  + (select count(*) from trade.orders where company_id = $1)
  + (select count(*) from trade.events where company_id = $1)
  + (select count(*) from trade.lines l join trade.orders o on o.id = l.order_id where o.company_id = $1)`
	err = t.pool.QueryRow(ctx, sql, company).Scan(&n)
	return n, err
}

// timed erases the next company by do, and returns how many rows a second.
func (t *trade) timed(do func(ctx context.Context, company int) error) measure.Contender {
	return func(ctx context.Context) (float64, error) {
		company := t.next
		t.next++
		if n, err := t.left(ctx, company); err != nil || n != t.rows {
			return 0, fmt.Errorf("company %d has %d rows: %w", company, n, err)
		}
		start := time.Now()
		if err := do(ctx, company); err != nil {
			return 0, err
		}
		took := time.Since(start)
		if n, err := t.left(ctx, company); err != nil || n != 0 {
			return 0, fmt.Errorf("company %d has kept %d rows: %w", company, n, err)
		}
		return float64(t.rows) / took.Seconds(), nil
	}
}

// erase is tenon's: by a plan that was made before.
func (t *trade) erase(ctx context.Context, company int) error {
	d := gdpr.Deletion{ID: tenon.NewID(time.Now()), Subject: tenon.Subject{Tenant: fmt.Sprint(company)}, At: time.Now()}
	plan, err := t.host.Plan(ctx, d.Subject)
	if err != nil {
		return err
	}
	_, err = t.host.Erase(ctx, d, plan)
	return err
}

// byHand are the deletes that one writes who knows the schema, in their order.
var byHand = []string{`
delete from trade.lines
where id in (
  select l.id
  from trade.lines l
  join trade.orders o on o.id = l.order_id
  where o.company_id = $1
  limit $2)`, `
delete from trade.events
where id in (
  select id
  from trade.events
  where company_id = $1
  limit $2)`, `
delete from trade.orders
where id in (
  select id
  from trade.orders
  where company_id = $1
  limit $2)`, `
delete from trade.companies
where id in (
  select id
  from trade.companies
  where id = $1
  limit $2)`}

// eraseByHand erases a company in batches, without a rest.
func (t *trade) eraseByHand(ctx context.Context, company int) error {
	for _, sql := range byHand {
		for {
			tag, err := t.pool.Exec(ctx, sql, company, eraseBatch)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				break
			}
		}
	}
	return nil
}

const touchSQL = `
update trade.orders
set seen = seen + 1
where id = $1`

const computeSQL = `
do $$
declare
  v_until timestamptz := clock_timestamp() + interval '%d ms';
begin
  while clock_timestamp() < v_until loop
  end loop;
end
$$`

// compute keeps a processor of the server's busy, and reads and writes no table.
func (t *trade) compute(d time.Duration) func(ctx context.Context, _ int) error {
	return func(ctx context.Context, _ int) error {
		_, err := t.pool.Exec(ctx, fmt.Sprintf(computeSQL, d.Milliseconds()))
		return err
	}
}

// disturbance is the time within which 99 of 100 point updates are answered, in milliseconds: while nobody erases, and
// while somebody does.
type disturbance struct{ calm, meanwhile measure.Series }

// disturbed returns how many times longer point updates of those who stay take while companies are erased. An erasure
// and a calm of the same length take turns, so that both meet the same machine.
func (t *trade) disturbed(l *lab.Lab, ids []int64, d *disturbance, erase func(ctx context.Context, company int) error) measure.Contender {
	return func(ctx context.Context) (float64, error) {
		ctx, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		var erasing atomic.Bool
		var all sync.WaitGroup
		times := make([][2][]float64, updaters)
		for u := range updaters {
			all.Go(func() {
				if err := t.update(ctx, ids, &erasing, &times[u]); err != nil {
					stop(err)
				}
			})
		}
		for began := time.Now(); time.Since(began) < 4*l.Length && t.next < t.stay && ctx.Err() == nil; t.next++ {
			erasing.Store(true)
			start := time.Now()
			if err := erase(ctx, t.next); err != nil {
				stop(err)
			}
			erasing.Store(false)
			time.Sleep(time.Since(start))
		}
		stop(errEnough)
		all.Wait()
		if err := context.Cause(ctx); !errors.Is(err, errEnough) {
			return 0, err
		}
		calm, meanwhile := p99(times, 0), p99(times, 1)
		d.calm, d.meanwhile = append(d.calm, calm), append(d.meanwhile, meanwhile)
		return meanwhile / max(calm, 0.001), nil
	}
}

var errEnough = errors.New("enough")

// update updates rows until ctx is done. The times are kept by whether somebody erased, at both ends of the update.
func (t *trade) update(ctx context.Context, ids []int64, erasing *atomic.Bool, times *[2][]float64) error {
	for ctx.Err() == nil {
		before, start := erasing.Load(), time.Now()
		if _, err := t.pool.Exec(context.WithoutCancel(ctx), touchSQL, ids[rand.IntN(len(ids))]); err != nil {
			return err
		}
		took := measure.Milliseconds(time.Since(start))
		if before != erasing.Load() {
			continue
		}
		if before {
			times[1] = append(times[1], took)
		} else {
			times[0] = append(times[0], took)
		}
	}
	return nil
}

func p99(times [][2][]float64, which int) float64 {
	var all []float64
	for _, t := range times {
		all = append(all, t[which]...)
	}
	if len(all) == 0 {
		return 0 // of a test that is too quick
	}
	slices.Sort(all)
	return all[min(len(all)*99/100, len(all)-1)]
}

func (t *trade) stayingOrders(ctx context.Context) (ids []int64, err error) {
	err = t.pool.QueryRow(ctx, "select array_agg(id) from trade.orders where company_id >= $1", t.stay).Scan(&ids)
	return ids, err
}

// compareErase erases companies of the same size, and looks how their neighbours fare.
func compareErase(ctx context.Context, l *lab.Lab, s *report.Section) error {
	seconds := int(l.Length.Seconds()) + 1
	t, err := newTrade(ctx, l, 2*l.Rounds+2*l.Rounds*5*seconds)
	if t != nil {
		defer t.pool.Close()
	}
	if err != nil {
		return err
	}
	l.Say("gdpr: erase")
	speed, err := measure.Interleave(ctx, l.Rounds, t.timed(t.erase), t.timed(t.eraseByHand))
	if err != nil {
		return err
	}
	ids, err := t.stayingOrders(ctx)
	if err != nil {
		return err
	}
	l.Say("gdpr: neighbours of an erasure")
	var d [3]disturbance
	ratios, err := measure.Interleave(ctx, l.Rounds, t.disturbed(l, ids, &d[0], t.erase),
		t.disturbed(l, ids, &d[1], t.eraseByHand), t.disturbed(l, ids, &d[2], t.compute(l.Length)))
	if err != nil {
		return err
	}
	s.Samples = append(s.Samples, report.Sample{Name: "erase/tenon", Unit: report.PerSecond, Series: speed[0]},
		report.Sample{Name: "erase/by_hand", Unit: report.PerSecond, Series: speed[1]})
	s.Tables = append(s.Tables, eraseTable(t, speed), neighbourTable(ratios, d))
	return nil
}

func eraseTable(t *trade, speed []measure.Series) report.Table {
	return report.Table{
		Title: "Erase", Columns: []string{"tenon, rows", "by hand, rows"},
		Text: fmt.Sprintf("A company's rows in four tables, in batches of %d, a commit each. Tenon's time includes the plan, its check against "+
			"the schema, the progress that a resume needs, and its rests, as long as each batch; by hand are the ordered deletes that one "+
			"writes who knows the schema.", eraseBatch),
		Rows: []report.Row{{
			Case: fmt.Sprintf("%d rows", t.rows), Figure: report.Over(speed[0], speed[1]),
			Target: report.Target{Bound: report.AtLeast, Value: 0.7},
			Cells:  []string{report.Spread(speed[0], report.PerSecond), report.Spread(speed[1], report.PerSecond)},
		}},
	}
}

func neighbourTable(ratios []measure.Series, d [3]disturbance) report.Table {
	row := func(name string, i int, target report.Target) report.Row {
		return report.Row{
			Case: name, Figure: report.Figure{Value: ratios[i].Median(), Unit: report.Times}, Target: target,
			Cells: []string{report.Spread(d[i].meanwhile, report.Milliseconds), report.Spread(d[i].calm, report.Milliseconds)},
		}
	}
	return report.Table{
		Title: "Neighbours of an erasure", Columns: []string{"p99 meanwhile", "p99 in between"},
		Text: fmt.Sprintf("Updates of one row each by %d clients of companies that stay. Others are erased one after the other, with a calm of "+
			"the same length after each. The last row is what one busy processor costs neighbours: a loop in one connection that reads and "+
			"writes no table.", updaters),
		Rows: []report.Row{
			row("tenon erases", 0, report.Target{Bound: report.AtMost, Value: 1.2}),
			row("deletes by hand", 1, report.Target{}),
			row("a connection that computes alone", 2, report.Target{}),
		},
	}
}
