package directory

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/directory"
)

// sketchSQL is the table as the customer first drew it, with the same partners.
const sketchSQL = `
create table public.sketch as
select e.id, e.company_name, e.description, e.services, e.regions, true as is_public, e.rank
from tenon.directory_entries e
order by e.id`

// field is a world beside the sketch.
type field struct {
	*world
	trigrams bool // pg_trgm is there
}

// compareField measures searches among many partners.
func compareField(ctx context.Context, l *lab.Lab, d *words, s *report.Section) error {
	n := 100_000
	if l.Rounds >= 5 {
		n = 1_000_000
	}
	n = l.Size(n)
	l.Say("directory: loading %d partners", n)
	w, err := newWorld(ctx, l, "directory", companies(d, n))
	if err != nil {
		return err
	}
	defer w.pool.Close()
	f := &field{world: w}
	if err := f.sketch(ctx, l); err != nil {
		return err
	}
	t := report.Table{
		Title: fmt.Sprintf("Searches among %d partners", n), Columns: []string{"tenon, p95", "beside it, p95"},
		Text: "The 95th percentile of one caller's times; the target is the ratio.",
	}
	for _, one := range []func(context.Context, *lab.Lab, *report.Section, *report.Table) error{f.compareFilters, f.compareTypos} {
		if err := one(ctx, l, s, &t); err != nil {
			return err
		}
	}
	s.Tables = append(s.Tables, t)
	return nil
}

func (f *field) sketch(ctx context.Context, l *lab.Lab) error {
	if _, err := f.pool.Exec(ctx, sketchSQL); err != nil {
		return err
	}
	_, err := f.pool.Exec(ctx, "create extension pg_trgm")
	if f.trigrams = err == nil; err != nil && !l.Quick {
		return fmt.Errorf("pg_trgm, of the package postgresql-contrib: %w", err)
	}
	if f.trigrams {
		if _, err := f.pool.Exec(ctx, "create index sketch_trgm on public.sketch using gin (company_name gin_trgm_ops)"); err != nil {
			return err
		}
	}
	_, err = f.pool.Exec(ctx, "vacuum analyze public.sketch")
	return err
}

const scanSQL = `
select id::text, company_name, description, services, regions
from public.sketch
where is_public
  and $1 = any (services)
  and $2 = any (regions)
order by rank, id
limit 20`

// ids reads a page to its end.
func ids(rows pgx.Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (id string, err error) {
		var name, description string
		var services, regions []string
		return id, row.Scan(&id, &name, &description, &services, &regions)
	})
}

func (f *field) scan(ctx context.Context, service, region string) ([]string, error) {
	return ids(f.pool.Query(ctx, scanSQL, service, region))
}

func (f *field) search(ctx context.Context, s directory.Search) ([]string, error) {
	page, err := f.book.Search(ctx, s)
	if err != nil {
		return nil, err
	}
	found := make([]string, 0, len(page.Results))
	for _, r := range page.Results {
		found = append(found, r.ID)
	}
	return found, nil
}

func filters(rng *rand.Rand) (service, region string) {
	return fmt.Sprint("service-", rng.IntN(40)), fmt.Sprint("region-", rng.IntN(60))
}

func (f *field) compareFilters(ctx context.Context, l *lab.Lab, s *report.Section, t *report.Table) error {
	l.Say("directory: service and region")
	rng := rand.New(rand.NewPCG(8, 9))
	for range 25 {
		service, region := filters(rng)
		want, err := f.scan(ctx, service, region)
		if err != nil {
			return err
		}
		got, err := f.search(ctx, directory.Search{Services: []string{service}, Regions: []string{region}})
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("%s in %s: found %v, want %v", service, region, got, want)
		}
		if err != nil {
			return err
		}
	}
	tenon := p95(l, func(ctx context.Context) error {
		service, region := filters(rng)
		_, err := f.search(ctx, directory.Search{Services: []string{service}, Regions: []string{region}})
		return err
	})
	scan := p95(l, func(ctx context.Context) error {
		service, region := filters(rng)
		_, err := f.scan(ctx, service, region)
		return err
	})
	return f.row(ctx, l, s, t, "a service in a region, against service = any(services)", "filter", 200, tenon, scan)
}

// p95 measures one caller.
func p95(l *lab.Lab, call func(context.Context) error) measure.Contender {
	return func(ctx context.Context) (float64, error) {
		load, err := measure.Run(ctx, 1, 2*l.Length, func(ctx context.Context, _, _ int) error { return call(ctx) })
		return load.Quantile(0.95), err
	}
}

func (f *field) row(
	ctx context.Context, l *lab.Lab, s *report.Section, t *report.Table, title, name string, target float64, contenders ...measure.Contender,
) error {
	series, err := measure.Interleave(ctx, l.Rounds, contenders...)
	if err != nil {
		return err
	}
	s.Samples = append(s.Samples, report.Sample{Name: name + "/tenon", Unit: report.Milliseconds, Series: series[0]},
		report.Sample{Name: name + "/beside", Unit: report.Milliseconds, Series: series[1]})
	t.Rows = append(t.Rows, report.Row{
		Case: title, Figure: report.Over(series[1], series[0]),
		Target: report.Target{Bound: report.AtLeast, Value: target},
		Cells:  []string{report.Spread(series[0], report.Milliseconds), report.Spread(series[1], report.Milliseconds)},
	})
	return nil
}

const trigramSQL = `
select id::text, company_name, description, services, regions
from public.sketch
where is_public
  and company_name % $1
order by similarity(company_name, $1) desc, id
limit 20`

func (f *field) similar(ctx context.Context, text string) ([]string, error) {
	return ids(f.pool.Query(ctx, trigramSQL, text))
}

// asked is a misspelt search, and who was meant.
type asked struct {
	text string
	id   string
}

// ask misspells one of the two words by which a partner is named.
func (f *field) ask(rng *rand.Rand) asked {
	for {
		i := rng.IntN(len(f.of))
		name := strings.Fields(f.of[i].Name)
		if len(name[0]) >= 6 {
			return asked{misspell(rng, name[0], 1) + " " + name[1], identity(i)}
		}
	}
}

func (f *field) compareTypos(ctx context.Context, l *lab.Lab, s *report.Section, t *report.Table) error {
	if !f.trigrams {
		return nil
	}
	l.Say("directory: misspelt names")
	rng := rand.New(rand.NewPCG(10, 11))
	met, err := f.recall(ctx, rng, l.Size(300))
	if err != nil {
		return err
	}
	tenon := p95(l, func(ctx context.Context) error {
		_, err := f.search(ctx, directory.Search{Text: f.ask(rng).text})
		return err
	})
	trigrams := p95(l, func(ctx context.Context) error {
		_, err := f.similar(ctx, f.ask(rng).text)
		return err
	})
	if err := f.row(ctx, l, s, t, "a name with an error, against similarity of trigrams", "typo", 30, tenon, trigrams); err != nil {
		return err
	}
	t.Rows = append(t.Rows, report.Row{
		Case:   "of these, who was meant is among the first 20",
		Figure: report.Figure{Value: met[0], Unit: share}, Target: report.Target{Bound: report.AtLeast, Value: met[1]},
		Cells: []string{fmt.Sprintf("%.3f", met[0]), fmt.Sprintf("%.3f", met[1])},
	})
	return nil
}

// recall returns how often who was meant is on the first page, of tenon and of trigrams.
func (f *field) recall(ctx context.Context, rng *rand.Rand, n int) (met [2]float64, err error) {
	for range n {
		a := f.ask(rng)
		got, err := f.search(ctx, directory.Search{Text: a.text})
		if err != nil {
			return met, err
		}
		similar, err := f.similar(ctx, a.text)
		if err != nil {
			return met, err
		}
		for i, page := range [][]string{got, similar} {
			if slices.Contains(page, a.id) {
				met[i]++
			}
		}
	}
	if met[0] == 0 {
		err = errors.New("nobody was found by a misspelt name")
	}
	for i := range met {
		met[i] = math.Round(1000*met[i]/float64(n)) / 1000
	}
	return met, err
}
