package auditpg

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The triggers. Either the first, or with BulkOver the next three; and the last.
const (
	rowTrigger      = "tenon_audit"
	insertTrigger   = "tenon_audit_insert"
	updateTrigger   = "tenon_audit_update"
	deleteTrigger   = "tenon_audit_delete"
	truncateTrigger = "tenon_audit_truncate"
)

var triggers = []string{rowTrigger, insertTrigger, updateTrigger, deleteTrigger, truncateTrigger}

const upsertWatch = `
insert into tenon.audit_watches (table_name, function_name, columns, body, bulk, digest_inner, digest_outer)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (table_name) do update
set columns = excluded.columns,
  body = excluded.body,
  bulk = excluded.bulk,
  digest_inner = excluded.digest_inner,
  digest_outer = excluded.digest_outer,
  watched_at = now()`

// install writes down the watch, its function and its triggers, over those that are there.
func (w *watched) install(ctx context.Context, tx pgx.Tx) error {
	names := make([]string, len(w.columns))
	for i, c := range w.columns {
		names[i] = c.Name
	}
	var inner, outer []byte
	if w.digests() {
		inner, outer = digestPads(w.DigestKey)
	}
	body := w.body()
	if _, err := tx.Exec(ctx, upsertWatch, w.table, w.function, names, body, w.BulkOver > 0, inner, outer); err != nil {
		return err
	}
	return execAll(ctx, tx, append([]string{w.createFunction(body), "revoke execute on function tenon." + w.function + "() from public"}, w.createTriggers()...))
}

// createFunction makes the function run as who calls Watch, so that those who write to the table need no right to write
// to the log.
func (w *watched) createFunction(body string) string {
	return "create or replace function tenon." + w.function + "() returns trigger language plpgsql security definer " +
		"set search_path = pg_catalog, pg_temp as " + dollarQuoted(body)
}

// dollarQuoted quotes a text that may hold anything, such as columns with odd names.
func dollarQuoted(text string) string {
	tag := "$audit$"
	for strings.Contains(text, tag) {
		tag = tag[:len(tag)-1] + "x$"
	}
	return tag + text + tag
}

func (w *watched) createTriggers() []string {
	statements := dropTriggers(w.table)
	add := func(name, when, rows string) {
		statements = append(statements, fmt.Sprintf("create trigger %s %s on %s %s execute function tenon.%s()", name, when, w.table, rows, w.function))
	}
	if w.BulkOver > 0 {
		add(insertTrigger, "after insert", "referencing new table as new_rows for each statement")
		add(updateTrigger, "after update", "referencing old table as old_rows new table as new_rows for each statement")
		add(deleteTrigger, "after delete", "referencing old table as old_rows for each statement")
	} else {
		add(rowTrigger, "after insert or update or delete", "for each row")
	}
	add(truncateTrigger, "before truncate", "for each statement")
	return statements
}

func dropTriggers(table string) []string {
	statements := make([]string, len(triggers))
	for i, name := range triggers {
		statements[i] = "drop trigger if exists " + name + " on " + table
	}
	return statements
}

func execAll(ctx context.Context, tx pgx.Tx, statements []string) error {
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

const selectWatch = `
select w.table_name, w.function_name, to_regclass(w.table_name) is not null
from tenon.audit_watches w
where w.table_name = $1
  or to_regclass(w.table_name) = to_regclass($1)`

const deleteWatch = `
delete from tenon.audit_watches
where table_name = $1`

// installed is a watch as it was written down.
type installed struct {
	Table    string
	Function string
	There    bool // the table is
}

// remove takes away what install made. The table may be gone by now.
func remove(ctx context.Context, tx pgx.Tx, table string) error {
	rows, err := tx.Query(ctx, selectWatch, table)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[installed])
	if err != nil {
		return err
	}
	for _, w := range found {
		var statements []string
		if w.There {
			statements = dropTriggers(w.Table)
		}
		if err := execAll(ctx, tx, append(statements, "drop function if exists tenon."+w.Function+"()")); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, deleteWatch, w.Table); err != nil {
			return err
		}
	}
	return nil
}
