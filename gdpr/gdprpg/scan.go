package gdprpg

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/gdpr"
)

// knownValues collects what the subject is recognised by: its id, and the columns that the definition says so of. At
// most limit are returned, those found before first.
func (a *atlas) knownValues(ctx context.Context, tx pgx.Tx, limit int, before []string) ([]string, error) {
	id := a.subject.Tenant
	if a.subject.User != "" {
		id = a.subject.User
	}
	values := append(slices.Clone(before), id)
	for i := range a.m.Tables {
		t := &a.m.Tables[i]
		if t.Relation != gdpr.Owned {
			continue
		}
		for _, c := range t.Columns {
			if rule, _ := a.def.ColumnRule(t.Name, c.Name); !rule.Known {
				continue
			}
			found, err := a.valuesOf(ctx, tx, t, c.Name, limit)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", t.Name, c.Name, err)
			}
			values = append(values, found...)
		}
	}
	values = unique(values)
	return values[:min(len(values), limit)], nil
}

func unique(values []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(values, func(v string) bool {
		again := seen[v]
		seen[v] = true
		return again || v == ""
	})
}

func (a *atlas) valuesOf(ctx context.Context, tx pgx.Tx, t *gdpr.Table, column string, limit int) ([]string, error) {
	c, _ := t.Column(column)
	sql := fmt.Sprintf("select distinct v from %s t, lateral (%s) k (v) where %s and v is not null order by 1 limit %d",
		a.from(t), valuesIn(quoted("t", column), c.Type), a.owned(t, "t"), limit)
	rows, err := tx.Query(ctx, sql, a.args()...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// valuesIn returns a query for the values in a column: each element of an array, and each text in a document.
func valuesIn(column, kind string) string {
	switch {
	case strings.HasSuffix(kind, "[]"):
		return fmt.Sprintf("select e::text from unnest(%s) e", column)
	case kind == "json" || kind == "jsonb":
		return fmt.Sprintf("select e #>> '{}' from jsonb_path_query(%s::jsonb, 'strict $.**') e where jsonb_typeof(e) = 'string'", column)
	}
	return fmt.Sprintf("select %s::text", column)
}

// searchedSQL returns every table that keeps rows itself, with the columns that can hold text: partitions and
// materialised views, and tenon's own but for those in which the deletion itself is kept. Numbers, times and geometry
// hold no text; all other types do, an extension's and a host's own among them.
const searchedSQL = `
select format('%I.%I', n.nspname, c.relname),
  format('%I.%I', coalesce(rn.nspname, n.nspname), coalesce(r.relname, c.relname)),
  c.relhassubclass,
  pg_relation_size(c.oid) / current_setting('block_size')::bigint,
  array_agg(a.attname::text order by a.attnum),
  array_agg(coalesce(nullif(t.typbasetype, 0), t.oid) = 'bytea'::regtype order by a.attnum),
  n.nspname <> 'tenon' and row_security_active(c.oid)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_class r on c.relispartition and r.oid = pg_partition_root(c.oid)
left join pg_namespace rn on rn.oid = r.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
where c.relkind in ('r', 'm')
  and c.relpersistence <> 't'
  and not (n.nspname = 'tenon' and c.relname like 'gdpr\_%')
  and n.nspname <> 'information_schema'
  and n.nspname not like 'pg\_%'
  and t.typcategory not in ('B', 'N', 'D', 'T', 'G', 'V')
group by n.nspname, c.relname, rn.nspname, r.relname, c.relhassubclass, c.oid
order by n.nspname, c.relname`

// searched is a table that is scanned.
type searched struct {
	name    string // of a partition, where there are some
	table   string // as the map has it
	only    bool
	pages   int64
	columns []string
	bytes   []bool // by column: it is bytea
	hidden  bool   // row level security would hide rows
}

// maxBytes is how much of a bytea is looked through, from its beginning.
const maxBytes = 16 << 20

// pagesAtOnce is how much of a table one statement reads: 16 MiB, so that no snapshot is held for long.
const pagesAtOnce = 2048

// hit is where a value was found.
type hit struct {
	table, column string
	own           bool // in a row of the subject's
}

// maxHits bounds the rows of a column that are listed for a person.
const maxHits = 100

// scanner looks for the subject's values everywhere.
type scanner struct {
	*atlas
	db      DB
	matcher *matcher
	scan    gdpr.Scan
	hits    map[hit]int64    // by table, column and whose it is: rows
	listed  map[hit][]string // and the rows' keys
}

func (s *scanner) run(ctx context.Context) error {
	tables, err := s.searched(ctx)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, t := range tables {
		if t.hidden {
			return hidden(t.name)
		}
		if !seen[t.table] {
			seen[t.table] = true
			s.scan.Tables++
			s.scan.Columns += len(t.columns)
		}
		for page := int64(0); page <= t.pages; page += pagesAtOnce {
			if err := s.pages(ctx, t, page); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
	}
	return nil
}

func (s *scanner) searched(ctx context.Context) ([]searched, error) {
	rows, err := s.db.Query(ctx, searchedSQL)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t searched, err error) {
		err = row.Scan(&t.name, &t.table, &t.only, &t.pages, &t.columns, &t.bytes, &t.hidden)
		return t, err
	})
}

// pages looks through some pages of a table.
func (s *scanner) pages(ctx context.Context, t searched, from int64) error {
	texts := make([]string, len(t.columns))
	for i, column := range t.columns {
		texts[i] = quoted("t", column) + "::text"
		if t.bytes[i] {
			texts[i] = fmt.Sprintf("encode(substring(%s for %d), 'hex')", quoted("t", column), maxBytes)
		}
	}
	source := t.name
	if t.only {
		source = "only " + source
	}
	sql := fmt.Sprintf("select t.ctid::text, %s from %s t where t.ctid >= '(%d,0)' and t.ctid < '(%d,0)'",
		strings.Join(texts, ", "), source, from, from+pagesAtOnce)
	var at string
	cells := make([]*string, len(t.columns))
	into := []any{&at}
	for i := range cells {
		into = append(into, &cells[i])
	}
	found := map[string][]string{} // columns by row
	err := forEach(ctx, s.db, sql, nil, into, func() error {
		for i, cell := range cells {
			if cell != nil && s.matcher.anywhere(*cell, t.bytes[i]) {
				found[at] = append(found[at], t.columns[i])
			}
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		return err
	}
	return s.judge(ctx, t, source, found)
}

// judge finds out whose the rows are in which something was found.
func (s *scanner) judge(ctx context.Context, t searched, source string, found map[string][]string) error {
	own, id, args := "false", "t.ctid::text", []any(nil)
	if known := s.m.Table(t.table); known != nil {
		if len(known.Key) > 0 {
			id = key(known, "t") + "::text"
		}
		if known.Relation == gdpr.Owned {
			own, args = "("+s.owned(known, "t")+") is true", s.args()
		}
	}
	places := make([]string, 0, len(found))
	for at := range found {
		places = append(places, at)
	}
	slices.Sort(places)
	sql := fmt.Sprintf("select t.ctid::text, %s, %s from %s t where t.ctid = any($%d::text[]::tid[])", id, own, source, len(args)+1)
	var at, row string
	var ours bool
	return forEach(ctx, s.db, sql, append(args, places), []any{&at, &row, &ours}, func() error {
		for _, column := range found[at] {
			h := hit{table: t.table, column: column, own: ours}
			s.hits[h]++
			if len(s.listed[h]) < maxHits {
				s.listed[h] = append(s.listed[h], row)
			}
		}
		return nil
	})
}
