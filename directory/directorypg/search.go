package directorypg

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
)

// Search implements [directory.Store]. Its statements are planned for their values each time, since the best way to a
// rare word is the worst to a frequent one.
func (s *Store) Search(ctx context.Context, q *directory.Query) (*directory.Found, error) {
	found := &directory.Found{Facets: map[directory.Facet][]directory.FacetCount{}}
	if q.HasText && len(q.Words) == 0 {
		return found, nil
	}
	l, err := s.ladder(ctx, q)
	if err != nil {
		return nil, translate(err)
	}
	if l.nothing {
		return found, nil
	}
	if found.Entries, err = s.entries(ctx, q, l); err != nil {
		return nil, translate(err)
	}
	return found, translate(s.facets(ctx, q, l, found))
}

func (s *Store) entries(ctx context.Context, q *directory.Query, l *ladder) ([]directory.Entry, error) {
	switch {
	case q.Sort == directory.ByName:
		return s.page(ctx, nameOrder, q, "", l.all(), "", q.After, q.Limit)
	case q.Sort == directory.ByFresh:
		return s.page(ctx, freshOrder, q, "", l.all(), "", q.After, q.Limit)
	case len(q.Words) == 0 && len(q.Services) == 1 && len(q.Regions) == 1 && q.ID == "":
		return s.page(ctx, rankOrder, q, pairs, "", "", q.After, q.Limit)
	case len(q.Words) == 0:
		return s.page(ctx, rankOrder, q, "", l.all(), "", q.After, q.Limit)
	}
	if found, ok, err := s.few(ctx, q, l); ok || err != nil {
		return found, err
	}
	return s.climb(ctx, q, l)
}

// climb asks level by level until the page is full, which for words that many have is soon.
func (s *Store) climb(ctx context.Context, q *directory.Query, l *ladder) ([]directory.Entry, error) {
	var found []directory.Entry
	for _, level := range l.levels {
		after := q.After
		if after != nil && level < after.Level {
			continue
		}
		if after != nil && level > after.Level {
			after = nil
		}
		more, err := s.page(ctx, rankOrder, q, "", l.upTo(level), l.below(level), after, q.Limit-len(found))
		found = append(found, more...)
		if err != nil || len(found) >= q.Limit {
			return found, err
		}
	}
	return found, nil
}

// atOnce is how many entries may match for them to be put in order together.
const atOnce = 100

// few returns the page where so few entries match that all are read in one statement, and false where more do. Most
// misspelt words are rare, and each level would be a statement of its own.
func (s *Store) few(ctx context.Context, q *directory.Query, l *ladder) ([]directory.Entry, bool, error) {
	st := planned()
	st.add("select " + entryColumns + ", e.rank, case")
	for _, level := range l.levels {
		st.add("when e.terms @@ @1::text::tsquery then @2::bigint", l.upTo(level), level)
	}
	st.add("end from (select e.*")
	st.matching(q, l.all())
	st.add("limit @::bigint) e", atOnce+1)
	rows, err := s.read.Query(ctx, st.sql.String(), st.args...)
	if err != nil {
		return nil, false, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p placed, err error) {
		var rank int64
		var level int
		p.Entry, err = scanEntry(row, &rank, &level)
		p.Position = directory.Position{Level: level, Standing: -rank, ID: p.Entry.ID}
		return p, err
	})
	if err != nil || len(all) > atOnce {
		return nil, false, err
	}
	return inOrder(q, all), true, nil
}

// placed is an entry and where it stands.
type placed struct {
	directory.Position
	directory.Entry
}

// inOrder returns the page of all that match.
func inOrder(q *directory.Query, all []placed) []directory.Entry {
	if q.After != nil {
		all = slices.DeleteFunc(all, func(p placed) bool { return !q.Before(*q.After, p.Position) })
	}
	slices.SortFunc(all, func(a, b placed) int {
		if q.Before(a.Position, b.Position) {
			return -1
		}
		return 1
	})
	var found []directory.Entry
	for _, p := range all[:min(len(all), q.Limit)] {
		found = append(found, p.Entry)
	}
	return found
}

// order is how a page is ordered and where it begins.
type order struct {
	after string // a condition on what comes after a position, whose first value is @1 and whose id is @2
	by    string
	value func(p *directory.Position) any
}

var (
	rankOrder = order{
		"and (x.rank, x.id) > (@1::bigint, @2::uuid)", "x.rank, x.id",
		func(p *directory.Position) any { return -p.Standing },
	}
	nameOrder = order{
		"and (x.sort_name, x.id) > (@1::text, @2::uuid)", "x.sort_name, x.id",
		func(p *directory.Position) any { return p.Name },
	}
	freshOrder = order{
		"and x.fresh_at <= @1::timestamptz and (x.fresh_at < @1::timestamptz or x.id > @2::uuid)", "x.fresh_at desc, x.id",
		func(p *directory.Position) any { return time.UnixMicro(p.Standing).UTC() },
	}
)

// pairs is the source of entries with one service in one region, which are kept in order.
const pairs = "tenon.directory_listings"

const entryColumns = `e.id::text, e.company_name, e.description, e.services, e.regions, e.contact_email, e.website, e.language,
  e.verified_at, e.fresh_at, nullif(e.visible_until, 'infinity')`

// page returns entries that match one text query and not another, in an order. Empty texts do not restrict.
func (s *Store) page(
	ctx context.Context, o order, q *directory.Query, source, match, unless string, after *directory.Position, limit int,
) ([]directory.Entry, error) {
	st := planned()
	if source == pairs {
		st = &statement{} // one plan is best for all, and need not be made again
	}
	st.add("select " + entryColumns)
	if source == pairs {
		st.add("from tenon.directory_listings x")
		st.add("join tenon.directory_entries e on e.id = x.id")
		st.add("where x.service = @::text", q.Services[0])
		st.add("and x.region = @::text", q.Regions[0])
		st.add("and e.visible_until > @::timestamptz", q.Now)
	} else {
		o.by, o.after = strings.ReplaceAll(o.by, "x.", "e."), strings.ReplaceAll(o.after, "x.", "e.")
		st.matching(q, match)
	}
	if unless != "" {
		st.add("and not e.terms @@ @::text::tsquery", unless)
	}
	if after != nil {
		st.add(o.after, o.value(after), after.ID)
	}
	st.add("order by " + o.by)
	st.add("limit " + strconv.Itoa(limit)) // a plan that is made once must know that it is few
	rows, err := s.read.Query(ctx, st.sql.String(), st.args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (directory.Entry, error) { return scanEntry(row) })
}

// scanEntry reads an entry, and what stands after it into more.
func scanEntry(row pgx.CollectableRow, more ...any) (directory.Entry, error) {
	var e directory.Entry
	var verified, visible *time.Time
	err := row.Scan(append([]any{
		&e.ID, &e.Name, &e.Description, &e.Services, &e.Regions, &e.Contact, &e.Website, &e.Language,
		&verified, &e.FreshAt, &visible,
	}, more...)...)
	e.FreshAt, e.VerifiedAt, e.VisibleUntil = tenon.Instant(e.FreshAt), instant(verified), instant(visible)
	e.Services, e.Regions = some(e.Services), some(e.Regions)
	return e, err
}

// statement is SQL that is put together from constants, with bound values.
type statement struct {
	sql    strings.Builder
	args   []any // values, after a mode of execution where there is one
	values int
}

// planned returns a statement that is planned for its values each time.
func planned() *statement { return &statement{args: []any{pgx.QueryExecModeExec}} }

// add adds a line. "@" stands for the one value of a line, "@1", "@2" for several.
func (st *statement) add(line string, values ...any) {
	n := st.values + 1
	for i := range values {
		to := "$" + strconv.Itoa(n+i)
		line = strings.ReplaceAll(line, "@"+strconv.Itoa(i+1), to)
	}
	if len(values) == 1 {
		line = strings.Replace(line, "@::", "$"+strconv.Itoa(n)+"::", 1)
	}
	st.args, st.values = append(st.args, values...), st.values+len(values)
	st.sql.WriteString(line + "\n")
}

// matching adds the entries that match a text query and are visible.
func (st *statement) matching(q *directory.Query, match string) {
	st.add("from tenon.directory_entries e")
	st.add("where e.visible_until > @::timestamptz", q.Now)
	if match != "" {
		st.add("and e.terms @@ @::text::tsquery", match)
	}
	if q.ID != "" {
		st.add("and e.id = @::uuid", q.ID)
	}
}

// facets counts over everything that matches.
func (s *Store) facets(ctx context.Context, q *directory.Query, l *ladder, found *directory.Found) error {
	for _, f := range q.Facets {
		st := planned()
		switch f {
		case directory.FacetServices:
			st.add("select v, count(*) from (select unnest(e.services) as v")
		case directory.FacetRegions:
			st.add("select v, count(*) from (select unnest(e.regions) as v")
		default:
			st.add("select v, count(*) from (select case when e.verified_at is null then 'false' else 'true' end as v")
		}
		st.matching(q, l.all())
		st.add(") f group by v order by count(*) desc, v collate \"C\" limit 100")
		rows, err := s.read.Query(ctx, st.sql.String(), st.args...)
		if err != nil {
			return err
		}
		found.Facets[f], err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c directory.FacetCount, err error) {
			return c, row.Scan(&c.Value, &c.Count)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
