package ops

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/slo"
)

// seeded is how far back the demo's traffic goes: the longest window.
const seeded = 24 * time.Hour

const newestSQL = `
select coalesce(max(at), '-infinity'::timestamptz) = '-infinity', coalesce(max(at), clock_timestamp())
from api_requests`

// Seed makes up the traffic of the last day up to now, or since what is there: calm, with a failure now and then.
func (d *Desk) Seed(ctx context.Context, now time.Time) (int, error) {
	var none bool
	var from time.Time
	if err := d.pool.QueryRow(ctx, newestSQL).Scan(&none, &from); err != nil {
		return 0, err
	}
	if none || now.Sub(from) > seeded {
		from = now.Add(-seeded)
	}
	if err := d.seedWaits(ctx, from, now); err != nil {
		return 0, err
	}
	made := 0
	companies, err := d.customers(ctx)
	if err != nil {
		return 0, err
	}
	for m := from.Truncate(time.Minute).Add(time.Minute); m.Before(now); {
		var r rows
		for range 60 { // an hour in a transaction
			if m.Before(now) {
				r.minute(m, now, companies)
			}
			m = m.Add(time.Minute)
		}
		if err := r.copy(ctx, d.pool); err != nil {
			return made, err
		}
		made += len(r.requests)
	}
	return made, nil
}

// seedWaits makes up the samples of an empty queue, for as long as its objective looks back.
func (d *Desk) seedWaits(ctx context.Context, from, now time.Time) error {
	var minutes []slo.Minute
	for _, o := range objectives() {
		if o.Name != QueueWait {
			continue
		}
		first := now.Add(-o.Window.Length)
		if from.After(first) {
			first = from
		}
		for m := first.Truncate(time.Minute); m.Before(now.Truncate(time.Minute)); m = m.Add(time.Minute) {
			minutes = append(minutes, slo.Minute{
				Key: o.Key, Measure: o.Measure(), At: m.UTC(), Instance: "made up", Good: 30, Valid: 30, Closed: true,
			})
		}
	}
	return d.store.Record(ctx, minutes)
}

const customersSQL = `
select id
from companies
where deleted_at is null
  and created_at < now() - interval '1 day'
order by created_at, id`

// customers are the companies that the demo's traffic comes of, the oldest first. Who came today has only its own.
func (d *Desk) customers(ctx context.Context) ([]string, error) {
	rows, err := d.pool.Query(ctx, customersSQL)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// someone draws a company; the first are the busiest.
func someone(random *rand.Rand, companies []string) string {
	if len(companies) == 0 {
		return "nobody"
	}
	return companies[min(random.IntN(len(companies)), random.IntN(len(companies)))]
}

// requestsAMinute is the traffic of a calm minute, of which every second one asks for a quote and every third one gives
// an agent something to do.
const requestsAMinute = 24

// minute makes up a minute. The same minute is the same each time.
func (r *rows) minute(m, now time.Time, companies []string) {
	random := rand.New(rand.NewPCG(uint64(m.Unix()), 7))
	for i := range requestsAMinute {
		at := m.Add(time.Duration(random.Int64N(int64(time.Minute))))
		event := calm(random, int(m.Unix()/60)*requestsAMinute+i)
		event.company = someone(random, companies)
		if at.Before(now) {
			event.add(r, at)
		}
	}
}

// event is one request of the made-up traffic, and what came with it.
type event struct {
	company                         string
	quote, task, failed, taskFailed bool
	took                            time.Duration
}

// One in so many requests of a service that is well goes wrong. They are counted, not drawn: chance would now and then
// give an hour more of them than half a budget.
const (
	failsOneIn     = 6000
	taskFailsOneIn = 720 // a multiple of 3: it is one with a task
	slowOneIn      = 240 // even: it is one for a quote
)

// calm draws the request number i of a service that is well.
func calm(random *rand.Rand, i int) event {
	e := event{quote: i%2 == 0, task: i%3 == 0, failed: i%failsOneIn == 1, taskFailed: i%taskFailsOneIn == 3}
	e.took = time.Duration((70 + 90*min(random.ExpFloat64(), 4)) * float64(time.Millisecond))
	if i%slowOneIn == 2 {
		e.took += 450 * time.Millisecond
	}
	return e
}

// broken draws a request of a service that is ill.
func broken(random *rand.Rand, i int) event {
	e := calm(random, i)
	e.failed, e.taskFailed = random.IntN(3) == 0, random.IntN(2) == 0
	e.took += time.Duration((300 + 500*random.Float64()) * float64(time.Millisecond))
	return e
}

// add writes the event down as if it had ended at an instant.
func (e event) add(r *rows, at time.Time) {
	one := request{company: e.company, route: "GET /api/quotes", at: at, status: 200, took: e.took}
	if e.quote {
		one.route = "POST /api/quotes"
	}
	if e.failed {
		one.status = 503
	}
	r.request(one)
	if e.quote {
		r.quote(one)
	}
	if e.task {
		r.task(task{company: one.company, created: at.Add(-3 * e.took), started: at.Add(-2 * e.took), ended: at, failed: e.taskFailed})
	}
}

// trafficEvery is how often made-up traffic comes, and burst how much at a time: more than the seed's, so that whoever
// breaks the service need not wait for long.
const (
	trafficEvery = 500 * time.Millisecond
	burst        = 3
)

// Traffic goes on making traffic up until ctx is done, of a service that is broken while a drill is under way.
func (d *Desk) Traffic(ctx context.Context) error {
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 7))
	tick := time.NewTicker(trafficEvery)
	defer tick.Stop()
	for i := random.IntN(failsOneIn); ; i += burst {
		if err := d.breathe(ctx, random, i); err != nil && ctx.Err() == nil {
			d.logger.Warn("no traffic", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// breathe makes a burst of traffic.
func (d *Desk) breathe(ctx context.Context, random *rand.Rand, i int) error {
	drill, err := d.LastDrill(ctx)
	if err != nil {
		return err
	}
	d.broken.Store(drill.Broken())
	companies, err := d.customers(ctx)
	if err != nil {
		return err
	}
	draw, now := calm, time.Now()
	var r rows
	if drill.Broken() {
		draw = broken
		r.task(task{company: someone(random, companies), created: now}) // nobody takes it on
	} else if _, err := d.pool.Exec(ctx, workOffSQL); err != nil {
		return err
	}
	for n := range burst {
		e := draw(random, i+n)
		e.company = someone(random, companies)
		e.add(&r, now)
	}
	return r.copy(ctx, d.pool)
}

const workOffSQL = `
update agent_tasks
set started_at = clock_timestamp(),
  ended_at = clock_timestamp(),
  status = 'succeeded'
where started_at is null`
