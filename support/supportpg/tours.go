package supportpg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/support"
)

const progressSQL = `
select tenant_id, user_id, tour, version, step, ended, at
from tenon.tour_progress
where tenant_id = $1
  and user_id = $2
order by tour collate "C"`

// Progress implements [support.TourStore].
func (s *Store) Progress(ctx context.Context, v support.Viewer) ([]support.Progress, error) {
	rows, err := s.db.Query(ctx, progressSQL, v.Tenant, v.User)
	if err != nil {
		return nil, translate(err)
	}
	kept, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (support.Progress, error) { return scanProgress(row) })
	return kept, translate(err)
}

func scanProgress(row pgx.Row) (p support.Progress, err error) {
	var at time.Time
	var end string
	err = row.Scan(&p.Tenant, &p.User, &p.Tour, &p.Version, &p.Step, &end, &at)
	p.End, p.At = support.End(end), tenon.Instant(at)
	return p, err
}

// It is [support.Progress.Over] in SQL. A row that would not change is left alone, and then not returned.
const keepProgressSQL = `
insert into tenon.tour_progress as t (tenant_id, user_id, tour, version, step, ended, at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id, user_id, tour) do update
set version = excluded.version,
  step = case when excluded.version > t.version then excluded.step else greatest(t.step, excluded.step) end,
  ended = case when excluded.version > t.version or t.ended = '' then excluded.ended else t.ended end,
  at = excluded.at
where excluded.version > t.version
  or excluded.version = t.version and (excluded.step > t.step or t.ended = '' and excluded.ended <> '')
returning tenant_id, user_id, tour, version, step, ended, at`

const oneProgressSQL = `
select tenant_id, user_id, tour, version, step, ended, at
from tenon.tour_progress
where tenant_id = $1
  and user_id = $2
  and tour = $3`

// KeepProgress implements [support.TourStore].
func (s *Store) KeepProgress(ctx context.Context, p support.Progress) (support.Progress, error) {
	kept, err := scanProgress(s.db.QueryRow(ctx, keepProgressSQL, p.Tenant, p.User, p.Tour, p.Version, p.Step, string(p.End), p.At))
	if errors.Is(err, pgx.ErrNoRows) {
		kept, err = scanProgress(s.db.QueryRow(ctx, oneProgressSQL, p.Tenant, p.User, p.Tour))
	}
	return kept, translate(err)
}
