package freight

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Validity is how long a quoted price holds.
const Validity = 7 * 24 * time.Hour

// Quote is a price that a company was told.
type Quote struct {
	ID         string
	Rate       Rate
	Status     string // created, sent, accepted, booked, declined or expired
	CreatedAt  time.Time
	ValidUntil time.Time
	Key        string // the caller's idempotency key; empty for none
	Job        string // the bulk job that it came from; empty for none
	Place      int    // its place in that job, from 0
}

// NewQuote returns a quote at a rate, made now.
func NewQuote(r Rate, now time.Time) Quote {
	return Quote{ID: tenon.NewID(now), Rate: r, Status: "created", CreatedAt: now, ValidUntil: now.Add(Validity)}
}

const insertQuotes = `
insert into public.quotes (company_id, id, key, bulk_job_id, lane, origin, destination, weight_kg, pallets, ready_on,
  distance_km, price_cents, status, created_at, valid_until, sent_at, accepted_at, booked_at)
select $1, id, nullif(key, ''), nullif(job, '')::uuid, case when job <> '' then lane end, origin, destination, weight,
  pallets, nullif(ready, '')::date, km, cents, status, made, valid,
  case when status <> 'created' then made + interval '2 hours' end,
  case when status in ('accepted', 'booked') then made + interval '20 hours' end,
  case when status = 'booked' then made + interval '30 hours' end
from unnest($2::uuid[], $3::text[], $4::text[], $5::int[], $6::text[], $7::text[], $8::int[], $9::int[], $10::text[],
  $11::int[], $12::bigint[], $13::text[], $14::timestamptz[], $15::timestamptz[])
  as q (id, key, job, lane, origin, destination, weight, pallets, ready, km, cents, status, made, valid)
on conflict do nothing
returning id::text`

// AddQuotes adds the company's quotes and returns the ids of those that are new: one with a key, or a place in a job,
// that is there already is left out.
func (s *Store) AddQuotes(ctx context.Context, company string, quotes ...Quote) (map[string]bool, error) {
	c := columns(quotes)
	ids, err := all[struct{ ID string }](ctx, s.db, insertQuotes, append([]any{company}, c.args()...)...)
	added := make(map[string]bool, len(ids))
	for _, id := range ids {
		added[id.ID] = true
	}
	return added, err
}

// quoteColumns are quotes as arrays, a column each.
type quoteColumns struct {
	id, key, job, origin, destination, ready, status []string
	place, weight, pallets, km                       []int
	cents                                            []int64
	made, valid                                      []time.Time
}

func columns(quotes []Quote) quoteColumns {
	var c quoteColumns
	for _, q := range quotes {
		l := q.Rate.Lane
		c.id, c.key, c.job = append(c.id, q.ID), append(c.key, q.Key), append(c.job, q.Job)
		c.place, c.origin, c.destination = append(c.place, q.Place), append(c.origin, l.Origin), append(c.destination, l.Destination)
		c.weight, c.pallets, c.ready = append(c.weight, l.WeightKG), append(c.pallets, l.Pallets), append(c.ready, l.ReadyOn)
		c.km, c.cents = append(c.km, q.Rate.DistanceKM), append(c.cents, q.Rate.PriceCents)
		c.status, c.made, c.valid = append(c.status, q.Status), append(c.made, q.CreatedAt), append(c.valid, q.ValidUntil)
	}
	return c
}

func (c quoteColumns) args() []any {
	return []any{c.id, c.key, c.job, c.place, c.origin, c.destination, c.weight, c.pallets, c.ready, c.km, c.cents, c.status, c.made, c.valid}
}

// quoteRow is a quote as it is read.
type quoteRow struct {
	ID, Key, Job, Origin, Destination, Ready, Status string
	Place, Weight, Pallets, KM                       int
	Cents                                            int64
	Made, Valid                                      time.Time
}

func (r quoteRow) quote() Quote {
	l := Lane{Origin: r.Origin, Destination: r.Destination, WeightKG: r.Weight, Pallets: r.Pallets, ReadyOn: r.Ready}
	return Quote{
		ID: r.ID, Rate: Rate{Lane: l, DistanceKM: r.KM, PriceCents: r.Cents}, Status: r.Status,
		CreatedAt: r.Made.UTC(), ValidUntil: r.Valid.UTC(), Key: r.Key, Job: r.Job, Place: r.Place,
	}
}

// quoteFields are read in the order of quoteRow.
const quoteFields = `
select id::text, coalesce(key, ''), coalesce(bulk_job_id::text, ''), origin, destination, coalesce(ready_on::text, ''),
  case when status in ('created', 'sent') and valid_until <= now() then 'expired' else status end,
  coalesce(lane, 0), weight_kg, pallets, distance_km, price_cents, created_at, valid_until
from public.quotes
where company_id = $1
  and deleted_at is null`

const (
	selectQuote      = quoteFields + ` and id = $2`
	selectQuoteByKey = quoteFields + ` and key = $2`
	selectJobQuotes  = quoteFields + ` and bulk_job_id = $2 order by lane`
	selectQuotes     = quoteFields + `
  and ($2 = '' or $2 = case when status in ('created', 'sent') and valid_until <= now() then 'expired' else status end)
  and ($3 = '' or (created_at, id) < (
    select created_at, id from public.quotes where company_id = $1 and id = nullif($3, '')::uuid))
order by created_at desc, id desc
limit $4`
)

// Quote returns the company's quote; [tenon.ErrNotFound] when there is none, or it is another company's. The id is a
// UUID.
func (s *Store) Quote(ctx context.Context, company, id string) (Quote, error) {
	r, err := one[quoteRow](ctx, s.db, selectQuote, company, id)
	return r.quote(), err
}

// QuoteByKey returns the company's quote that was made under an idempotency key; [tenon.ErrNotFound] when there is none.
func (s *Store) QuoteByKey(ctx context.Context, company, key string) (Quote, error) {
	r, err := one[quoteRow](ctx, s.db, selectQuoteByKey, company, key)
	return r.quote(), err
}

// QuoteQuery says which quotes are wanted.
type QuoteQuery struct {
	Company string
	Status  string // empty: any
	After   string // the id of the last quote that was seen; empty: from the newest
	Limit   int
}

// Statuses are those that a quote can have, in the order in which they come.
func Statuses() []string { return append(slices.Clone(progress), "declined", "expired") }

// Quotes returns a company's quotes, newest first.
func (s *Store) Quotes(ctx context.Context, q QuoteQuery) ([]Quote, error) {
	return quotes(all[quoteRow](ctx, s.db, selectQuotes, q.Company, q.Status, q.After, q.Limit))
}

// JobQuotes returns the quotes of a bulk job, by their place in it.
func (s *Store) JobQuotes(ctx context.Context, company, job string) ([]Quote, error) {
	return quotes(all[quoteRow](ctx, s.db, selectJobQuotes, company, job))
}

func quotes(rows []quoteRow, err error) ([]Quote, error) {
	if err != nil {
		return nil, fmt.Errorf("quotes: %w", err)
	}
	list := make([]Quote, len(rows))
	for i, r := range rows {
		list[i] = r.quote()
	}
	return list, nil
}
