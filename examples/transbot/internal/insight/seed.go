package insight

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/kpi"
)

const soldSQL = `
select q.company_id, q.id::text, q.price_cents, q.created_at, q.sent_at, q.accepted_at, q.booked_at
from public.quotes q
where q.created_at > $1
  and not exists (
    select
    from tenon.event_keys k
    where k.tenant_id = q.company_id
      and k.key = 'quote_created/' || q.id)
order by q.created_at`

const companiesSQL = `
select id
from public.companies
where deleted_at is null
order by id`

// Seed tells the events of the demo's quotes of the last months that were not told yet, and makes up partners that were
// invited to the directory. It is the same each time.
func (d *Desk) Seed(ctx context.Context, pool *pgxpool.Pool, now time.Time) (int, error) {
	events, err := sold(ctx, pool, now.Add(-Lookback))
	if err != nil {
		return 0, fmt.Errorf("insight: %w", err)
	}
	rows, err := pool.Query(ctx, companiesSQL)
	if err != nil {
		return 0, fmt.Errorf("insight: %w", err)
	}
	companies, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("insight: %w", err)
	}
	for i, company := range companies {
		events = append(events, partners(company, uint64(i), now)...)
	}
	patient := kpi.NewTracker(d.Store, &kpi.TrackerOptions{Registry: registry, Timeout: time.Minute})
	for from := 0; from < len(events); from += kpi.MaxEvents {
		if _, err := patient.Track(ctx, events[from:min(from+kpi.MaxEvents, len(events))]...); err != nil {
			return from, err
		}
	}
	return len(events), d.Store.Fold(ctx)
}

// sold returns what became of quotes.
func sold(ctx context.Context, pool *pgxpool.Pool, since time.Time) ([]kpi.Event, error) {
	rows, err := pool.Query(ctx, soldSQL, since)
	if err != nil {
		return nil, err
	}
	quotes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[soldQuote])
	var events []kpi.Event
	for _, q := range quotes {
		events = append(events, q.events()...)
	}
	return events, err
}

// soldQuote is a quote with what became of it.
type soldQuote struct {
	Company, ID            string
	Cents                  int64
	Created                time.Time
	Sent, Accepted, Booked *time.Time
}

func (q soldQuote) events() []kpi.Event {
	at := func(t time.Time) Deed { return Deed{Company: q.Company, At: t} }
	events := []kpi.Event{at(q.Created).Created(q.ID, q.Cents, 1)}
	if q.Sent != nil {
		events = append(events, at(*q.Sent).Sent(q.ID, 1+int(q.Cents%3)))
	}
	if q.Accepted != nil {
		events = append(events, at(*q.Accepted).Accepted(q.ID, q.Accepted.Sub(*q.Sent)))
	}
	if q.Booked != nil {
		events = append(events, at(*q.Booked).Booked(q.ID, q.Cents))
	}
	return events
}

var kinds = []string{"carrier", "broker", "warehouse", "customs"}

// partners makes up whom a company invited to the directory, and who came.
func partners(company string, seed uint64, now time.Time) []kpi.Event {
	r := rand.New(rand.NewPCG(seed, 90))
	day := now.UTC().Truncate(24 * time.Hour)
	var events []kpi.Event
	for i := range 4 + r.IntN(9) {
		id := fmt.Sprintf("%s-partner-%d", company, i)
		invited := day.Add(-time.Duration(1+r.IntN(89)) * 24 * time.Hour).Add(time.Duration(8*60+r.IntN(600)) * time.Minute)
		came := invited.Add(time.Duration(1+r.IntN(20)) * 24 * time.Hour)
		events = append(events, Deed{Company: company, At: invited}.Invited(id, kinds[r.IntN(len(kinds))]))
		if r.IntN(100) < 62 && came.Before(now) {
			events = append(events, Deed{Company: company, At: came}.Onboarded(id, came.Sub(invited)))
		}
	}
	return events
}
