package pgsubject

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Nothing returns what was erased of these tables before anything was: no row of each.
func Nothing(tables []Table) map[string]int64 {
	erased := map[string]int64{}
	for _, t := range tables {
		erased["tenon."+t.Name] = 0
	}
	return erased
}

// Delete removes a tenant's rows from tables, in their order, and adds how many there were to erased.
func Delete(ctx context.Context, tx pgx.Tx, tenant string, tables []Table, erased map[string]int64) error {
	for _, t := range tables {
		tag, err := tx.Exec(ctx, "delete from tenon."+pgx.Identifier{t.Name}.Sanitize()+" where tenant_id = $1", tenant)
		if err != nil {
			return err
		}
		erased["tenon."+t.Name] += tag.RowsAffected()
	}
	return nil
}
