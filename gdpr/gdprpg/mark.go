package gdprpg

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

const beginMarkingSQL = `
insert into tenon.gdpr_deletions (tenant_id, id, user_id, state, marked_at)
values ($1, $2, $3, 'marked', $4)
on conflict do nothing`

// Mark implements [gdpr.Tables], in one transaction: every row of the subject in the tables that have a column for it
// is marked with d.At, but for those that are marked already.
func (h *Host) Mark(ctx context.Context, d gdpr.Deletion) (rows map[string]int64, err error) {
	err = inTx(ctx, h.db, func(tx pgx.Tx) error {
		if err := h.announce(ctx, tx, d); err != nil {
			return err
		}
		begun, err := tx.Exec(ctx, beginMarkingSQL, d.Subject.Tenant, d.ID, d.Subject.User, tenon.Instant(d.At))
		if err != nil {
			return err
		}
		row, err := lockDeletion(ctx, tx, d)
		if err != nil {
			return err
		}
		if row.state != marked {
			return gdpr.ErrDeletion
		}
		a, err := h.atlas(ctx, tx, d.Subject)
		if err != nil {
			return err
		}
		if begun.RowsAffected() > 0 {
			if err := a.mark(ctx, tx, d); err != nil {
				return err
			}
		}
		rows, err = a.marks(ctx, tx, d)
		return err
	})
	return rows, err
}

func (a *atlas) mark(ctx context.Context, tx pgx.Tx, d gdpr.Deletion) error {
	if err := a.find(ctx, tx); err != nil {
		return err
	}
	for _, t := range a.marking() {
		if _, err := tx.Exec(ctx, a.markSQL(t), append(a.args(), d.Subject.Tenant, d.ID, t.Name, tenon.Instant(d.At))...); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	return nil
}

// marking returns the tables whose rows are marked.
func (a *atlas) marking() []*gdpr.Table {
	var all []*gdpr.Table
	for i := range a.m.Tables {
		if t := &a.m.Tables[i]; a.def.Tables[t.Name].Mark != "" {
			all = append(all, t)
		}
	}
	return all
}

// markSQL takes the tenant, the deletion, the table and the time after the atlas's own parameters.
func (a *atlas) markSQL(t *gdpr.Table) string {
	n := len(a.args())
	mark := a.def.Tables[t.Name].Mark
	return fmt.Sprintf(`
with marked as (
  update %s t
  set %s = %s
  where %s is null
    and %s
  returning %s as row_key)
insert into tenon.gdpr_marks (tenant_id, deletion_id, table_name, row_key)
select distinct $%d::text, $%d::uuid, $%d::text, row_key
from marked`, a.from(t), quoted(mark), a.instant(t, mark, n+4), quoted("t", mark), a.owned(t, "t"), key(t, "t"), n+1, n+2, n+3)
}

// instant returns the n-th parameter as the type of a column for marks, which may be less precise.
func (a *atlas) instant(t *gdpr.Table, column string, n int) string {
	c, _ := t.Column(column)
	if strings.HasSuffix(c.Type, "with time zone") {
		return fmt.Sprintf("$%d::timestamptz::%s", n, c.Type)
	}
	return fmt.Sprintf("($%d::timestamptz at time zone 'UTC')::%s", n, c.Type)
}

const marksSQL = `
select table_name, count(*)
from tenon.gdpr_marks
where tenant_id = $1
  and deletion_id = $2
group by table_name`

// marks counts what is marked, with 0 where nothing is.
func (a *atlas) marks(ctx context.Context, tx pgx.Tx, d gdpr.Deletion) (map[string]int64, error) {
	counts := map[string]int64{}
	for _, t := range a.marking() {
		counts[t.Name] = 0
	}
	var table string
	var n int64
	err := forEach(ctx, tx, marksSQL, []any{d.Subject.Tenant, d.ID}, []any{&table, &n}, func() error {
		counts[table] = n
		return nil
	})
	return counts, err
}

const restoredSQL = `
update tenon.gdpr_deletions
set state = 'restored'
where tenant_id = $1
  and id = $2`

// Restore implements [gdpr.Tables], in one transaction. A row whose mark was changed since is left as it is.
func (h *Host) Restore(ctx context.Context, d gdpr.Deletion) (rows map[string]int64, err error) {
	err = inTx(ctx, h.db, func(tx pgx.Tx) error {
		if err := h.announce(ctx, tx, d); err != nil {
			return err
		}
		// A mark that comes after this one, from a process that was slow, finds it restored.
		if _, err := tx.Exec(ctx, beginMarkingSQL, d.Subject.Tenant, d.ID, d.Subject.User, tenon.Instant(d.At)); err != nil {
			return err
		}
		row, err := lockDeletion(ctx, tx, d)
		if err != nil {
			return err
		}
		if row.state == erasing {
			return gdpr.ErrDeletion
		}
		a, err := h.atlas(ctx, tx, d.Subject)
		if err != nil {
			return err
		}
		if row.state == marked {
			if err := a.restore(ctx, tx, d); err != nil {
				return err
			}
		}
		rows, err = a.marks(ctx, tx, d)
		return err
	})
	return rows, err
}

func (a *atlas) restore(ctx context.Context, tx pgx.Tx, d gdpr.Deletion) error {
	for _, t := range a.marking() {
		_, err := tx.Exec(ctx, a.restoreSQL(t), d.Subject.Tenant, d.ID, t.Name, tenon.Instant(d.At))
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	_, err := tx.Exec(ctx, restoredSQL, d.Subject.Tenant, d.ID)
	return err
}

// restoreSQL takes the marks back and leaves those in gdpr_marks that were, so that they can be counted again.
func (a *atlas) restoreSQL(t *gdpr.Table) string {
	mark := a.def.Tables[t.Name].Mark
	var same []string
	for i, column := range t.Key {
		c, _ := t.Column(column)
		same = append(same, fmt.Sprintf("%s = m.row_key[%d]::%s", quoted("t", column), i+1, c.Type))
	}
	return fmt.Sprintf(`
with marks as (
  select row_key
  from tenon.gdpr_marks
  where tenant_id = $1
    and deletion_id = $2
    and table_name = $3),
restored as (
  update %s t
  set %s = null
  from marks m
  where %s
    and %s = %s
  returning m.row_key)
delete from tenon.gdpr_marks
where tenant_id = $1
  and deletion_id = $2
  and table_name = $3
  and row_key not in (select row_key from restored)`,
		a.from(t), quoted(mark), strings.Join(same, " and "), quoted("t", mark), a.instant(t, mark, 4))
}

// announce names the deletion to the host's triggers, for this transaction, so that an audit log records keys and no
// data.
func (h *Host) announce(ctx context.Context, tx pgx.Tx, d gdpr.Deletion) error {
	_, err := tx.Exec(ctx, announceSQL, d.ID, h.statement())
	return err
}

const announceSQL = `
select set_config('tenon.erasure_id', $1, true), set_config('statement_timeout', $2, true)`

// announceBatchSQL does not wait for the disk either: what a crash takes back of a batch it takes back of its progress,
// and the certificate waits for all.
const announceBatchSQL = `
select set_config('tenon.erasure_id', $1, true), set_config('statement_timeout', $2, true),
  set_config('synchronous_commit', 'off', true)`

// statement returns how long a statement may take, as Postgres writes it.
func (h *Host) statement() string {
	return fmt.Sprint(max(h.options.Statement.Milliseconds(), 0))
}
