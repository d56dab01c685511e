package isolation

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
)

const selectTarget = `
with recursive parts as (
  select to_regclass($1)::oid as oid, 0 as depth
  union all
  select i.inhrelid, p.depth + 1
  from parts p
  join pg_inherits i on i.inhparent = p.oid
)
select format('%I.%I', n.nspname, c.relname), quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
  pg_get_userbyid(c.relowner)::text
from parts p
join pg_class c on c.oid = p.oid
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = $2 and not a.attisdropped
where c.relkind in ('r', 'p')
order by p.depth, 1`

type target struct{ Name, Column, Type, Owner string }

// Enable switches row level security on for a table of the host's and for its partitions, forces it on the owner, and
// writes two policies: everybody reads and writes the rows whose column equals the tenant that the transaction names,
//
//	select set_config('tenon.tenant_id', 'acme', true)
//
// and none before it names one; the owner, and the roles in across, which work for all tenants, reach every row. Table
// is written as in SQL, with its schema; column is its name as it is stored. Calling it again writes both policies
// afresh, and leaves others alone. The tables are locked until the transaction ends: db's, when that is a pgx.Tx.
//
// A table or a column that is not there is a [tenon.ErrNotFound], and nothing is written. A partition that is made later
// has no policies until Enable is called again, and [Report] says so if the role can reach it.
func Enable(ctx context.Context, db DB, table, column string, across ...string) error {
	err := enable(ctx, db, table, column, across)
	if err != nil {
		return fmt.Errorf("isolation: enable %s: %w", table, pgerr.Translate(err, "Audit"))
	}
	return nil
}

func enable(ctx context.Context, db DB, table, column string, across []string) error {
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // after a commit it does nothing
	targets, err := all[target](ctx, tx, selectTarget, table, column)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return fmt.Errorf("no such table with a column %q: %w", column, tenon.ErrNotFound)
	}
	for _, t := range targets {
		for _, sql := range t.policies(across) {
			if _, err := tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
	}
	return tx.Commit(ctx)
}

// policies returns the statements for one table. A setting that was set earlier on the same connection reads ” after
// its transaction, hence nullif.
func (t target) policies(across []string) []string {
	mine := fmt.Sprintf("%s = nullif(current_setting('tenon.tenant_id', true), '')::%s", t.Column, t.Type)
	roles := quote(t.Owner)
	for _, role := range across {
		roles += ", " + quote(role)
	}
	return []string{
		"drop policy if exists isolation_tenant on " + t.Name,
		"drop policy if exists isolation_across on " + t.Name,
		fmt.Sprintf("create policy isolation_tenant on %s for all to public using (%[2]s) with check (%[2]s)", t.Name, mine),
		fmt.Sprintf("create policy isolation_across on %s for all to %s using (true) with check (true)", t.Name, roles),
		"alter table " + t.Name + " enable row level security",
		"alter table " + t.Name + " force row level security",
	}
}
