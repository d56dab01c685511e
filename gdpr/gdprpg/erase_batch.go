package gdprpg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/pgerr"
)

// lookAhead is how many batches of keys are fetched at once: each look costs a search for the subject's rows.
const lookAhead = 50

const queryCanceled = "57014"

// delete deletes the rows of a work in batches until none is left, and says that it is done.
func (e *eraser) delete(ctx context.Context, w gdpr.Work) error {
	var stuck []string
	for {
		found, err := e.deleteSome(ctx, w, "", &stuck)
		if err != nil {
			return err
		}
		if found == 0 {
			return e.finish(ctx, []gdpr.Work{w})
		}
	}
}

const finishSQL = `
update tenon.gdpr_work
set done = true,
  last_error = ''
where tenant_id = $1
  and deletion_id = $2
  and work = $3`

func (e *eraser) finish(ctx context.Context, works []gdpr.Work) error {
	b := &pgx.Batch{}
	for _, w := range works {
		b.Queue(finishSQL, e.d.Subject.Tenant, e.d.ID, w.Name())
	}
	return inTx(ctx, e.host.db, func(tx pgx.Tx) error { return tx.SendBatch(ctx, b).Close() })
}

// errKept says that deleting does not delete.
var errKept = errors.New("rows are still there after they were deleted: a trigger, a rule or a policy keeps them")

// deleteSome fetches keys of rows and deletes these, batch by batch. It returns how many keys there were. More is a
// further condition on the row t, or empty. Stuck is a key
// of a call before that deleted nothing, since others did it or nobody can: that it is still there is an error.
func (e *eraser) deleteSome(ctx context.Context, w gdpr.Work, more string, stuck *[]string) (int, error) {
	t := e.m.Table(w.Table)
	if err := e.alone(ctx, w); err != nil {
		return 0, err
	}
	keys, err := e.keys(ctx, t, more)
	if err != nil || len(keys[0]) == 0 {
		return 0, err
	}
	if *stuck != nil && slices.ContainsFunc(rowsOf(keys), func(k []string) bool { return slices.Equal(k, *stuck) }) {
		return 0, errKept
	}
	found, size, gone := len(keys[0]), e.host.options.Batch, int64(0)
	for from := 0; from < found; {
		to, began := min(from+size, found), time.Now()
		n, err := e.deleteBatch(ctx, w, t, keys, from, to)
		if pgerr.Is(err, queryCanceled) && ctx.Err() == nil && size > 1 {
			size /= 2 // it took longer than a statement may
			continue
		}
		if err != nil {
			return 0, err
		}
		from, gone = to, gone+n
		if err := e.host.rest(ctx, began); err != nil {
			return 0, err
		}
	}
	if *stuck = nil; gone == 0 {
		*stuck = rowsOf(keys)[0]
	}
	return found, nil
}

// alone returns an error when rows of others refer to the work's by a key that would take them along.
func (e *eraser) alone(ctx context.Context, w gdpr.Work) error {
	problems, err := e.reaching(ctx, e.host.db, e.plan.Work, func(c gdpr.Wider) bool { return c.Reference.To == w.Table })
	if err != nil || len(problems) == 0 {
		return err
	}
	return planError(problems)
}

// rowsOf turns columns into rows.
func rowsOf(columns [][]string) [][]string {
	rows := make([][]string, len(columns[0]))
	for i := range rows {
		for _, c := range columns {
			rows[i] = append(rows[i], c[i])
		}
	}
	return rows
}

// rest lets others work for a share of the time since a batch began.
func (h *Host) rest(ctx context.Context, began time.Time) error {
	pause := time.Duration(h.options.Rest * float64(time.Since(began)))
	if pause <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// keys returns keys of the subject's rows in t, by column.
func (e *eraser) keys(ctx context.Context, t *gdpr.Table, more string) ([][]string, error) {
	texts := make([]string, len(t.Key))
	for i, column := range t.Key {
		texts[i] = quoted("t", column) + "::text"
	}
	sql := fmt.Sprintf("select %s from %s t where %s%s limit %d",
		strings.Join(texts, ", "), e.from(t), e.owned(t, "t"), more, lookAhead*e.host.options.Batch)
	keys := make([][]string, len(t.Key))
	err := inTx(ctx, e.host.db, func(tx pgx.Tx) error {
		for i := range keys {
			keys[i] = keys[i][:0]
		}
		row := make([]string, len(t.Key))
		into := make([]any, len(t.Key))
		for i := range row {
			into[i] = &row[i]
		}
		return forEach(ctx, tx, sql, e.args(), into, func() error {
			for i := range row {
				keys[i] = append(keys[i], row[i])
			}
			return nil
		})
	})
	return keys, err
}

// deleteBatch deletes rows by their keys and counts them, in one round trip that is one transaction. Whose a row is is
// asked again: it may have been given to another since, and a key that the database does not keep unique may be
// another's too. A set that is found by a walk is not walked again for each batch.
func (e *eraser) deleteBatch(ctx context.Context, w gdpr.Work, t *gdpr.Table, keys [][]string, from, to int) (gone int64, err error) {
	args, where := []any{e.d.Subject.Tenant}, ""
	if !t.Unique || !e.heavy[t.Name] {
		args, where = e.args(), " and "+e.owned(t, "t")
	}
	n := len(args)
	args = append(args, e.d.ID, w.Name())
	for i := range keys {
		args = append(args, keys[i][from:to])
	}
	err = e.inBatch(ctx, e.deleteSQL(t, n, where), args, &gone)
	if errors.Is(err, pgx.ErrNoRows) { // somebody else has certified it
		return 0, nil
	}
	return gone, err
}

// deleteSQL takes the tenant first and, after n parameters, the deletion, the work and an array for each column of the
// key.
func (e *eraser) deleteSQL(t *gdpr.Table, n int, where string) string {
	var arrays, names, same []string
	for i, column := range t.Key {
		c, _ := t.Column(column)
		arrays = append(arrays, fmt.Sprintf("$%d::text[]::%s[]", n+3+i, c.Type))
		names = append(names, fmt.Sprintf("k%d", i))
		same = append(same, fmt.Sprintf("%s = k.k%d", quoted("t", column), i))
	}
	by := fmt.Sprintf("using unnest(%s) k (%s)\n  where %s", strings.Join(arrays, ", "), strings.Join(names, ", "), strings.Join(same, " and "))
	if len(t.Key) == 1 {
		by = fmt.Sprintf("where %s = any(%s)", quoted("t", t.Key[0]), arrays[0])
	}
	return fmt.Sprintf(`
with gone as (
  delete from %s t
  %s%s
  returning 1)
update tenon.gdpr_work
set rows = rows + (select count(*) from gone)
where tenant_id = $1
  and deletion_id = $%d
  and work = $%d
returning (select count(*) from gone)`, e.from(t), by, where, n+1, n+2)
}

// inBatch runs a statement after it is announced, as one transaction in one round trip, again while it loses races. Its
// one row goes into; without a place it has none.
func (e *eraser) inBatch(ctx context.Context, sql string, args []any, into ...any) error {
	for {
		b := &pgx.Batch{}
		b.Queue(announceBatchSQL, e.d.ID, e.host.statement())
		q := b.Queue(sql, args...)
		if len(into) > 0 {
			q.QueryRow(func(row pgx.Row) error { return row.Scan(into...) })
		}
		err := e.host.db.SendBatch(ctx, b).Close()
		if _, bound := e.host.db.(pgx.Tx); bound || !pgerr.Retryable(err) || ctx.Err() != nil {
			return err
		}
	}
}

const afterSQL = `
select after, done
from tenon.gdpr_work
where tenant_id = $1
  and deletion_id = $2
  and work = $3
for no key update`

const advanceSQL = `
update tenon.gdpr_work
set rows = rows + $4,
  after = $5
where tenant_id = $1
  and deletion_id = $2
  and work = $3`

// anonymise changes the rows of a work in the order of their keys, so that a resume goes on behind the last.
func (e *eraser) anonymise(ctx context.Context, w gdpr.Work) error {
	size := e.host.options.Batch
	for {
		var changed bool
		began := time.Now()
		err := inTx(ctx, e.host.db, func(tx pgx.Tx) (err error) {
			changed, err = e.anonymiseBatch(ctx, tx, w, size)
			return err
		})
		if pgerr.Is(err, queryCanceled) && ctx.Err() == nil && size > 1 {
			size /= 2
			continue
		}
		if err != nil {
			return err
		}
		if !changed {
			return e.finish(ctx, []gdpr.Work{w})
		}
		if err := e.host.rest(ctx, began); err != nil {
			return err
		}
	}
}

func (e *eraser) anonymiseBatch(ctx context.Context, tx pgx.Tx, w gdpr.Work, size int) (changed bool, err error) {
	if err := e.host.announce(ctx, tx, e.d); err != nil {
		return false, err
	}
	var after, last []string
	var done bool
	if err := tx.QueryRow(ctx, afterSQL, e.d.Subject.Tenant, e.d.ID, w.Name()).Scan(&after, &done); err != nil || done {
		return false, err
	}
	args := e.args()
	for _, value := range after {
		args = append(args, value)
	}
	var n int64
	err = tx.QueryRow(ctx, e.anonymiseSQL(w, size, after != nil), args...).Scan(&n, &last)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && last == nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, advanceSQL, e.d.Subject.Tenant, e.d.ID, w.Name(), n, last)
	return true, err
}

func (e *eraser) anonymiseSQL(w gdpr.Work, size int, on bool) string {
	t := e.m.Table(w.Table)
	var keys, same, down, typed []string
	for i, column := range t.Key {
		c, _ := t.Column(column)
		keys = append(keys, quoted("t", column))
		same = append(same, fmt.Sprintf("%s = p.%s", quoted("t", column), quoted(column)))
		down = append(down, quoted("p", column)+" desc")
		typed = append(typed, fmt.Sprintf("$%d::text::%s", len(e.args())+1+i, c.Type))
	}
	where, own := e.concerned(w, "t"), ""
	if !t.Unique {
		own = " and " + where
	}
	if on {
		where += fmt.Sprintf(" and (%s) > (%s)", strings.Join(keys, ", "), strings.Join(typed, ", "))
	}
	return fmt.Sprintf(`
with picked as (
  select distinct %[1]s
  from %[2]s t
  where %[3]s
  order by %[1]s
  limit %[4]d),
changed as (
  update %[2]s t
  set %[5]s
  from picked p
  where %[6]s%[7]s
  returning 1)
select (select count(*) from changed), (select %[8]s from picked p order by %[9]s limit 1)`,
		strings.Join(keys, ", "), e.from(t), where, size, e.sets(w), strings.Join(same, " and "), own, key(t, "p"), strings.Join(down, ", "))
}
