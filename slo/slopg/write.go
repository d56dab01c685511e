package slopg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

const putTargetSQL = `
insert into tenon.slo_targets (
  tenant_id, name, target, window_hours, created_at, kind, threshold, unit, window_kind, version, measure, definition)
values ($1, $2, $3::bigint / 1000000.0, $4::bigint / 3600000000.0, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (tenant_id, name) do update
set target = excluded.target,
  window_hours = excluded.window_hours,
  created_at = excluded.created_at,
  kind = excluded.kind,
  threshold = excluded.threshold,
  unit = excluded.unit,
  window_kind = excluded.window_kind,
  version = excluded.version,
  measure = excluded.measure,
  definition = excluded.definition`

const putVersionSQL = `
insert into tenon.slo_target_versions (tenant_id, name, created_at, version, definition)
values ($1, $2, $3, $4, $5)
on conflict do nothing`

const dropTargetSQL = `
delete from tenon.slo_targets
where tenant_id = $1
  and name = $2`

func writeObjectives(ctx context.Context, tx pgx.Tx, before, after *slo.State) error {
	put := func(o slo.Objective) error {
		threshold, unit := inUnit(o.Threshold)
		kind := string(o.Window.Calendar)
		if kind == "" {
			kind = "rolling"
		}
		if _, err := tx.Exec(ctx, putTargetSQL, o.Tenant, o.Name, int64(o.Target), o.Window.Period().Microseconds(), o.CreatedAt,
			string(o.Kind), threshold, unit, kind, o.Version, o.Measure(), asJSON(o)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, putVersionSQL, o.Tenant, o.Name, o.CreatedAt, o.Version, asJSON(o))
		return err
	}
	gone := func(o slo.Objective) error {
		_, err := tx.Exec(ctx, dropTargetSQL, o.Tenant, o.Name)
		return err
	}
	return differences(before.Objectives, after.Objectives, func(o slo.Objective) slo.Key { return o.Key }, put, gone)
}

// inUnit writes a threshold as people do: in milliseconds, in whole seconds from ten on, or as fine as it is.
func inUnit(d time.Duration) (threshold *int64, unit string) {
	if d == 0 {
		return nil, ""
	}
	n, unit := d.Microseconds(), "us"
	switch {
	case d%time.Second == 0 && d >= 10*time.Second:
		n, unit = int64(d/time.Second), "s"
	case d%time.Millisecond == 0:
		n, unit = d.Milliseconds(), "ms"
	}
	return &n, unit
}

const putExclusionSQL = `
insert into tenon.slo_exclusions (tenant_id, id, body)
values ($1, $2, $3)
on conflict (tenant_id, id) do update
set body = excluded.body`

const dropExclusionSQL = `
delete from tenon.slo_exclusions
where tenant_id = $1
  and id = $2`

func writeExclusions(ctx context.Context, tx pgx.Tx, before, after *slo.State) error {
	put := func(x slo.Exclusion) error {
		_, err := tx.Exec(ctx, putExclusionSQL, x.Tenant, x.ID, asJSON(x))
		return err
	}
	gone := func(x slo.Exclusion) error {
		_, err := tx.Exec(ctx, dropExclusionSQL, x.Tenant, x.ID)
		return err
	}
	return differences(before.Exclusions, after.Exclusions, func(x slo.Exclusion) string { return x.ID }, put, gone)
}

const putEpisodeSQL = `
insert into tenon.slo_episodes (tenant_id, id, name, alert, opened_at, resolved_at, body)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id, id) do update
set resolved_at = excluded.resolved_at,
  body = excluded.body`

func writeEpisodes(ctx context.Context, tx pgx.Tx, before, after *slo.State) error {
	put := func(e slo.Episode) error {
		_, err := tx.Exec(ctx, putEpisodeSQL, e.Tenant, e.ID, e.Name, string(e.Alert), e.OpenedAt, null(e.ResolvedAt), asJSON(e))
		return err
	}
	gone := func(e slo.Episode) error {
		return tenon.Invalid("episodes", "%s is open, and the edit took it away", e.ID)
	}
	return differences(before.Episodes, after.Episodes, func(e slo.Episode) string { return e.ID }, put, gone)
}

const putOverrideSQL = `
insert into tenon.slo_overrides (id, until_at, ended_at, body)
values ($1, $2, $3, $4)
on conflict (id) do update
set ended_at = excluded.ended_at,
  body = excluded.body`

func writeOverrides(ctx context.Context, tx pgx.Tx, before, after *slo.State) error {
	put := func(o slo.Override) error {
		_, err := tx.Exec(ctx, putOverrideSQL, o.ID, o.Until, null(o.EndedAt), asJSON(o))
		return err
	}
	gone := func(o slo.Override) error {
		return tenon.Invalid("overrides", "%s has not ended, and the edit took it away", o.ID)
	}
	return differences(before.Overrides, after.Overrides, func(o slo.Override) string { return o.ID }, put, gone)
}

const episodesSQL = `
select body
from tenon.slo_episodes
where resolved_at is null
  or resolved_at > $1
order by id
limit $2`

// Episodes implements [slo.Historian].
func (s *Store) Episodes(ctx context.Context, since time.Time, limit int) ([]slo.Episode, error) {
	rows, err := s.db.Query(ctx, episodesSQL, since, limit)
	if err != nil {
		return nil, translate(err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e slo.Episode, err error) {
		return e, row.Scan(document{&e})
	})
	return found, translate(err)
}
