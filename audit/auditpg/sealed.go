package auditpg

import (
	"bytes"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/transbotai/tenon/audit"
)

// leaf is a row of tenon.audit_leaves.
type leaf struct {
	audit.Sealed
	id    [16]byte
	epoch int32
	xid   uint64
}

const leafRowsSQL = `
select leaf_index, leaf, tenant_id, id, epoch, xid
from tenon.audit_leaves
where leaf_index >= $1
  and leaf_index < $2`

const (
	ofTenant = `
  and tenant_id = $4`
	byIndex = `
order by leaf_index
limit $3`
)

// leafWindow is how many leaves are read at once.
const leafWindow = 4096

// Sealed implements [audit.Sealer].
func (s *Store) Sealed(ctx context.Context, q audit.Query, span audit.Span, limit int) ([]audit.Sealed, error) {
	defer s.take()()
	var found []audit.Sealed
	for len(found) < limit && span.From < span.To {
		window := leafWindow
		if q.NamesNoMore() {
			window = min(window, limit-len(found))
		}
		leaves, err := s.leaves(ctx, q, span, window)
		if err != nil {
			return nil, translate(err)
		}
		if err := s.join(ctx, q, leaves); err != nil {
			return nil, translate(err)
		}
		for i := range leaves {
			l := &leaves[i]
			asked := l.Entry == nil && q.NamesNoMore() || l.Entry != nil && q.Matches(l.Entry)
			if asked && len(found) < limit {
				found = append(found, l.Sealed)
			}
		}
		if len(leaves) < window {
			return found, nil
		}
		span.From = leaves[len(leaves)-1].Index + 1
	}
	return found, nil
}

func (s *Store) leaves(ctx context.Context, q audit.Query, span audit.Span, limit int) ([]leaf, error) {
	sql, args := leafRowsSQL+byIndex, []any{span.From, span.To, limit}
	if !q.AllTenants {
		sql, args = leafRowsSQL+ofTenant+byIndex, append(args, q.Tenant)
	}
	rows, err := s.db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make([]leaf, 0, limit)
	var hash []byte
	for rows.Next() {
		var l leaf
		if err := rows.Scan(&l.Index, &hash, &l.Tenant, &l.id, &l.epoch, &l.xid); err != nil {
			return nil, err
		}
		copy(l.Leaf[:], hash)
		l.ID = formatID(l.id)
		found = append(found, l)
	}
	return found, rows.Err()
}

// rangeSQL reads the rows that lie where the leaves say, in the order in which they were sealed, which is that of an
// index and nearly that of the table.
const rangeSQL = `
select ` + columns + `, xid
from tenon.audit_log
where (xid, id) >= ($1::text::xid8, $2)
  and (xid, id) <= ($3::text::xid8, $4)
  and id >= $5
  and id <= $6
order by xid, id`

const byIDSQL = `
select ` + columns + `, xid
from tenon.audit_log
where tenant_id = $1
  and id = any($2::uuid[])`

// join reads the entries of leaves that lie where they say.
func (s *Store) join(ctx context.Context, q audit.Query, leaves []leaf) error {
	if !q.AllTenants {
		return s.joinByID(ctx, q.Tenant, leaves)
	}
	for len(leaves) > 0 {
		n := 1
		for n < len(leaves) && leaves[n].epoch == leaves[0].epoch && leaves[n].follows(&leaves[n-1]) {
			n++
		}
		if err := s.joinRange(ctx, leaves[:n]); err != nil {
			return err
		}
		leaves = leaves[n:]
	}
	return nil
}

func (l *leaf) follows(before *leaf) bool {
	return l.xid > before.xid || l.xid == before.xid && bytes.Compare(l.id[:], before.id[:]) > 0
}

func (s *Store) joinRange(ctx context.Context, leaves []leaf) error {
	first, last := &leaves[0], &leaves[len(leaves)-1]
	least, most := first.id, first.id
	for i := range leaves {
		if id := leaves[i].id; bytes.Compare(id[:], least[:]) < 0 {
			least = id
		} else if bytes.Compare(id[:], most[:]) > 0 {
			most = id
		}
	}
	rows, err := s.db.Query(ctx, rangeSQL, xid(first.xid), uuid(first.id), xid(last.xid), uuid(last.id),
		uuid(least), uuid(most))
	if err != nil {
		return err
	}
	defer rows.Close()
	var number uint64
	r := newRow(&number)
	entries := make([]audit.Entry, len(leaves))
	for next := 0; rows.Next() && next < len(leaves); {
		e := &entries[next]
		if err := scanLoose(r, rows, e); err != nil {
			return err
		}
		here := leaf{id: r.id, xid: number}
		for next < len(leaves) && here.follows(&leaves[next]) {
			next++ // its row is not there
		}
		if next < len(leaves) && leaves[next].id == r.id && leaves[next].xid == number && leaves[next].Tenant == e.Tenant {
			leaves[next].Entry = e // which is not that of leaves to come
			next++
		}
	}
	return rows.Err()
}

// scanLoose reads a row. One that holds what was never written there counts as an entry with nothing right in it, for
// its leaf to tell.
func scanLoose(r *row, rows pgx.Rows, e *audit.Entry) error {
	err := r.scan(rows, e)
	if errors.Is(err, audit.ErrTampered) {
		e.Seed, e.Salts, e.Redacted, err = []byte{}, nil, nil, nil // no leaf comes of a seed of no bytes
	}
	return err
}

func (s *Store) joinByID(ctx context.Context, tenant string, leaves []leaf) error {
	if len(leaves) == 0 {
		return nil
	}
	at := make(map[[16]byte]int, len(leaves))
	ids := make([]pgtype.UUID, len(leaves))
	for i := range leaves {
		at[leaves[i].id], ids[i] = i, uuid(leaves[i].id)
	}
	rows, err := s.db.Query(ctx, byIDSQL, tenant, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	var number uint64
	r := newRow(&number)
	for rows.Next() {
		e := &audit.Entry{}
		if err := scanLoose(r, rows, e); err != nil {
			return err
		}
		if l := &leaves[at[r.id]]; l.xid == number {
			l.Entry = e
		}
	}
	return rows.Err()
}

const indexSQL = `
select leaf_index
from tenon.audit_leaves
where tenant_id = $1
  and id = $2`

// Index implements [audit.Sealer].
func (s *Store) Index(ctx context.Context, ref audit.Ref) (index int64, err error) {
	id, err := parseID(ref.ID)
	if err != nil {
		return 0, audit.ErrUnknownRecord
	}
	err = s.db.QueryRow(ctx, indexSQL, ref.Tenant, uuid(id)).Scan(&index)
	if !errors.Is(err, pgx.ErrNoRows) {
		return index, translate(err)
	}
	e, err := one(ctx, s.db, ref)
	switch {
	case err != nil:
		return 0, translate(err)
	case e == nil:
		return 0, audit.ErrUnknownRecord
	}
	return 0, audit.ErrNotSealed
}
