package supportpg

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/support"
)

const findingColumns = `tenant_id, id::text, title, detail, severity, source, state, found_at, since, due_at, fixed_at,
  approver, accepted_to, accepted_as, told_late, history`

const findingsSQL = `
select *
from (
  select ` + findingColumns + `
  from tenon.findings
  where ($1 = '' or tenant_id = $1)
    and ($2 = '' or id = nullif($2, '')::uuid)
    and ($3::text[] is null or state = any ($3))
    and ($4 = '' or id < nullif($4, '')::uuid)
  order by findings.id desc
  fetch first $5 rows with ties) page
order by page.id collate "C" desc, page.tenant_id collate "C"`

const lockFindingSQL = `
select ` + findingColumns + `
from tenon.findings
where tenant_id = $1
  and id = $2
for no key update`

func scanFinding(row pgx.Row) (f support.Finding, err error) {
	var found, since, due time.Time
	var fixed, until *time.Time
	var approver, reason *string
	var severity, state string
	var history []byte
	err = row.Scan(&f.Tenant, &f.ID, &f.Title, &f.Detail, &severity, &f.Source, &state, &found, &since, &due, &fixed,
		&approver, &until, &reason, &f.ToldLate, &history)
	if err != nil {
		return f, err
	}
	f.Severity, f.State = support.Severity(severity), support.FindingState(state)
	f.FoundAt, f.Since, f.Due, f.FixedAt = tenon.Instant(found), tenon.Instant(since), tenon.Instant(due), instants(fixed)
	if approver != nil && until != nil && reason != nil {
		f.Accepted = &support.Acceptance{Approver: *approver, Until: tenon.Instant(*until), Reason: *reason}
	}
	return f, json.Unmarshal(history, &f.History)
}

// Findings implements [support.FindingStore].
func (s *Store) Findings(ctx context.Context, q support.FindingQuery) ([]support.Finding, error) {
	var states []string
	for _, state := range q.States {
		states = append(states, string(state))
	}
	rows, err := s.db.Query(ctx, findingsSQL, q.Tenant, q.ID, states, q.Before, cmp.Or(q.Limit, 100))
	if err != nil {
		return nil, translate(err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (support.Finding, error) { return scanFinding(row) })
	return found, translate(err)
}

// ChangeFinding implements [support.FindingStore].
func (s *Store) ChangeFinding(
	ctx context.Context, ref support.Ref, edit func(f *support.Finding) (support.Effects, error),
) (changed support.Finding, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		for {
			changed, err = s.changeFinding(ctx, tx, ref, edit)
			if !errors.Is(err, errRaced) {
				return err
			}
		}
	})
	if err != nil {
		return support.Finding{}, err
	}
	return changed, nil
}

func (s *Store) changeFinding(
	ctx context.Context, tx pgx.Tx, ref support.Ref, edit func(f *support.Finding) (support.Effects, error),
) (support.Finding, error) {
	f, err := scanFinding(tx.QueryRow(ctx, lockFindingSQL, ref.Tenant, ref.ID))
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return f, err
	}
	isNew := err != nil
	f.Ref = ref
	e, err := edit(&f)
	if err != nil {
		return f, pgerr.Hosts(err)
	}
	if len(f.History) > 0 {
		if err := writeFinding(ctx, tx, &f, isNew); err != nil {
			return f, err
		}
	}
	return f, s.follow(ctx, tx, e)
}

const (
	insertFindingSQL = `
insert into tenon.findings (tenant_id, id, title, detail, severity, source, state, found_at, since, due_at, fixed_at,
  approver, accepted_to, accepted_as, told_late, history)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::text::jsonb)
on conflict (tenant_id, id) do nothing`

	updateFindingSQL = `
update tenon.findings
set title = $3, detail = $4, severity = $5, source = $6, state = $7, found_at = $8, since = $9, due_at = $10,
  fixed_at = $11, approver = $12, accepted_to = $13, accepted_as = $14, told_late = $15, history = $16::text::jsonb
where tenant_id = $1
  and id = $2`
)

func writeFinding(ctx context.Context, tx pgx.Tx, f *support.Finding, isNew bool) error {
	history, err := json.Marshal(f.History)
	if err != nil {
		return err
	}
	var approver, reason *string
	var until *time.Time
	if f.Accepted != nil {
		approver, reason, until = &f.Accepted.Approver, &f.Accepted.Reason, &f.Accepted.Until
	}
	sql := updateFindingSQL
	if isNew {
		sql = insertFindingSQL
	}
	tag, err := tx.Exec(ctx, sql, f.Tenant, f.ID, f.Title, f.Detail, string(f.Severity), f.Source, string(f.State),
		f.FoundAt, f.Since, f.Due, orNull(f.FixedAt), approver, until, reason, f.ToldLate, string(history))
	if err == nil && tag.RowsAffected() == 0 {
		return errRaced
	}
	return err
}
