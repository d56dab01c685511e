// Package pgsubject hands out the rows of a data subject, for every adapter with the suffix pg.
package pgsubject

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

// Table is a table with rows of a tenant, in schema tenon.
type Table struct {
	Name string
	// Person is the condition by which a row is about the person $2; empty: no row is about a person.
	Person string
	// Hidden is a column that is left out, since it only repeats others; empty: none is.
	Hidden string
}

// Querier is what Export needs of pgx.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Export yields the rows of a tenant, or of a person in it, table by table. Errors are translated.
func Export(
	ctx context.Context, db Querier, subject tenon.Subject, tables []Table, translate func(error) error,
) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		if subject.Tenant == "" {
			yield(tenon.Row{}, tenon.Invalid("tenant", "is empty"))
			return
		}
		for _, t := range tables {
			if subject.User != "" && t.Person == "" {
				continue
			}
			more, err := t.export(ctx, db, subject, yield)
			if err != nil {
				yield(tenon.Row{}, translate(err))
			}
			if err != nil || !more {
				return
			}
		}
	}
}

func (t Table) export(
	ctx context.Context, db Querier, subject tenon.Subject, yield func(tenon.Row, error) bool,
) (more bool, err error) {
	sql := "select to_jsonb(t) - $3::text from tenon." + pgx.Identifier{t.Name}.Sanitize() +
		" t where tenant_id = $1 and ($2::text = '' or " + cmp.Or(t.Person, "false") + ")"
	rows, err := db.Query(ctx, sql, subject.Tenant, subject.User, t.Hidden)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() {
		var data json.RawMessage
		if err := rows.Scan(&data); err != nil {
			return false, err
		}
		if !yield(tenon.Row{Table: "tenon." + t.Name, Data: data}, nil) {
			return false, nil
		}
	}
	return true, rows.Err()
}
