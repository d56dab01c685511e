package auditpg

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/internal/pgerr"
)

const lockSealSQL = `
select pg_try_advisory_xact_lock(hashtextextended('tenon.audit_seal', 0))`

// placeSQL says how far sealing has come. The place is that of the last leaf, so that nobody can move it without moving
// leaves; in a new epoch it is where that begins. foreign says that the rows were written on another server, or that
// this one counts from a lower number than it did, as a copy of that server does: the last leaf tells, and before an
// epoch has one, the rows.
const placeSQL = `
select s.epoch,
  coalesce(l.leaf_index + 1, 0),
  case when l.epoch = s.epoch then l.xid else s.base end,
  case when l.epoch = s.epoch then l.id else '00000000-0000-0000-0000-000000000000' end,
  s.mixed,
  s.system <> (select system_identifier::text from pg_control_system())
    or case when l.epoch = s.epoch then l.xid >= pg_snapshot_xmax(pg_current_snapshot())
      else exists (
        select
        from tenon.audit_log a
        where a.xid >= pg_snapshot_xmax(pg_current_snapshot())
          and a.xid > s.mixed)
      end
from tenon.audit_state s
left join (
  select leaf_index, epoch, xid, id
  from tenon.audit_leaves
  order by leaf_index desc
  limit 1) l on true`

// place is how far sealing has come.
type place struct {
	epoch   int32
	size    int64
	xid     uint64
	id      [16]byte
	mixed   uint64 // up to here there may be rows of earlier epochs, which are sealed already
	foreign bool
}

func readPlace(ctx context.Context, db DB) (p place, err error) {
	err = db.QueryRow(ctx, placeSQL).Scan(&p.epoch, &p.size, &p.xid, &p.id, &p.mixed, &p.foreign)
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("%w: tenon.audit_state has lost its row", audit.ErrTampered)
	}
	return p, err
}

const newEpochSQL = `
select tenon.audit_new_epoch()`

// waitingSQL reads what no transaction that still runs can precede: below the snapshot's xmin all are committed, and
// seen, or undone.
const waitingSQL = `
select ` + columns + `, xid
from tenon.audit_log a
where (xid, id) > ($1::text::xid8, $2)
  and xid < pg_snapshot_xmin(pg_current_snapshot())`

const notSealed = `
  and not exists (
    select
    from tenon.audit_leaves l
    where l.tenant_id = a.tenant_id
      and l.id = a.id)`

const inOrder = `
order by xid, id
limit $3`

// Seal implements [audit.Sealer].
func (s *Store) Seal(
	ctx context.Context, limit int, add func(size int64, entries []audit.Entry, read audit.Hashes) (audit.Sealing, error),
) (int, error) {
	if s.bound {
		return 0, errBoundSealing
	}
	n := 0
	err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
		n, err = sealSome(ctx, tx, limit, add)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// errBoundSealing refuses what could never seal the records of its own transaction.
var errBoundSealing = fmt.Errorf("%w: a store bound to a transaction does not seal", audit.ErrUnsupported)

func sealSome(
	ctx context.Context, tx pgx.Tx, limit int, add func(int64, []audit.Entry, audit.Hashes) (audit.Sealing, error),
) (int, error) {
	var mine bool
	if err := tx.QueryRow(ctx, lockSealSQL).Scan(&mine); err != nil || !mine {
		return 0, err
	}
	p, err := readPlace(ctx, tx)
	if err != nil {
		return 0, err
	}
	if p.foreign {
		if _, err := tx.Exec(ctx, newEpochSQL); err != nil {
			return 0, err
		}
		return 0, nil // what was restored is sealed next, when this transaction has ended
	}
	entries, xids, err := waiting(ctx, tx, p, limit)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	read := func(ctx context.Context, level int, from, to int64) ([]audit.Hash, error) {
		return hashes(ctx, tx, level, from, to)
	}
	sealing, err := add(p.size, entries, read)
	if err != nil {
		return 0, err
	}
	return len(entries), store(ctx, tx, p, entries, xids, sealing)
}

func waiting(ctx context.Context, tx pgx.Tx, p place, limit int) ([]audit.Entry, []uint64, error) {
	sql := waitingSQL
	if p.xid <= p.mixed {
		sql += notSealed
	}
	rows, err := tx.Query(ctx, sql+inOrder, xid(p.xid), uuid(p.id), limit)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	var number uint64
	r := newRow(&number)
	entries, xids := make([]audit.Entry, 0, 1024), make([]uint64, 0, 1024)
	for rows.Next() {
		entries = append(entries, audit.Entry{})
		if err := r.scan(rows, &entries[len(entries)-1]); err != nil {
			return nil, nil, err
		}
		xids = append(xids, number)
	}
	return entries, xids, rows.Err()
}

// Leaves and nodes go by arrays, since a COPY is not for a role under row level security.
const (
	putLeavesSQL = `
insert into tenon.audit_leaves (tenant_id, id, leaf_index, leaf, epoch, xid)
select u.tenant_id, u.id, $1::bigint + u.place - 1, u.leaf, $2, u.xid
from unnest($3::text[], $4::uuid[], $5::bytea[], $6::text[]::xid8[]) with ordinality as u (tenant_id, id, leaf, xid, place)`

	putNodesSQL = `
insert into tenon.audit_nodes (level, node_index, hash)
select *
from unnest($1::int[], $2::bigint[], $3::bytea[])`
)

// store appends leaves and nodes.
func store(ctx context.Context, tx pgx.Tx, p place, entries []audit.Entry, xids []uint64, sealing audit.Sealing) error {
	n := len(entries)
	tenants, ids, leaves, numbers := make([]string, n), make([]pgtype.UUID, n), make([][]byte, n), make([]string, n)
	for i := range entries {
		id, err := parseID(entries[i].ID)
		if err != nil {
			return err
		}
		tenants[i], ids[i], leaves[i], numbers[i] = entries[i].Tenant, uuid(id), sealing.Leaves[i][:], xid(xids[i])
	}
	_, err := tx.Exec(ctx, putLeavesSQL, p.size, p.epoch, tenants, ids, leaves, numbers)
	if pgerr.Is(err, pgerr.UniqueViolation) {
		return fmt.Errorf("%w: a record would be sealed twice: %w", audit.ErrTampered, err)
	}
	if err != nil || len(sealing.Nodes) == 0 {
		return err
	}
	n = len(sealing.Nodes)
	levels, indexes, nodes := make([]int32, n), make([]int64, n), make([][]byte, n)
	for i := range sealing.Nodes {
		levels[i], indexes[i], nodes[i] = int32(sealing.Nodes[i].Level), sealing.Nodes[i].Index, sealing.Nodes[i].Hash[:]
	}
	_, err = tx.Exec(ctx, putNodesSQL, levels, indexes, nodes)
	return err
}

const leavesSQL = `
select leaf_index, leaf
from tenon.audit_leaves
where leaf_index >= $1
  and leaf_index < $2
order by leaf_index`

const nodesSQL = `
select node_index, hash
from tenon.audit_nodes
where level = $3
  and node_index >= $1
  and node_index < $2
order by node_index`

// Hashes implements [audit.Sealer].
func (s *Store) Hashes(ctx context.Context, level int, from, to int64) ([]audit.Hash, error) {
	defer s.take()()
	found, err := hashes(ctx, s.db, level, from, to)
	return found, translate(err)
}

func hashes(ctx context.Context, db DB, level int, from, to int64) ([]audit.Hash, error) {
	sql, args := leavesSQL, []any{from, to}
	if level > 0 {
		sql, args = nodesSQL, append(args, level)
	}
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make([]audit.Hash, 0, to-from)
	for next := from; rows.Next(); next++ {
		var index int64
		var hash []byte
		if err := rows.Scan(&index, &hash); err != nil {
			return nil, err
		}
		if index != next || len(hash) != len(audit.Hash{}) {
			return nil, fmt.Errorf("%w: node %d of level %d is missing", audit.ErrTampered, next, level)
		}
		found = append(found, audit.Hash(hash))
	}
	return found, rows.Err()
}
