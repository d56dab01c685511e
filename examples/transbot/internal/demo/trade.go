package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// trade adds the company's quotes of the last periods, a period a transaction, and returns how many were new.
func (p profile) trade(ctx context.Context, pool *pgxpool.Pool, now time.Time) (int, error) {
	if p.plan == "" {
		return 0, nil
	}
	company, err := freight.NewStore(pool).Company(ctx, p.ID)
	if err != nil {
		return 0, err
	}
	lanes := p.lanes()
	last := now.AddDate(0, 0, -p.quiet)
	total := 0
	for start, n := company.CreatedAt, 0; start.Before(last); n++ {
		_, end := entitlements.Monthly.Bounds(company.CreatedAt, start)
		if end.After(now.Add(-lookBack)) {
			added, err := p.tradeIn(ctx, pool, month{number: n, start: start, end: end, last: last, now: now}, lanes)
			if err != nil {
				return total, err
			}
			total += added
		}
		start = end
	}
	return total, nil
}

// month is a billing period that is filled.
type month struct {
	number     int // since the company came
	start, end time.Time
	last       time.Time // nothing happens after it
	now        time.Time
}

// tradeIn fills one period. Only what is new is counted, in the transaction that adds it.
func (p profile) tradeIn(ctx context.Context, pool *pgxpool.Pool, m month, lanes []freight.Lane) (added int, err error) {
	jobs, quotes := p.made(m, lanes)
	err = freight.InTx(ctx, pool, func(tx pgx.Tx) (bool, error) {
		store := freight.NewStore(tx)
		var uses []entitlements.Use
		newJobs := map[string]bool{}
		for _, j := range jobs {
			isNew, err := store.AddJob(ctx, p.ID, j)
			if err != nil {
				return false, err
			}
			if newJobs[j.ID] = isNew; isNew {
				uses = append(uses, p.use("bulk_rating", j.Key, j.CreatedAt), p.use("api_access", "call/"+j.Key, j.CreatedAt))
			}
		}
		quotes := slices.DeleteFunc(slices.Clone(quotes), func(q freight.Quote) bool { return q.Job != "" && !newJobs[q.Job] })
		ids, err := store.AddQuotes(ctx, p.ID, quotes...)
		if err != nil {
			return false, err
		}
		for _, q := range quotes {
			if ids[q.ID] {
				uses = append(uses, p.uses(q)...)
			}
		}
		added = len(ids)
		if len(uses) == 0 {
			return false, nil
		}
		return true, entitlements.NewGate(entitlementspg.New(tx, nil), patient).Record(ctx, uses...)
	})
	return added, err
}

// uses is what a quote counts as: a rate, and where the plan has programs of its own, a call.
func (p profile) uses(q freight.Quote) []entitlements.Use {
	list := []entitlements.Use{p.use("rates", q.Key, q.CreatedAt)}
	if q.Job == "" && p.plan != "starter" {
		list = append(list, p.use("api_access", "call/"+q.Key, q.CreatedAt))
	}
	return list
}

func (p profile) use(feature, key string, at time.Time) entitlements.Use {
	return entitlements.Use{Tenant: p.ID, Feature: feature, Quantity: 1, Key: key, At: at}
}

// made makes a period up. What it draws does not depend on the day on which it is drawn; what lies ahead is left out.
func (p profile) made(m month, lanes []freight.Lane) (jobs []freight.Job, quotes []freight.Quote) {
	r := p.rand(uint64(1000 + m.number))
	for i := range p.jobs {
		at := p.moment(r, m)
		key := fmt.Sprintf("demo/%d/job/%d", m.number, i)
		job := freight.Job{ID: tenon.NewID(at), Key: key, Digest: freight.KeyHash(key), CreatedAt: at}
		if at.Before(m.last) {
			jobs = append(jobs, job)
		}
		for lane := range 3 + r.IntN(8) {
			q := p.quote(r, m, lanes, at)
			q.Key, q.Job, q.Place = fmt.Sprintf("%s/%d", key, lane), job.ID, lane
			quotes = append(quotes, q)
		}
	}
	for i := range p.volume - len(quotes) {
		q := p.quote(r, m, lanes, p.moment(r, m))
		q.Key = fmt.Sprintf("demo/%d/%d", m.number, i)
		quotes = append(quotes, q)
	}
	return jobs, slices.DeleteFunc(quotes, func(q freight.Quote) bool { return !q.CreatedAt.Before(m.last) })
}

// quote makes up a quote of one of the company's lanes. What became of it depends on how old it is.
func (p profile) quote(r *rand.Rand, m month, lanes []freight.Lane, at time.Time) freight.Quote {
	l := lanes[min(r.IntN(len(lanes)), r.IntN(len(lanes)))] // the first lanes are the busiest
	l.WeightKG = 500 + 50*r.IntN(380)
	l.Pallets = r.IntN(freight.MaxPallets + 1)
	rate, _ := freight.RateLane(l, at) // made of places that are served
	q := freight.NewQuote(rate, at)
	fate := r.Float64()
	switch age := m.now.Sub(at); {
	case age < 3*time.Hour:
	case age < 2*day, fate < 0.30:
		q.Status = "sent"
	case fate < 0.45:
		q.Status = "declined"
	case fate < 0.60:
		q.Status = "accepted"
	default:
		q.Status = "booked"
	}
	return q
}

// moment returns when in a period something happens: in working hours, mostly not at the weekend.
func (p profile) moment(r *rand.Rand, m month) time.Time {
	days := int(m.end.Sub(m.start) / day)
	if p.within > 0 {
		days = min(days, p.within)
	}
	at := m.start.Add(time.Duration(r.IntN(days)) * day)
	if w := at.Weekday(); (w == time.Saturday || w == time.Sunday) && r.IntN(5) > 0 {
		at = m.start.Add(time.Duration(r.IntN(days)) * day)
	}
	at = at.Add(time.Duration(r.IntN(10*3600)) * time.Second)
	return tenon.Instant(at)
}

// lanes returns those that the company asks for, out of its home and back.
func (p profile) lanes() []freight.Lane {
	r := p.rand(3)
	var lanes []freight.Lane
	for _, other := range pick(r, freight.Places(), 5+r.IntN(5)) {
		if other == p.City {
			continue
		}
		l := freight.Lane{Origin: p.City, Destination: other}
		if r.IntN(4) == 0 {
			l.Origin, l.Destination = other, p.City
		}
		lanes = append(lanes, l)
	}
	return lanes
}
