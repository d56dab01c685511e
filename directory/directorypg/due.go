package directorypg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/pgerr"
)

// The two reasons are asked for apart, since each has its own index. Partners that are due for both are there once, or
// fewer than Limit would be edited while there are more.
const lockDueSQL = `
select c.tenant_id, c.id::text
from tenon.directory_companies c
where c.next_at <= $1
  and c.deleted_at is null
order by c.next_at
limit $2
for no key update skip locked`

const lockOtherPolicySQL = `
select c.tenant_id, c.id::text
from tenon.directory_companies c
where (c.policy < $1 or c.policy > $1)
  and c.deleted_at is null
  and (c.next_at is null or c.next_at > $3)
limit $2
for no key update skip locked`

const loadManySQL = `
select ` + companyColumns + `
join unnest($1::text[], $2::text[]) u (tenant_id, id) on u.tenant_id = c.tenant_id and u.id::uuid = c.id
order by c.id`

const loadManyDocsSQL = `
select ` + docColumns + `
join unnest($1::text[], $2::text[]) u (tenant_id, id) on u.tenant_id = d.tenant_id and u.id::uuid = d.partner_id
order by d.kind collate "C", d.version desc`

// ChangeDue implements [directory.Store]. It waits for no lock, so that the order of its own does not matter.
func (s *Store) ChangeDue(ctx context.Context, due directory.Due, edit directory.Edit) (n int, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		n, err = s.changeDue(ctx, tx, due, edit)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (s *Store) changeDue(ctx context.Context, tx pgx.Tx, due directory.Due, edit directory.Edit) (int, error) {
	refs, err := lockDue(ctx, tx, due)
	if err != nil || len(refs) == 0 {
		return 0, err
	}
	found, err := loadMany(ctx, tx, refs)
	if err != nil {
		return 0, err
	}
	var effects directory.Effects
	b := &pgx.Batch{}
	for _, before := range found {
		after := before.Clone()
		more, err := edit(after)
		if err != nil {
			return 0, pgerr.Hosts(err)
		}
		after.Tidy()
		queue(b, before, after)
		effects.Changes = append(effects.Changes, more.Changes...)
		effects.Notifications = append(effects.Notifications, more.Notifications...)
	}
	if err := s.tell(ctx, tx, effects); err != nil {
		return 0, err
	}
	if b.Len() > 0 {
		err = tx.SendBatch(ctx, b).Close()
	}
	return len(found), err
}

func lockDue(ctx context.Context, tx pgx.Tx, due directory.Due) ([]directory.Ref, error) {
	refs, err := lockRefs(ctx, tx, lockDueSQL, due.Now, due.Limit)
	if err != nil || len(refs) == due.Limit {
		return refs, err
	}
	others, err := lockRefs(ctx, tx, lockOtherPolicySQL, due.Policy, due.Limit-len(refs), due.Now)
	return append(refs, others...), err
}

func lockRefs(ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]directory.Ref, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r directory.Ref, err error) {
		return r, row.Scan(&r.Tenant, &r.ID)
	})
}

// loadMany returns the dossiers, without their logs, which due work does not add to.
func loadMany(ctx context.Context, tx pgx.Tx, refs []directory.Ref) ([]*directory.Dossier, error) {
	var tenants, ids []string
	for _, r := range refs {
		tenants, ids = append(tenants, r.Tenant), append(ids, r.ID)
	}
	rows, err := tx.Query(ctx, loadManySQL, tenants, ids)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, scanCompany)
	if err != nil {
		return nil, err
	}
	return found, withDocs(ctx, tx, loadManyDocsSQL, found)
}

const digestSQL = `
select (
    select count(*)
    from tenon.directory_companies c
    cross join lateral unnest(c.required) k (kind)
    where c.deleted_at is null
      and not exists (
        select
        from tenon.directory_docs d
        where d.tenant_id = c.tenant_id
          and d.partner_id = c.id
          and d.kind = k.kind)),
  count(*) filter (where d.expired_from <= $1),
  count(*) filter (where d.expired_from > $1)
from tenon.directory_docs d
join tenon.directory_companies c on c.tenant_id = d.tenant_id and c.id = d.partner_id
where d.in_force
  and d.soon_from <= $1
  and c.deleted_at is null`

// lockDigestSQL keeps two from telling one day; it is held while the host's notifier writes.
const lockDigestSQL = `
select pg_advisory_xact_lock(hashtextextended('tenon.directory_digests', 0))`

const toldSQL = `
select exists (select from tenon.directory_digests where day = $1::text::date)`

const tellDaySQL = `
insert into tenon.directory_digests (day, missing, expired, expiring_soon)
values ($1::text::date, $2, $3, $4)`

// Channel is the channel that the daily digest is notified on, as {"count": …, "timestamp": …}.
const Channel = "directory_alerts"

const notifySQL = `
select pg_notify('` + Channel + `', json_build_object('count', $1::bigint, 'timestamp', $2::timestamptz)::text)`

// Digest implements [directory.Digester]. What it tells goes to [Channel] too.
func (s *Store) Digest(
	ctx context.Context, now time.Time, day directory.Date, tell func(directory.Digest) directory.Effects,
) (d directory.Digest, told bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		d, told, err = s.digest(ctx, tx, now, day, tell)
		return err
	})
	if err != nil {
		return directory.Digest{}, false, err
	}
	return d, told, nil
}

func (s *Store) digest(
	ctx context.Context, tx pgx.Tx, now time.Time, day directory.Date, tell func(directory.Digest) directory.Effects,
) (d directory.Digest, told bool, err error) {
	if err := tx.QueryRow(ctx, digestSQL, now).Scan(&d.Missing, &d.Expired, &d.ExpiringSoon); err != nil {
		return d, false, err
	}
	if _, err := tx.Exec(ctx, lockDigestSQL); err != nil {
		return d, false, err
	}
	if err := tx.QueryRow(ctx, toldSQL, day.String()).Scan(&told); err != nil || told {
		return d, false, err
	}
	if err := s.tell(ctx, tx, tell(d)); err != nil {
		return d, false, err
	}
	b := &pgx.Batch{}
	b.Queue(tellDaySQL, day.String(), d.Missing, d.Expired, d.ExpiringSoon)
	if d.Count() > 0 {
		b.Queue(notifySQL, d.Count(), now)
	}
	return d, true, tx.SendBatch(ctx, b).Close()
}
