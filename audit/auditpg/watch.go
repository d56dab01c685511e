package auditpg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/internal/pgerr"
)

// WatchOptions of a watched table. The zero value of each field has the documented meaning.
type WatchOptions struct {
	// Tenant is the column that says whose a row is. Default: tenant_id.
	Tenant string
	// Shared says that rows are nobody's: their records are the platform's own. Tenant is not looked at then.
	Shared bool
	// Key are the columns that name a row. Default: the primary key, without the tenant's column where others are left.
	Key []string
	// Columns says what becomes of a column's values, by its name. Default: [audit.Keep], and [audit.Redact] for names
	// that speak of secrets ([audit.IsSecret]). A change of ignored columns alone is not recorded.
	Columns map[string]audit.Policy
	// DigestKey is the key of [audit.Digest], at least 16 bytes. It is kept in the database, where the owner of schema
	// tenon alone can read it.
	DigestKey []byte
	// Target is what records call the table. Default: its name with its schema, "public.quotes".
	Target string
	// BulkOver, when positive, makes one record for each tenant of a statement that touches more rows than this; it
	// says how many. Such a table has triggers on statements, which cost more for a statement of one row. A partitioned
	// one cannot: a statement on a partition would pass them by.
	BulkOver int
}

// Watch installs triggers on a table of the host's, which record every insert, update, delete and truncate there, in the
// transaction that does it. The record's tenant is the row's; its actor is who [Begin] said acts, or unknown; its action
// is the operation, and its payload holds the row, or of an update the columns that differ, as {"before": …, "after": …}.
// An update that changes nothing is not recorded, and one that gives a row to another tenant is a DELETE in the one's
// records and an INSERT in the other's. Calling it again changes the options, and takes in columns that came since.
//
// Table is written as in SQL, with its schema. One that is not there is a [tenon.ErrNotFound], and nothing is written.
// The caller must own the table and may create functions in schema tenon. The table is locked against writers until the
// transaction ends: db's, when that is a pgx.Tx.
//
// To truncate, detach or drop a partition of a partitioned table is not recorded, only to truncate the table itself.
//
// The triggers know the columns that the table had. One that is added later is not recorded, and [Drift] says so. One
// that is dropped or renamed makes every write fail until Watch is called again, so do both in one migration: a change
// that cannot be recorded is not made.
func Watch(ctx context.Context, db DB, table string, opts *WatchOptions) error {
	var o WatchOptions
	if opts != nil {
		o = *opts
	}
	err := watching(ctx, db, func(tx pgx.Tx) error {
		w, err := o.resolve(ctx, tx, table)
		if err != nil {
			return err
		}
		return w.install(ctx, tx)
	})
	return watchError(table, err)
}

// Unwatch takes the triggers away; what was recorded stays. A table that is not watched is not an error.
func Unwatch(ctx context.Context, db DB, table string) error {
	return watchError(table, watching(ctx, db, func(tx pgx.Tx) error { return remove(ctx, tx, table) }))
}

func watchError(table string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("audit: watch %s: %w", table, pgerr.Translate(err, "Audit"))
}

// watching runs f in a transaction, one watcher at a time.
func watching(ctx context.Context, db DB, f func(pgx.Tx) error) error {
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = tx.Rollback(ctx) // after a commit it does nothing
	}()
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended('tenon.audit_watches', 0))"); err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// watched is a table, and what its triggers are to do.
type watched struct {
	WatchOptions
	table    string // quoted, with its schema
	columns  []column
	function string // quoted, without its schema
}

// column is one of the table's.
type column struct {
	Name   string // as it is stored
	Quoted string
	Type   string
	Simple bool // has an equality of its own, which says what people mean by it
	JSON   bool
	JSONB  bool
	List   bool // an array of texts, numbers and such, which nests no deeper than a record may
	Key    bool // of the primary key
}

const selectWatchable = `
select format('%I.%I', n.nspname, c.relname), n.nspname || '.' || c.relname, c.relkind in ('r', 'p') and n.nspname <> 'tenon',
  c.relkind = 'p'
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.oid = to_regclass($1)`

const selectColumns = `
select a.attname::text, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
  a.atttypid = any ('{bool,int2,int4,int8,float4,float8,numeric,text,varchar,bpchar,uuid,date,timestamp,timestamptz,time,interval,bytea,jsonb,inet,cidr}'::regtype[]),
  a.atttypid = 'json'::regtype,
  a.atttypid = 'jsonb'::regtype,
  exists (
    select
    from pg_type l
    join pg_type e on e.oid = l.typelem
    where l.oid = a.atttypid
      and l.typcategory = 'A'
      and (e.typtype = 'e'
        or e.typtype = 'b' and e.typcategory in ('B', 'D', 'I', 'N', 'S', 'T')
        or e.oid in ('uuid'::regtype, 'bytea'::regtype))),
  exists (
    select
    from pg_index i
    where i.indrelid = a.attrelid
      and i.indisprimary
      and a.attnum = any (i.indkey))
from pg_attribute a
where a.attrelid = to_regclass($1)
  and a.attnum > 0
  and not a.attisdropped
order by a.attnum`

// resolve fills the options in for a table.
func (o WatchOptions) resolve(ctx context.Context, tx pgx.Tx, table string) (*watched, error) {
	w := &watched{WatchOptions: o}
	var plain string
	var may, partitioned bool
	err := tx.QueryRow(ctx, selectWatchable, table).Scan(&w.table, &plain, &may, &partitioned)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, fmt.Errorf("no such table: %w", tenon.ErrNotFound)
	case err != nil:
		return nil, err
	case !may:
		return nil, tenon.Invalid("table", "is no table of the host's")
	case partitioned && o.BulkOver > 0:
		return nil, tenon.Invalid("bulk_over", "of a partitioned table")
	}
	rows, err := tx.Query(ctx, selectColumns, table)
	if err != nil {
		return nil, err
	}
	if w.columns, err = pgx.CollectRows(rows, pgx.RowToStructByPos[column]); err != nil {
		return nil, err
	}
	if w.Target == "" {
		w.Target = plain
	}
	w.function = functionName(w.table)
	return w, w.complete()
}

// functionName is the same for a table whenever it is watched.
func functionName(table string) string {
	sum := sha256.Sum256([]byte(table))
	return "audit_watch_" + hex.EncodeToString(sum[:6])
}

// complete checks the columns that the options name, and names those that they leave to us.
func (w *watched) complete() error {
	switch {
	case w.Shared:
		w.Tenant = ""
	case w.Tenant == "":
		w.Tenant = "tenant_id"
	}
	if len(w.Key) == 0 {
		w.Key = w.primaryKey()
	}
	if err := w.check(); err != nil {
		return err
	}
	policies := maps.Clone(w.Columns)
	if policies == nil {
		policies = map[string]audit.Policy{}
	}
	for _, c := range w.columns {
		if _, named := policies[c.Name]; !named && audit.IsSecret(c.Name) {
			policies[c.Name] = audit.Redact
		}
	}
	w.Columns = policies
	return nil
}

func (w *watched) primaryKey() []string {
	var all, others []string
	for _, c := range w.columns {
		if c.Key {
			all = append(all, c.Name)
			if c.Name != w.Tenant {
				others = append(others, c.Name)
			}
		}
	}
	if len(others) > 0 {
		return others
	}
	return all
}

func (w *watched) check() error {
	if w.Tenant != "" && !w.has(w.Tenant) {
		return tenon.Invalid("tenant", "the table has no column %q", w.Tenant)
	}
	for _, k := range w.Key {
		if !w.has(k) {
			return tenon.Invalid("key", "the table has no column %q", k)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Columns)) {
		p := w.Columns[name]
		switch {
		case !w.has(name):
			return tenon.Invalid("columns", "the table has no column %q", name)
		case p < audit.Keep || p > audit.Ignore:
			return tenon.Invalid("columns", "of %q: no such policy", name)
		case p == audit.Digest && len(w.DigestKey) < audit.SeedSize:
			return tenon.Invalid("digest_key", "shorter than %d bytes", audit.SeedSize)
		}
	}
	switch {
	case cut(w.Target) != w.Target:
		return tenon.Invalid("target", "longer than %d bytes, or not valid UTF-8, or with the character U+0000", maxText)
	case w.BulkOver < 0:
		return tenon.Invalid("bulk_over", "negative")
	}
	return nil
}

func (w *watched) has(name string) bool {
	return slices.ContainsFunc(w.columns, func(c column) bool { return c.Name == name })
}

func (w *watched) quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
