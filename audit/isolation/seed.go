package isolation

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// stage is a table that a transaction of the owner's has made ready for probes: it is locked, bare of constraints and
// triggers, and holds a row of each of two tenants that do not exist.
type stage struct {
	run    *run
	tx     pgx.Tx
	table  *table
	mine   string
	theirs string
}

// tenantNames are two values for a tenant's column of a type.
func tenantNames(kind string) (mine, theirs string, ok bool) {
	base, _, _ := strings.Cut(kind, "(")
	switch base {
	case "text", "character varying", "citext":
		return "~a", "~b", true // short, and no name that a host would give
	case "uuid":
		return "00000000-0000-8000-8000-00000000000a", "00000000-0000-8000-8000-00000000000b", true
	case "bigint", "integer", "smallint", "numeric":
		return "-32001", "-32002", true
	}
	return "", "", false
}

const selectConstraints = `
select quote_ident(conname)
from pg_constraint
where conrelid = $1
  and contype in ('c', 'f', 'p', 'u', 'x')
  and coninhcount = 0
order by contype <> 'f', conname`

const selectNotNull = `
select quote_ident(attname)
from pg_attribute
where attrelid = $1
  and attnum > 0
  and not attisdropped
  and attnotnull
  and attidentity = ''`

// set makes the stage.
func (s *stage) set(ctx context.Context) error {
	t := s.table
	var ok bool
	if s.mine, s.theirs, ok = tenantNames(t.Type); !ok {
		return fmt.Errorf("no made-up tenant fits the type %s", t.Type)
	}
	if _, err := s.tx.Exec(ctx, "select set_config('lock_timeout', $1, true)", pgx.QueryExecModeExec,
		fmt.Sprintf("%dms", s.run.options.LockTimeout.Milliseconds())); err != nil {
		return err
	}
	if err := s.exec(ctx, "lock table "+t.Name+" in access exclusive mode"); err != nil {
		return err
	}
	if err := s.bare(ctx); err != nil {
		return err
	}
	return s.seed(ctx)
}

// bare takes constraints and triggers away.
func (s *stage) bare(ctx context.Context) error {
	t := s.table
	statements := []string{"alter table " + t.Name + " disable trigger user"}
	constraints, err := all[struct{ Name string }](ctx, s.tx, selectConstraints, t.OID)
	if err != nil {
		return err
	}
	for _, c := range constraints {
		statements = append(statements, fmt.Sprintf("alter table %s drop constraint %s cascade", t.Name, c.Name))
	}
	if err := s.exec(ctx, statements...); err != nil {
		return err
	}
	columns, err := all[struct{ Name string }](ctx, s.tx, selectNotNull, t.OID)
	if err != nil {
		return err
	}
	statements = nil
	for _, c := range columns {
		statements = append(statements, fmt.Sprintf("alter table %s alter column %s drop not null", t.Name, c.Name))
	}
	if t.Partitioned {
		statements = append(statements, fmt.Sprintf("create table %s.isolation_rest partition of %s default", t.Schema, t.Name))
	}
	return s.exec(ctx, statements...)
}

// seed makes the rows, as the owner, whom policies do not bind for that moment.
func (s *stage) seed(ctx context.Context) error {
	t := s.table
	force := []string{}
	if t.Forced {
		if err := s.exec(ctx, "alter table "+t.Name+" no force row level security"); err != nil {
			return err
		}
		force = append(force, "alter table "+t.Name+" force row level security")
	}
	return s.exec(ctx, append([]string{t.insert(t.literal(s.mine)), t.insert(t.literal(s.theirs))}, force...)...)
}

func (s *stage) exec(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := s.tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// attacks are those of the made-up tenants, on their rows alone: nobody else's are read, however many there are.
func (s *stage) attacks() []attack {
	list := s.run.attacks(s.table, s.mine, s.theirs)
	for i := range list {
		if list[i].kind == CrossRead {
			list[i].sql = fmt.Sprintf("select count(*) from %s where %s = %s", s.table.Name, s.table.Column, s.table.literal(s.theirs))
		}
	}
	if s.table.Insert && s.table.Partitioned {
		list = append(list, attack{
			CrossInsert, insertRows, s.mine, s.table.insert(s.table.literal(s.theirs)), "insert a row of another tenant's", false, true,
		})
	}
	return list
}

// own are what a tenant must be able to do with its own rows.
func (s *stage) own() []attack {
	t, mine := s.table, s.table.literal(s.mine)
	var list []attack
	if t.Select {
		list = append(list, attack{kind: Blind, command: readRows, sql: fmt.Sprintf("select count(*) from %s where %s = %s", t.Name, t.Column, mine), counts: true})
	}
	if t.Insert {
		list = append(list, attack{kind: Blind, command: insertRows, sql: t.insert(mine)})
	}
	if t.Settable != "" && t.Select {
		list = append(list, attack{kind: Blind, command: updateRows, sql: fmt.Sprintf("update %s set %[2]s = %[2]s where %s = %s", t.Name, t.Settable, t.Column, mine)})
	}
	if t.Delete && t.Select {
		list = append(list, attack{kind: Blind, command: deleteRows, sql: fmt.Sprintf("delete from %s where %s = %s", t.Name, t.Column, mine)})
	}
	for i := range list {
		list[i].setting, list[i].what = s.mine, list[i].command.String()+" a tenant's own rows"
	}
	return list
}

// try gives an attack's statement as the application's role. Changes are tried with every row in sight, so that a policy
// for select does not cover for one for update or delete.
func (s *stage) try(ctx context.Context, a attack) (rows int64, err error) {
	err = rolledBack(ctx, s.tx, func(tx pgx.Tx) error {
		inner := &stage{run: s.run, tx: tx, table: s.table}
		if a.kind != Blind && (a.command == updateRows || a.command == deleteRows) {
			if err := inner.exec(ctx, s.run.openSight(s.table)...); err != nil {
				return err
			}
		}
		if err := inner.exec(ctx, "set local role "+quote(s.run.role)); err != nil {
			return err
		}
		rows, err = s.run.try(ctx, tx, a)
		return err
	})
	return rows, err
}

// openSight returns statements that let the role see every row, as far as policies for select alone are concerned.
func (r *run) openSight(t *table) []string {
	if !t.Enabled {
		return nil
	}
	statements := []string{fmt.Sprintf("create policy isolation_sight on %s for select to %s using (true)", t.Name, quote(r.role))}
	for _, p := range r.schema.policies[t.OID] {
		if !p.Permissive && p.Command == readRows {
			statements = append(statements, fmt.Sprintf("alter policy %s on %s using (true)", p.Name, t.Name))
		}
	}
	return statements
}
