package directory

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/migrations"
)

// began is when the first partner was fresh.
var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world is a database with partners.
type world struct {
	pool *pgxpool.Pool
	book *directory.Book
	of   []directory.Profile
}

// newWorld fills a database with these partners, each fresher than the one before. What is searched is loaded in bulk,
// without its indexes; the first partners are then published as well, and both must have written the same.
func newWorld(ctx context.Context, l *lab.Lab, name string, of []directory.Profile) (*world, error) {
	pool, err := l.Pool(ctx, name, migrations.Directory)
	if err != nil {
		return nil, err
	}
	w := &world{of: of, pool: pool}
	w.book = directory.NewBook(directorypg.New(w.pool, nil), &directory.Options{Timeout: time.Minute})
	for _, step := range []func(context.Context) error{w.load, w.check} {
		if err := step(ctx); err != nil {
			w.pool.Close()
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return w, nil
}

const beforeSQL = `
drop index tenon.directory_entries_terms, tenon.directory_entries_rank, tenon.directory_entries_name,
  tenon.directory_entries_fresh, tenon.directory_listings_id, tenon.directory_words_stem, tenon.directory_words_neighbours;
set session_replication_role = replica`

const afterSQL = `
insert into tenon.directory_listings (service, region, rank, id)
select s, r, e.rank, e.id
from tenon.directory_entries e
cross join lateral unnest(e.services) s
cross join lateral unnest(e.regions) r
order by 1, 2, 3, 4;
create index directory_entries_terms on tenon.directory_entries using gin (terms) with (fastupdate = off);
create index directory_entries_rank on tenon.directory_entries (rank, id);
create index directory_entries_name on tenon.directory_entries (sort_name, id);
create index directory_entries_fresh on tenon.directory_entries (fresh_at desc, id);
create index directory_listings_id on tenon.directory_listings (id);
create index directory_words_stem on tenon.directory_words (stem);
create index directory_words_neighbours on tenon.directory_words using gin (neighbours) with (fastupdate = off);
reset session_replication_role`

// load copies entries and words in.
func (w *world) load(ctx context.Context) error {
	conn, err := w.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	for _, step := range []func(context.Context, *pgx.Conn) error{
		sql("set maintenance_work_mem = '512MB'"), sql(beforeSQL), w.copyEntries, w.copyWords, sql(afterSQL),
		sql("vacuum analyze tenon.directory_entries"), sql("vacuum analyze tenon.directory_listings"),
		sql("vacuum analyze tenon.directory_words"),
	} {
		if err := step(ctx, conn.Conn()); err != nil {
			return err
		}
	}
	return nil
}

func sql(text string) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol)
		return err
	}
}

// chunk is how many rows are copied at once.
const chunk = 50_000

func (w *world) copyEntries(ctx context.Context, conn *pgx.Conn) error {
	var b bytes.Buffer
	for i := range w.of {
		e := w.entry(i)
		fmt.Fprintf(&b, "%s\t%s\t%s\t{%s}\t{%s}\t\t\ten\t%s\t%d\t%s\t%s\n", e.ID, e.Name, e.Description,
			strings.Join(e.Services, ","), strings.Join(e.Regions, ","), e.FreshAt.Format(time.RFC3339Nano), -e.Standing(),
			e.SortName(), lexemes(&e))
		if (i+1)%chunk == 0 || i+1 == len(w.of) {
			_, err := conn.PgConn().CopyFrom(ctx, &b, `copy tenon.directory_entries (id, company_name, description, services, regions,
				contact_email, website, language, fresh_at, rank, sort_name, terms) from stdin`)
			if err != nil {
				return err
			}
			b.Reset()
		}
	}
	return nil
}

// entry is what of the i-th partner is searched.
func (w *world) entry(i int) directory.Entry {
	at := began.Add(time.Duration(i) * time.Second)
	p, err := w.of[i].Normalize()
	if err != nil {
		panic(err) // a profile of our own
	}
	partner := directory.Partner{Ref: directory.Ref{Tenant: "t", ID: identity(i)}, Published: &p, FreshAt: at}
	e, _ := partner.Entry()
	return e
}

func identity(i int) string { return fmt.Sprintf("01900000-0000-7000-8000-%012x", i) }

// lexemes are what directorypg writes for an entry; check compares.
func lexemes(e *directory.Entry) string {
	var all []string
	add := func(tag, text string) { all = append(all, "'"+tag+text+"'") }
	for _, t := range e.Terms() {
		add("w", t.Text)
		add("s", t.Stem)
		if t.Name {
			add("n", t.Text)
			add("m", t.Stem)
		}
	}
	for _, s := range e.Services {
		add("v", s)
	}
	for _, r := range e.Regions {
		add("r", r)
	}
	return strings.Join(all, " ")
}

func (w *world) copyWords(ctx context.Context, conn *pgx.Conn) error {
	seen := map[string]bool{}
	var b bytes.Buffer
	for i := range w.of {
		e := w.entry(i)
		for _, t := range e.Terms() {
			if !seen[t.Text] {
				seen[t.Text] = true
				fmt.Fprintf(&b, "%s\t%s\t%d\t{%s}\n", t.Text, directory.Stem(t.Text), len([]rune(t.Text)),
					strings.Join(quoted(directory.Neighbours(t.Text)), ","))
			}
		}
	}
	_, err := conn.PgConn().CopyFrom(ctx, &b, "copy tenon.directory_words (word, stem, letters, neighbours) from stdin")
	return err
}

// quoted quotes the elements of an array, of which one may read null.
func quoted(all []string) []string {
	for i, text := range all {
		all[i] = strconv.Quote(text)
	}
	return all
}

const sampleSQL = `
select count(*)
from tenon.directory_entries a
join tenon.directory_entries b on b.id = any ($2::uuid[])
  and b.company_name = a.company_name
  and b.description = a.description
  and b.terms = a.terms
  and b.sort_name = a.sort_name
  and b.services = a.services
where a.id = any ($1::uuid[])
  and exists (
    select
    from tenon.directory_listings x
    join tenon.directory_listings y using (service, region)
    where x.id = a.id
      and y.id = b.id)`

// check publishes the first partners and compares; then they go.
func (w *world) check(ctx context.Context) error {
	var bulk, published []string
	n := min(20, len(w.of))
	for i := range n {
		bulk = append(bulk, identity(i))
		d, err := w.book.Create(ctx, "checked", w.of[i])
		if err == nil {
			d, err = w.book.Submit(ctx, d.Ref, 1)
		}
		if err == nil {
			_, err = w.book.Publish(ctx, d.Ref, 1)
		}
		if err != nil {
			return err
		}
		published = append(published, d.ID)
	}
	same := 0
	if err := w.pool.QueryRow(ctx, sampleSQL, bulk, published).Scan(&same); err != nil {
		return err
	}
	if same < n {
		return fmt.Errorf("of %d entries %d are what publishing writes", n, same)
	}
	_, err := w.pool.Exec(ctx, "delete from tenon.public_partners where tenant_id = 'checked'")
	return err
}

// domain is what descriptions are made of.
var domain = strings.Fields(`freight carrier cargo transport trucking logistics warehouse regional national express refrigerated
	hazardous drayage intermodal container flatbed overnight dedicated brokerage customs clearance parcel pallet heavy haul
	family owned insured licensed bonded certified tracking fleet drivers terminals ports rail ocean air`)

// companies returns partners with two words of the dictionary in their names, some words far more often than others.
func companies(d *words, n int) []directory.Profile {
	rng := rand.New(rand.NewPCG(1, 2))
	perm := rng.Perm(len(d.list))
	word := func() string {
		u := rng.Float64()
		return d.list[perm[int(u*u*u*float64(len(perm)))]]
	}
	keys := func(prefix string, of int) []string {
		var all []string
		for range 1 + rng.IntN(4) {
			all = append(all, fmt.Sprint(prefix, rng.IntN(of)))
		}
		return all
	}
	kinds := []string{"Logistics", "Freight", "Transport", "Express", "Carriers", "Trucking", "Lines", "Cargo"}
	of := make([]directory.Profile, n)
	for i := range of {
		description := make([]string, 8)
		for j := range description {
			description[j] = domain[rng.IntN(len(domain))]
		}
		of[i] = directory.Profile{
			Name: word() + " " + word() + " " + kinds[rng.IntN(len(kinds))], Description: strings.Join(description, " "),
			Services: keys("service-", 40), Regions: keys("region-", 60), Public: true,
		}
	}
	return of
}
