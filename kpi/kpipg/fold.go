package kpipg

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon/internal/tell"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/kpi"
)

// foldAtOnce is how many rows of kpi_pending one transaction folds; each lists the events of one call.
const foldAtOnce = 200

const tryFolderSQL = `
select pg_try_advisory_xact_lock(hashtextextended('tenon.kpi_rollups', 0))`

const waitFolderSQL = `
select pg_advisory_xact_lock(hashtextextended('tenon.kpi_rollups', 0))`

// takeSQL takes what is listed, oldest first, but for what somebody is just withdrawing.
const takeSQL = `
select tenant_id, id
from tenon.kpi_pending
order by id
limit $1
for update skip locked`

// listedSQL reads the events of what was taken, and those that are gone: 1 is to be added, -1 to be taken away, and 0 was
// never added. An "offset 0" makes sure that each is looked up by its key, however many a planner expects.
const listedSQL = `
select 1 as sign, e.tenant_id, e.id::text, e.user_id, e.event_name, e.properties, e.occurred_at, e.received_at
from unnest($1::text[], $2::uuid[]) as t(tenant_id, id)
join tenon.kpi_pending p on p.tenant_id = t.tenant_id and p.id = t.id
cross join unnest(p.names, p.times, p.ids) as u(name, at, id)
cross join lateral (
  select *
  from tenon.events
  where tenant_id = p.tenant_id
    and event_name = u.name
    and occurred_at = u.at
    and id = u.id
  offset 0
) e
union all
select case when p.folded then -1 else 0 end, g.tenant_id, g.id::text, g.user_id, g.event_name, g.properties,
  g.occurred_at, g.received_at
from unnest($1::text[], $2::uuid[]) as t(tenant_id, id)
join tenon.kpi_pending p on p.tenant_id = t.tenant_id and p.id = t.id
cross join jsonb_populate_record(null::tenon.events, p.gone) as g
where p.gone is not null`

const freshenSQL = `
insert into tenon.kpi_freshness as f (tenant_id, received_at)
select p.tenant_id, max(p.received_at)
from unnest($1::text[], $2::uuid[]) as t(tenant_id, id)
join tenon.kpi_pending p on p.tenant_id = t.tenant_id and p.id = t.id
group by p.tenant_id
order by p.tenant_id
on conflict (tenant_id) do update
set received_at = excluded.received_at
where f.received_at < excluded.received_at`

const doneSQL = `
delete from tenon.kpi_pending p
using unnest($1::text[], $2::uuid[]) as t(tenant_id, id)
where p.tenant_id = t.tenant_id
  and p.id = t.id`

// Fold brings the rollups up to date: it makes those of new measures, removes those that no KPI needs, and adds the
// events that are listed. One folds at a time; while another does, Fold returns at once. Run calls it.
func (s *Store) Fold(ctx context.Context) error {
	if err := s.inTx(ctx, func(tx pgx.Tx) error { return adjust(ctx, tx) }); err != nil {
		return err
	}
	for {
		var n int
		err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
			n, err = s.foldSome(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
		s.stats.folded.Add(int64(n))
		if n < foldAtOnce {
			return nil
		}
	}
}

func folder(ctx context.Context, tx pgx.Tx) (mine bool, err error) {
	return mine, tx.QueryRow(ctx, tryFolderSQL).Scan(&mine)
}

// taken are rows of kpi_pending.
type taken struct{ tenants, ids []string }

func (s *Store) foldSome(ctx context.Context, tx pgx.Tx) (int, error) {
	if mine, err := folder(ctx, tx); err != nil || !mine {
		return 0, err
	}
	var t taken
	rows, err := tx.Query(ctx, takeSQL, foldAtOnce)
	var tenant string
	var id [16]byte
	err = each(rows, err, []any{&tenant, &id}, func() error {
		t.tenants, t.ids = append(t.tenants, tenant), append(t.ids, text(id))
		return nil
	})
	if err != nil || len(t.ids) == 0 {
		return 0, err
	}
	if err := s.fold(ctx, tx, t); err != nil {
		return 0, err
	}
	b := &pgx.Batch{}
	b.Queue(freshenSQL, t.tenants, t.ids)
	b.Queue(doneSQL, t.tenants, t.ids)
	return len(t.ids), tx.SendBatch(ctx, b).Close()
}

func text(id [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

// fold adds what was taken.
func (s *Store) fold(ctx context.Context, tx pgx.Tx, t taken) error {
	measures, err := ready(ctx, tx)
	if err != nil {
		return err
	}
	f := folding{
		books: newBooks(measures), taken: t.ids, seen: map[subjectKey][]kpi.Sighting{}, recount: map[subjectKey][]kpi.Sighting{},
		keeps: s.options.Forward != nil, left: map[string]bool{},
	}
	rows, err := tx.Query(ctx, listedSQL, t.tenants, t.ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		sign, e, err := scanListed(rows)
		if err != nil {
			return err
		}
		f.add(&e, sign)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	// who was erased leaves behind events of the same ids, which are not new
	f.kept = slices.DeleteFunc(f.kept, func(e kpi.Event) bool { return f.left[e.ID] })
	if err := s.forward(ctx, tx, f.kept); err != nil {
		return pgerr.Hosts(err)
	}
	if err := f.advance(ctx, tx); err != nil {
		return err
	}
	return f.books.write(ctx, tx)
}

func scanListed(row pgx.CollectableRow) (sign int64, e kpi.Event, err error) {
	var properties []byte
	err = row.Scan(&sign, &e.Tenant, &e.ID, &e.User, &e.Name, &properties, &e.At, &e.ReceivedAt)
	if err != nil {
		return 0, e, err
	}
	e.At, e.ReceivedAt = tenon.Instant(e.At), tenon.Instant(e.ReceivedAt)
	return sign, e, e.Read(properties)
}

// forward hands events to the outbox, in the order in which they came.
func (s *Store) forward(ctx context.Context, tx pgx.Tx, events []kpi.Event) error {
	if len(events) == 0 {
		return nil
	}
	slices.SortFunc(events, func(a, b kpi.Event) int { return strings.Compare(a.ID, b.ID) })
	news := make([]tenon.Notification, len(events))
	for i := range events {
		var err error
		if news[i], err = kpi.Forward(&events[i], s.options.Registry.Personal(events[i].Name)...); err != nil {
			return err
		}
	}
	return tell.News(ctx, s.options.Forward(tx), news)
}

// folding is what one transaction adds.
type folding struct {
	books   *books
	taken   []string // rows of kpi_pending
	seen    map[subjectKey][]kpi.Sighting
	recount map[subjectKey][]kpi.Sighting // of the events that a subject lost
	keeps   bool
	kept    []kpi.Event     // that leave
	left    map[string]bool // ids of those that left before they were taken away
}

func (f *folding) add(e *kpi.Event, sign int64) {
	if sign != 0 {
		f.books.tally(e, sign)
	}
	switch {
	case f.keeps && sign == 1:
		f.kept = append(f.kept, *e)
	case sign == -1:
		f.left[e.ID] = true
	}
	f.books.sight(e, func(k subjectKey, s kpi.Sighting) {
		if sign == 1 {
			f.seen[k] = append(f.seen[k], s)
		} else {
			f.recount[k] = append(f.recount[k], s)
			f.seen[k] = append(f.seen[k], kpi.Sighting{}) // which starts and converts nothing
		}
	})
}

const progressSQL = `
select s.tenant_id, s.measure, s.subject, s.started_at, coalesce(s.start_id::text, ''), s.grp, s.converted_at
from unnest($1::text[], $2::text[], $3::text[]) as k(tenant_id, measure, subject)
cross join lateral (
  select *
  from tenon.kpi_subjects
  where tenant_id = k.tenant_id
    and measure = k.measure
    and subject = k.subject
  offset 0
) s`

// advance moves the subjects on that had an event, and counts again those that lost one.
func (f *folding) advance(ctx context.Context, tx pgx.Tx) error {
	keys := sortedKeys(f.seen, compareSubjects)
	if len(keys) == 0 {
		return nil
	}
	before, err := progress(ctx, tx, keys)
	if err != nil {
		return err
	}
	for _, k := range keys {
		now := before[k]
		if lost := f.recount[k]; len(lost) > 0 {
			if now, err = f.recounted(ctx, tx, k); err != nil {
				return err
			}
			keep(&now, before[k], lost)
		}
		for _, s := range f.seen[k] {
			now.See(s)
		}
		old := before[k]
		f.books.standing(k, &old, -1)
		f.books.standing(k, &now, 1)
		f.books.subjects[k] = &now
	}
	return nil
}

// keep leaves a subject what it had before and did not lose: an event whose partition was dropped is not found again.
func keep(now *kpi.Progress, before kpi.Progress, lost []kpi.Sighting) {
	started := func(s kpi.Sighting) bool { return s.Starts && s.ID == before.StartID }
	if before.StartID != "" && !slices.ContainsFunc(lost, started) {
		now.See(kpi.Sighting{Starts: true, At: before.Start, ID: before.StartID, Group: before.Group})
	}
	converted := func(s kpi.Sighting) bool { return s.Converts && s.At.Equal(before.Convert) }
	if !before.Convert.IsZero() && !slices.ContainsFunc(lost, converted) {
		now.See(kpi.Sighting{Converts: true, At: before.Convert})
	}
}

func progress(ctx context.Context, tx pgx.Tx, keys []subjectKey) (map[subjectKey]kpi.Progress, error) {
	var tenants, measures, subjects []string
	for _, k := range keys {
		tenants, measures, subjects = append(tenants, k.tenant), append(measures, k.measure), append(subjects, k.subject)
	}
	rows, err := tx.Query(ctx, progressSQL, tenants, measures, subjects)
	if err != nil {
		return nil, err
	}
	found := make(map[subjectKey]kpi.Progress, len(keys))
	defer rows.Close()
	for rows.Next() {
		k, p, err := scanProgress(rows)
		if err != nil {
			return nil, err
		}
		found[k] = p
	}
	return found, rows.Err()
}

// recountSQL reads the events of one subject that the rollups hold without what was taken, as [heldSQL] does; the gap is
// whose path it is.
const recountSQL = `
select e.tenant_id, e.id::text, e.user_id, e.event_name, e.properties, e.occurred_at, e.received_at
from (
  select *
  from tenon.events
  where tenant_id = $1
    and (id in (select unnest(p.ids) from tenon.kpi_pending p where p.tenant_id = $1)) is not true
  union all
  select g.*
  from tenon.kpi_pending p
  cross join jsonb_populate_record(null::tenon.events, p.gone) as g
  where p.tenant_id = $1
    and p.folded
    and p.id <> all ($4::uuid[])
) e
where e.event_name = any ($2)
  and %s = $3`

func (f *folding) recounted(ctx context.Context, tx pgx.Tx, k subjectKey) (p kpi.Progress, err error) {
	m := f.books.measures[k.measure]
	expression, property := subjectSQL(m.Pair.Subject, 5)
	args := []any{k.tenant, m.Names(), k.subject, f.taken}
	if property != nil {
		args = append(args, property)
	}
	rows, err := tx.Query(ctx, fmt.Sprintf(recountSQL, expression), args...)
	if err != nil {
		return p, err
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return p, err
		}
		if s, ok := m.Sight(&e); ok && s.Subject == k.subject {
			p.See(s)
		}
	}
	return p, rows.Err()
}

func scanProgress(row pgx.CollectableRow) (k subjectKey, p kpi.Progress, err error) {
	var start, convert *time.Time
	err = row.Scan(&k.tenant, &k.measure, &k.subject, &start, &p.StartID, &p.Group, &convert)
	if start != nil {
		p.Start = tenon.Instant(*start)
	}
	if convert != nil {
		p.Convert = tenon.Instant(*convert)
	}
	return k, p, err
}
