package isolation

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// foreignKey leads from a tenant's row to a tenant's row.
type foreignKey struct {
	Name          string // quoted
	Child, Parent uint32
	From, To      []string // the columns, quoted
	Valid         bool     // Postgres has checked the rows that were there before
}

const selectForeignKeys = `
select quote_ident(k.conname), k.conrelid, k.confrelid,
  array(
    select quote_ident(a.attname)
    from unnest(k.conkey) with ordinality u (number, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number
    order by u.place),
  array(
    select quote_ident(a.attname)
    from unnest(k.confkey) with ordinality u (number, place)
    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number
    order by u.place),
  k.convalidated
from pg_constraint k
where k.contype = 'f'
  and k.conrelid = any ($1::oid[])
  and k.confrelid = any ($1::oid[])
  and k.conparentid = 0
order by k.conrelid::regclass::text, k.conname`

// mismatch counts, without policies, the rows whose parent is another tenant's, along every foreign key.
func (r *run) mismatch(ctx context.Context, tx pgx.Tx) error {
	oids := make([]uint32, 0, len(r.schema.tables))
	for _, t := range r.schema.tables {
		oids = append(oids, t.OID)
	}
	keys, err := all[foreignKey](ctx, tx, selectForeignKeys, oids)
	for _, k := range keys {
		r.result.ForeignKeys++
		if err := r.follow(ctx, tx, k); err != nil {
			return err
		}
	}
	return err
}

// follow counts along one key. One that holds the tenant on both sides has no such rows, by its own word.
func (r *run) follow(ctx context.Context, tx pgx.Tx, k foreignKey) error {
	child, parent := r.schema.byOID[k.Child], r.schema.byOID[k.Parent]
	tied := k.ties(child, parent)
	if tied && k.Valid {
		return nil
	}
	at := child.Name + " " + k.Name
	if !tied {
		r.warn(KeyWithoutTenant, at, "may point to a row of another tenant's in "+parent.Name+": the tenant is not in the key",
			fmt.Sprintf("a foreign key (%s, …) references %s (%s, …)", child.Column, parent.Name, parent.Column))
	}
	if err := seeAll(ctx, tx, child, parent); err != nil {
		r.notTried(Mismatch, at, "rows cannot be counted without policies", err)
		return nil
	}
	var n int64
	if err := tx.QueryRow(ctx, k.count(child, parent), pgx.QueryExecModeExec).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		r.add(Finding{
			Part: Mismatch, Kind: CrossParent, Object: at, Rows: n,
			Detail: "rows whose parent in " + parent.Name + " is another tenant's",
			Remedy: fmt.Sprintf("correct the rows, then put %s into the key", child.Column),
		})
	}
	return nil
}

// ties says whether the key holds the tenant's column of both sides in the same place.
func (k foreignKey) ties(child, parent *table) bool {
	for i := range k.From {
		if k.From[i] == child.Column && k.To[i] == parent.Column {
			return true
		}
	}
	return false
}

func (k foreignKey) count(child, parent *table) string {
	on := make([]string, len(k.From))
	for i := range k.From {
		on[i] = fmt.Sprintf("c.%s = p.%s", k.From[i], k.To[i])
	}
	return fmt.Sprintf("select count(*) from %s c join %s p on %s where c.%s::text is distinct from p.%s::text",
		child.Name, parent.Name, strings.Join(on, " and "), child.Column, parent.Column)
}

// seeAll lifts what hides rows of the tables from their owner until the transaction is rolled back.
func seeAll(ctx context.Context, tx pgx.Tx, tables ...*table) error {
	for _, t := range tables {
		if !t.OwnerBound {
			continue
		}
		if _, err := attempt(ctx, tx, "set local lock_timeout = '2s'; alter table "+t.Name+" no force row level security"); err != nil {
			return err
		}
		t.OwnerBound = false
	}
	return nil
}

// attempt executes statements without arguments, in a savepoint when they fail, and returns how many rows the last
// touched.
func attempt(ctx context.Context, tx pgx.Tx, sql string) (int64, error) {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return 0, err
	}
	tag, err := inner.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		if failed := inner.Rollback(ctx); failed != nil {
			return 0, failed
		}
		return 0, err
	}
	return tag.RowsAffected(), inner.Commit(ctx)
}
