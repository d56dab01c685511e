package auditpg

import (
	"context"
	"time"

	"github.com/transbotai/tenon/audit"
)

// countUpTo bounds what Head counts.
const countUpTo = 100_000

// headSQL counts what waits. late says that some of it was written by transactions that are not the oldest still
// running.
const headSQL = `
select count(*),
  min(ts),
  coalesce(bool_or(xid >= pg_snapshot_xmin(pg_current_snapshot())), false)
from (
  select xid, ts
  from tenon.audit_log a
  where (xid, id) > ($1::text::xid8, $2)`

const upTo = `
  order by xid, id
  limit $3) w`

// blockerSQL finds who runs the oldest transaction, in whatever database: everybody may see who holds the lock on its
// id. Its beginning is shown to those who may read other users' activity.
const blockerSQL = `
select coalesce(l.pid, -1), a.xact_start
from pg_locks l
left join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'transactionid'
  and l.mode = 'ExclusiveLock'
  and l.granted
  and l.transactionid = pg_snapshot_xmin(pg_current_snapshot())::xid`

// Head implements [audit.Sealer].
func (s *Store) Head(ctx context.Context) (audit.Head, error) {
	h, err := s.head(ctx)
	return h, translate(err)
}

func (s *Store) head(ctx context.Context) (audit.Head, error) {
	p, err := readPlace(ctx, s.db)
	if err != nil {
		return audit.Head{}, err
	}
	h := audit.Head{Size: p.size}
	sql := headSQL
	if p.xid <= p.mixed {
		sql += notSealed
	}
	var oldest *time.Time
	var late bool
	if err := s.db.QueryRow(ctx, sql+upTo, xid(p.xid), uuid(p.id), countUpTo).Scan(&h.Waiting, &oldest, &late); err != nil {
		return audit.Head{}, err
	}
	h.Oldest = fromNull(oldest)
	if !late {
		return h, nil
	}
	rows, err := s.db.Query(ctx, blockerSQL)
	if err != nil {
		return h, err
	}
	defer rows.Close()
	for rows.Next() {
		var since *time.Time
		if err := rows.Scan(&h.Blocker, &since); err != nil {
			return h, err
		}
		h.BlockerSince = fromNull(since)
	}
	return h, rows.Err()
}

// straysSQL finds rows without a leaf that sealing has passed, or will not come to since no transaction has their id yet:
// on the server, that is, that they were written on.
const straysSQL = `
select a.tenant_id, a.id
from tenon.audit_log a
where not exists (
    select
    from tenon.audit_leaves l
    where l.tenant_id = a.tenant_id
      and l.id = a.id
      and l.leaf_index >= 0)
  and ((a.xid, a.id) <= ($1::text::xid8, $2) or not $4 and a.xid >= pg_snapshot_xmax(pg_current_snapshot()))
limit $3`

// Strays implements [audit.Inspector].
func (s *Store) Strays(ctx context.Context, limit int) ([]audit.Ref, error) {
	p, err := readPlace(ctx, s.db)
	if err != nil {
		return nil, translate(err)
	}
	rows, err := s.db.Query(ctx, straysSQL, xid(p.xid), uuid(p.id), limit, p.foreign)
	if err != nil {
		return nil, translate(err)
	}
	defer rows.Close()
	var found []audit.Ref
	for rows.Next() {
		var ref audit.Ref
		var id [16]byte
		if err := rows.Scan(&ref.Tenant, &id); err != nil {
			return nil, translate(err)
		}
		ref.ID = formatID(id)
		found = append(found, ref)
	}
	return found, translate(rows.Err())
}
