package kpipg

import (
	"context"
	"crypto/rand"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgsubject"
)

// tenantTables are all tables with rows of a tenant, in the order in which locks are taken.
var tenantTables = []pgsubject.Table{
	{Name: "event_keys"},
	{Name: "events", Person: "user_id = $2"},
	{Name: "event_quarantine", Person: "user_id = $2"},
	{Name: "kpi_pending"},
	{Name: "kpi_rollups"},
	{Name: "kpi_subjects"},
	{Name: "kpi_freshness"},
}

// Export implements [tenon.Exporter]. Of a person there are the person's events, those set aside too.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return pgsubject.Export(ctx, s.db, subject, tenantTables, translate)
}

// Erase implements [tenon.Eraser], in one transaction. Of a company it removes everything. Of a person it removes the
// events that were set aside, and makes the others nobody's: they get one new user, which cannot be traced back and
// keeps figures by user as they were, and lose the properties that the registry calls personal. While it lasts nobody
// folds.
func (s *Store) Erase(ctx context.Context, subject tenon.Subject) (erased map[string]int64, err error) {
	if subject.Tenant == "" {
		return nil, tenon.Invalid("tenant", "is empty")
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		erased = pgsubject.Nothing(tenantTables)
		if _, err := tx.Exec(ctx, waitFolderSQL); err != nil {
			return err
		}
		if subject.User != "" {
			return s.forget(ctx, tx, subject, erased)
		}
		if _, err := tx.Exec(ctx, lessTotalsSQL, subject.Tenant); err != nil {
			return err
		}
		// events once more: of what was tracked meanwhile, no event must stay whose place on the list is gone
		return pgsubject.Delete(ctx, tx, subject.Tenant, append(tenantTables[:len(tenantTables):len(tenantTables)], pgsubject.Table{Name: "events"}), erased)
	})
	return erased, err
}

// lessTotalsSQL takes a tenant out of what is kept of all together.
const lessTotalsSQL = `
update tenon.kpi_totals t
set count = t.count - r.count, numbers = t.numbers - r.numbers, sum = t.sum - r.sum,
  converted = t.converted - r.converted, took = t.took - r.took
from tenon.kpi_rollups r
where r.tenant_id = $1
  and t.measure = r.measure
  and t.bucket = r.bucket
  and t.grp = r.grp`

const forgetAsidesSQL = `
delete from tenon.event_quarantine
where tenant_id = $1
  and user_id = $2`

// renameSubjectsSQL renames the person in conversions by user, also where the events were dropped.
const renameSubjectsSQL = `
update tenon.kpi_subjects s
set subject = $3
from tenon.kpi_measures m
where s.tenant_id = $1
  and s.subject = $2
  and m.measure = s.measure
  and m.definition #> '{pair,subject}' is null`

// replaceListSQL lists the person's events as gone as they were, and as new where rollups hold them.
const replaceListSQL = `
insert into tenon.kpi_pending (tenant_id, id, received_at, names, times, ids, gone, folded)
select e.tenant_id, gen_random_uuid(), e.received_at, case when h.held then array[e.event_name] else '{}' end,
  case when h.held then array[e.occurred_at] else '{}' end, case when h.held then array[e.id] else '{}' end,
  to_jsonb(e), h.held
from tenon.events e
cross join lateral (
  select (e.id in (select unnest(p.ids) from tenon.kpi_pending p where p.tenant_id = $1)) is not true as held
) h
where e.tenant_id = $1
  and e.user_id = $2
for update of e`

// renameGoneSQL renames the person in what is gone and still listed, as the subjects were, so that these lose it.
const renameGoneSQL = `
update tenon.kpi_pending
set gone = jsonb_set(gone, '{user_id}', to_jsonb($3::text))
where tenant_id = $1
  and gone ->> 'user_id' = $2`

const forgetEventsSQL = `
update tenon.events
set user_id = $3,
  properties = properties - array(select jsonb_array_elements_text($4::text::jsonb -> event_name))
where tenant_id = $1
  and user_id = $2`

// forget replaces the person's events by ones of nobody, and folds that at once, so that nothing is left of how they
// were.
func (s *Store) forget(ctx context.Context, tx pgx.Tx, subject tenon.Subject, erased map[string]int64) error {
	asides, err := tx.Exec(ctx, forgetAsidesSQL, subject.Tenant, subject.User)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, replaceListSQL, subject.Tenant, subject.User); err != nil {
		return err
	}
	nobody := "erased-" + rand.Text()
	for _, sql := range []string{renameSubjectsSQL, renameGoneSQL} {
		if _, err := tx.Exec(ctx, sql, subject.Tenant, subject.User, nobody); err != nil {
			return err
		}
	}
	events, err := tx.Exec(ctx, forgetEventsSQL, subject.Tenant, subject.User, nobody, s.personal())
	if err != nil {
		return err
	}
	erased["tenon.event_quarantine"], erased["tenon.events"] = asides.RowsAffected(), events.RowsAffected()
	for n := foldAtOnce; n == foldAtOnce; {
		if n, err = s.foldSome(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// personal returns the personal properties by the event's name, as JSON.
func (s *Store) personal() string {
	personal := map[string][]string{}
	if r := s.options.Registry; r != nil {
		for name := range r.Events {
			if names := r.Personal(name); len(names) > 0 {
				personal[name] = names
			}
		}
	}
	return document(personal)
}
