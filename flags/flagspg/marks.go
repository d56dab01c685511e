package flagspg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/flags"
)

// markSQL takes its rows in key order, so that two processes do not lock them crosswise, and leaves a row alone that
// is as late already: within an epoch the first process writes, and the others read.
const markSQL = `
insert into tenon.flag_marks as m (flag, variant, seen)
select n.flag, n.variant, max(n.seen)
from unnest($1::text[], $2::text[], $3::timestamptz[]) as n (flag, variant, seen)
where not exists (
  select
  from tenon.flag_marks o
  where o.flag = n.flag
    and o.variant = n.variant
    and o.seen >= n.seen)
group by n.flag, n.variant
order by n.flag, n.variant
on conflict (flag, variant) do update
set seen = excluded.seen
where m.seen < excluded.seen`

// Mark implements [flags.Store].
func (s *Store) Mark(ctx context.Context, marks []flags.Mark) error {
	if len(marks) == 0 {
		return nil
	}
	keys, variants, seen := make([]string, len(marks)), make([]string, len(marks)), make([]time.Time, len(marks))
	for i, m := range marks {
		keys[i], variants[i], seen[i] = m.Flag, m.Variant, m.Seen
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, markSQL, keys, variants, seen)
		return err
	})
}

const marksSQL = `
select flag, variant, seen
from tenon.flag_marks
order by flag collate "C", variant collate "C"`

// Marks implements [flags.Store].
func (s *Store) Marks(ctx context.Context) ([]flags.Mark, error) {
	rows, err := s.db.Query(ctx, marksSQL)
	if err != nil {
		return nil, translate(err)
	}
	marks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (flags.Mark, error) {
		var m flags.Mark
		err := row.Scan(&m.Flag, &m.Variant, &m.Seen)
		m.Seen = instant(m.Seen)
		return m, err
	})
	return marks, translate(err)
}
