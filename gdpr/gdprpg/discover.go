package gdprpg

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/gdpr"
)

// Discover walks the catalog from the definition's root and returns what it found: every table in the schemas looked at,
// and every key and declared reference among them. Partitions count as their table; keys of a partition alone count as
// keys of the whole. A table that inherits takes part in the references of the one that it inherits from. Tables outside
// the schemas that refer to one inside by a key are looked at too, since they are in the way of a delete.
func Discover(ctx context.Context, db DB, def *gdpr.Definition) (*gdpr.Map, error) {
	b := &pgx.Batch{}
	b.Queue(columnsSQL)
	b.Queue(uniqueSQL)
	b.Queue(keysSQL)
	results := db.SendBatch(ctx, b)
	found, err := readCatalog(results)
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, translate(err)
	}
	found.limit(def.Schemas)
	return def.Chart(found.tables, found.keys), nil
}

// Check compares a definition with the database, for a host's CI: the error lists every table and column without a rule,
// and every rule that cannot be carried out. See [gdpr.Definition.Check].
func Check(ctx context.Context, db DB, def *gdpr.Definition) error {
	m, err := Discover(ctx, db, def)
	if err != nil {
		return err
	}
	return def.Check(m)
}

const columnsSQL = `
select format('%I.%I', n.nspname, c.relname),
  n.nspname::text,
  coalesce((
    select format('%I.%I', pn.nspname, p.relname)
    from pg_inherits i
    join pg_class p on p.oid = i.inhparent
    join pg_namespace pn on pn.oid = p.relnamespace
    where i.inhrelid = c.oid
    order by i.inhseqno
    limit 1), ''),
  c.relkind = 'r' and c.relhassubclass,
  a.attname::text,
  case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) else format_type(a.atttypid, a.atttypmod) end,
  a.attnotnull or t.typnotnull,
  a.attgenerated <> '' or a.attidentity = 'a'
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
where c.relkind in ('r', 'p')
  and not c.relispartition
  and c.relpersistence <> 't'
  and n.nspname not in ('tenon', 'information_schema')
  and n.nspname not like 'pg\_%'
order by n.nspname, c.relname, a.attnum`

// uniqueSQL returns what can identify a row, the best first.
const uniqueSQL = `
select format('%I.%I', n.nspname, c.relname),
  array(
    select a.attname::text
    from unnest(i.indkey::int2[]) with ordinality k (attnum, n)
    join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
    where k.n <= i.indnkeyatts
    order by k.n)
from pg_index i
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
where i.indisunique
  and i.indisvalid
  and i.indpred is null
  and i.indexprs is null
  and not c.relispartition
  and not exists (
    select
    from unnest(i.indkey::int2[]) k
    join pg_attribute a on a.attrelid = c.oid and a.attnum = k
    where not a.attnotnull)
order by i.indisprimary desc, i.indnkeyatts, i.indexrelid`

const keysSQL = `
with of_table as (
  select k.oid,
    coalesce(nullif(pg_partition_root(k.conrelid), 0), k.conrelid) as from_id,
    coalesce(nullif(pg_partition_root(k.confrelid), 0), k.confrelid) as to_id
  from pg_constraint k
  where k.contype = 'f'
    and k.conparentid = 0)
select k.conname::text,
  format('%I.%I', fn.nspname, f.relname),
  array(
    select a.attname::text
    from unnest(k.conkey) with ordinality c (attnum, n)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.attnum
    order by c.n),
  format('%I.%I', tn.nspname, t.relname),
  array(
    select a.attname::text
    from unnest(k.confkey) with ordinality c (attnum, n)
    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = c.attnum
    order by c.n),
  case k.confdeltype
    when 'r' then 'restrict'
    when 'c' then 'cascade'
    when 'n' then 'set null'
    when 'd' then 'set default'
    else 'no action'
  end,
  k.condeferrable
from of_table o
join pg_constraint k on k.oid = o.oid
join pg_class f on f.oid = o.from_id
join pg_namespace fn on fn.oid = f.relnamespace
join pg_class t on t.oid = o.to_id
join pg_namespace tn on tn.oid = t.relnamespace
order by 2, 1`

// catalog is what the database says of tables and keys.
type catalog struct {
	tables  []gdpr.Table
	schemas []string // by table
	keys    []gdpr.Reference
}

func readCatalog(results pgx.BatchResults) (*catalog, error) {
	c := &catalog{}
	for _, read := range []func(pgx.Rows) error{c.readColumn, c.readUnique, c.readKey} {
		rows, err := results.Query()
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			if err := read(rows); err != nil {
				rows.Close()
				return nil, err
			}
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *catalog) readColumn(rows pgx.Rows) error {
	var t gdpr.Table
	var column gdpr.Column
	var schema string
	err := rows.Scan(&t.Name, &schema, &t.Parent, &t.Only, &column.Name, &column.Type, &column.NotNull, &column.Generated)
	if last := len(c.tables) - 1; last < 0 || c.tables[last].Name != t.Name {
		c.tables, c.schemas = append(c.tables, t), append(c.schemas, schema)
	}
	last := &c.tables[len(c.tables)-1]
	last.Columns = append(last.Columns, column)
	return err
}

func (c *catalog) readUnique(rows pgx.Rows) error {
	var name string
	var columns []string
	err := rows.Scan(&name, &columns)
	i := slices.IndexFunc(c.tables, func(t gdpr.Table) bool { return t.Name == name })
	if i >= 0 && len(c.tables[i].Key) == 0 {
		c.tables[i].Key, c.tables[i].Unique = columns, true
	}
	return err
}

func (c *catalog) readKey(rows pgx.Rows) error {
	var r gdpr.Reference
	err := rows.Scan(&r.Name, &r.From, &r.Columns, &r.To, &r.ToColumns, &r.OnDelete, &r.Deferrable)
	c.keys = append(c.keys, r)
	return err
}

// limit leaves the tables in these schemas, and those that refer to them by keys, however far; all when none is named.
func (c *catalog) limit(schemas []string) {
	in := map[string]bool{}
	for i, t := range c.tables {
		in[t.Name] = len(schemas) == 0 || slices.Contains(schemas, c.schemas[i])
	}
	for grown := true; grown; {
		grown = false
		for _, k := range c.keys {
			if from, there := in[k.From]; there && !from && in[k.To] {
				in[k.From], grown = true, true
			}
		}
	}
	c.tables = slices.DeleteFunc(c.tables, func(t gdpr.Table) bool { return !in[t.Name] })
	c.keys = slices.DeleteFunc(c.keys, func(k gdpr.Reference) bool { return !in[k.From] || !in[k.To] })
}
