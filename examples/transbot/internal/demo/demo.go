// Package demo fills an empty platform with the life of a small freight marketplace: forty companies on all plans and in
// all states, their people, and what they asked prices for in the last three months. It is made up from a fixed seed, so
// it is the same each time, counted from the day on which it is first made. Filling again adds what happened since then,
// and nothing else.
package demo

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// lookBack is how far back quotes go; the billing period that it falls into is filled from its start.
const lookBack = 90 * 24 * time.Hour

// Made says how much a call of [Fill] added.
type Made struct {
	Companies int
	Quotes    int
}

// Fill adds the companies that are not there yet, and their quotes up to now. The catalogue must have been applied.
// Several processes may fill at once.
func Fill(ctx context.Context, pool *pgxpool.Pool, now time.Time) (Made, error) {
	var made Made
	for _, p := range profiles() {
		isNew, err := p.found(ctx, pool, now)
		if err != nil {
			return made, fmt.Errorf("demo: %s: %w", p.ID, err)
		}
		if isNew {
			made.Companies++
		}
		n, err := p.trade(ctx, pool, now)
		if err != nil {
			return made, fmt.Errorf("demo: %s: %w", p.ID, err)
		}
		made.Quotes += n
	}
	return made, nil
}

// found adds the company, its people and its way through the plans, all or nothing, unless it is there.
func (p profile) found(ctx context.Context, pool *pgxpool.Pool, now time.Time) (isNew bool, err error) {
	err = freight.InTx(ctx, pool, func(tx pgx.Tx) (bool, error) {
		store := freight.NewStore(tx)
		since := p.since(now)
		isNew, err = store.AddCompany(ctx, freight.Company{ID: p.ID, Name: p.Name, Kind: p.Kind, City: p.City, CreatedAt: since})
		if err != nil || !isNew {
			return false, err
		}
		for _, u := range p.people(since) {
			if err := store.AddUser(ctx, u); err != nil {
				return false, err
			}
		}
		return true, p.subscribe(ctx, entitlementspg.New(tx, nil), now)
	})
	return isNew, err
}

// past is a store whose clock stands at an instant, so that what is told of the past is dated when it would have
// happened.
type past struct {
	entitlements.Store
	at time.Time
}

// Clock implements [tenon.Clock].
func (p past) Clock(context.Context) (time.Time, error) { return p.at, nil }

// patient lets a busy machine take its time: nobody waits for the demo's past.
var patient = &entitlements.Options{Timeout: time.Minute}

func gateAt(store entitlements.Store, at time.Time) *entitlements.Gate {
	return entitlements.NewGate(past{Store: store, at: at}, patient)
}

// subscribe takes the company through its plans.
func (p profile) subscribe(ctx context.Context, store entitlements.Store, now time.Time) error {
	for _, s := range p.steps {
		at := s.at(p, now)
		if err := s.do(ctx, gateAt(store, at), p.ID, at); err != nil {
			return err
		}
	}
	return nil
}

// Listing is how many partners a company of the demo lists.
type Listing struct {
	Company string
	Count   int
}

// Listings returns what the directory of the demo holds, of companies that have a plan.
func Listings() (all []Listing) {
	for _, p := range profiles() {
		if len(p.steps) > 0 && p.partners > 0 {
			all = append(all, Listing{Company: p.ID, Count: int(p.partners)})
		}
	}
	return all
}

// since is when the company came, on a morning.
func (p profile) since(now time.Time) time.Time {
	day := now.UTC().Truncate(24*time.Hour).AddDate(0, -p.months, -p.days)
	return day.Add(time.Duration(7*60+p.rand(1).IntN(180)) * time.Minute)
}

// people returns the company's users.
func (p profile) people(since time.Time) []freight.User {
	r := p.rand(2)
	roles := []string{"owner", "dispatcher", "dispatcher", "viewer", "viewer"}
	var list []freight.User
	for i, first := range pick(r, firstNames, 2+r.IntN(4)) {
		last := lastNames[r.IntN(len(lastNames))]
		list = append(list, freight.User{
			CompanyID: p.ID, ID: tenon.NewID(since), Name: first + " " + last, Role: roles[i], CreatedAt: since,
			Email: fmt.Sprintf("%s.%s@%s.example", lower(first), lower(last), p.ID),
		})
	}
	return list
}

// rand returns the numbers that are drawn for one part of the company's life.
func (p profile) rand(part uint64) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(p.ID))
	return rand.New(rand.NewPCG(h.Sum64(), part))
}

// pick returns n of list, each at most once.
func pick[T any](r *rand.Rand, list []T, n int) []T {
	chosen := make([]T, n)
	for i, j := range r.Perm(len(list))[:n] {
		chosen[i] = list[j]
	}
	return chosen
}
