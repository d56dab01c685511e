package partners

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/directory"
)

// Listing says how many partners a company of the demo lists.
type Listing struct {
	Company string
	Count   int
}

// The words that partners' names are made of.
var (
	names = []string{
		"Blue Ridge", "Cascade", "Great Plains", "Lone Star", "Palmetto", "Sierra", "Hudson", "Ozark", "Gulf Coast", "Big Sky",
		"Old Harbor", "Silver Lake", "Red River", "Pine Hollow", "Stone Bridge", "High Desert", "Evergreen", "Iron Range",
	}
	trades = []string{"Carriers", "Freightways", "Drayage", "Cold Chain", "Intermodal", "Heavy Haul", "Distribution", "Expedite"}
	praise = []string{
		"Family owned since 1987, with drivers who know the dock by name.", "Temperature kept and logged from door to door.",
		"Own equipment, tracked, with a promise of two hours at each end.", "Customs cleared before the truck is at the border.",
		"White-glove crews for what must not be dropped.", "Oversize permits and escorts in forty-eight states.",
	}
)

// lockSQL keeps two processes from filling at once.
const lockSQL = `
select pg_advisory_xact_lock(hashtextextended('transbot/demo/partners', 0))`

// Fill lists the demo's partners that are not there yet, and returns how many are new. Companies are filled side by side,
// each partner in a transaction of its own, which is short: two that introduce the same word wait for each other.
func (d *Desk) Fill(ctx context.Context, listings []Listing, now time.Time) (added int, err error) {
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockSQL); err != nil {
			return err
		}
		added, err = d.fill(ctx, listings, now)
		return err
	})
	for _, l := range listings {
		d.gate.Forget(l.Company)
	}
	return added, err
}

// fillers is how many companies are filled at once.
const fillers = 4

func (d *Desk) fill(ctx context.Context, listings []Listing, now time.Time) (added int, err error) {
	var (
		wait sync.WaitGroup
		mu   sync.Mutex
		next = make(chan int)
	)
	for range fillers {
		wait.Go(func() {
			for i := range next {
				n, failed := d.list(ctx, listings[i], rand.New(rand.NewPCG(uint64(i), 2026)), now)
				mu.Lock()
				added, err = added+n, errors.Join(err, failed)
				mu.Unlock()
			}
		})
	}
	for i := range listings {
		next <- i
	}
	close(next)
	wait.Wait()
	return added, err
}

const thereSQL = `
select count(*)
from tenon.directory_companies
where tenant_id = $1`

// list lists the partners of one company that are not there yet.
func (d *Desk) list(ctx context.Context, l Listing, r *rand.Rand, now time.Time) (added int, err error) {
	there := 0
	if err := d.pool.QueryRow(ctx, thereSQL, l.Company).Scan(&there); err != nil {
		return 0, err
	}
	for i := range l.Count {
		p := made(r, now)
		if i < there {
			continue
		}
		if err := d.enter(ctx, l.Company, p); err != nil {
			return added, fmt.Errorf("partners of %s: %w", l.Company, err)
		}
		added++
	}
	return added, nil
}

// invented is a partner that is made up.
type invented struct {
	directory.Profile
	papers   []directory.Document
	verified bool
}

// made makes up a partner. One in six is verified, and half have papers.
func made(r *rand.Rand, now time.Time) invented {
	p := profileOf(r)
	return invented{p, papersOf(p, r, now), r.IntN(6) == 0}
}

// enter publishes a partner where the company's plan allows; otherwise it waits for somebody to do so. Nobody did this, so
// nobody is told.
func (d *Desk) enter(ctx context.Context, company string, invented invented) error {
	return d.inTxWith(ctx, company, nil, func(book *directory.Book) (listed int64, err error) {
		p, err := book.Create(ctx, company, invented.Profile)
		if err != nil {
			return 0, err
		}
		for _, doc := range invented.papers {
			if _, err := book.AddDocument(ctx, p.Ref, doc); err != nil {
				return 0, err
			}
		}
		if p, err = book.Submit(ctx, p.Ref, p.Version); err != nil {
			return 0, err
		}
		published, err := book.Publish(ctx, p.Ref, p.Version)
		if err == nil && len(published.Refused) == 0 && invented.verified {
			_, err = book.Verify(ctx, p.Ref)
		}
		if err != nil {
			return 0, err
		}
		return published.TenantListed, nil
	})
}

func profileOf(r *rand.Rand) directory.Profile {
	name := names[r.IntN(len(names))] + " " + trades[r.IntN(len(trades))]
	if r.IntN(3) == 0 {
		name += fmt.Sprintf(" No. %d", 2+r.IntN(30))
	}
	site := strings.ToLower(strings.NewReplacer(" ", "-", ".", "").Replace(name))
	return directory.Profile{
		Name: name, Description: praise[r.IntN(len(praise))], Services: some(r, Services, 3), Regions: some(r, Regions, 3),
		Contact: "dispatch@" + site + ".example", Website: "https://" + site + ".example", ShowContact: r.IntN(2) == 0,
		Public: true, Zone: "America/Chicago",
	}
}

// some returns 1 to n of list.
func some(r *rand.Rand, list []string, n int) (chosen []string) {
	for _, i := range r.Perm(len(list))[:1+r.IntN(n)] {
		chosen = append(chosen, list[i])
	}
	return chosen
}

// papersOf makes up papers, of which a few run out soon or have run out. Who carries dangerous goods is licensed.
func papersOf(p directory.Profile, r *rand.Rand, now time.Time) (list []directory.Document) {
	today := directory.DateOf(now)
	for _, kind := range Kinds {
		licence := kind == "licence/hazmat"
		if licence && !has(p.Services, "hazmat") || !licence && r.IntN(4) > 0 {
			continue
		}
		days := 30 + r.IntN(700)
		switch {
		case r.IntN(40) == 0:
			days = r.IntN(8)
		case !licence && r.IntN(60) == 0:
			days = -1 - r.IntN(20)
		}
		list = append(list, directory.Document{
			Kind: kind, Number: fmt.Sprintf("%c-%06d", 'A'+r.IntN(26), r.IntN(1_000_000)), Issuer: "Mutual of the Interior",
			Issued: today.Add(days - 365), Expires: today.Add(days),
		})
	}
	return list
}

func has(list []string, one string) bool {
	for _, v := range list {
		if v == one {
			return true
		}
	}
	return false
}
