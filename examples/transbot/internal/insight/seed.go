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
select company_id, id::text, price_cents, created_at, sent_at, accepted_at, booked_at
from public.quotes
where created_at > $1
  and not exists (
    select
    from tenon.event_keys k
    where k.tenant_id = company_id
      and k.key = 'quote_created/' || id)
order by created_at`

const countsSQL = `
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
	rows, err := pool.Query(ctx, countsSQL)
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
	var events []kpi.Event
	var company, id string
	var cents int64
	var created time.Time
	var sent, accepted, booked *time.Time
	_, err = pgx.ForEachRow(rows, []any{&company, &id, &cents, &created, &sent, &accepted, &booked}, func() error {
		events = append(events, Deed{Company: company, At: created}.Created(id, cents, 1))
		if sent != nil {
			events = append(events, Deed{Company: company, At: *sent}.Sent(id, 1+int(cents%3)))
		}
		if accepted != nil {
			events = append(events, Deed{Company: company, At: *accepted}.Accepted(id, accepted.Sub(*sent)))
		}
		if booked != nil {
			events = append(events, Deed{Company: company, At: *booked}.Booked(id, cents))
		}
		return nil
	})
	return events, err
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
