package auditpg

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/audit"
)

const putCheckpointSQL = `
insert into tenon.audit_checkpoints (size, root, at, note)
values ($1, $2, $3, $4)
on conflict (size) do update
set size = excluded.size
returning root = $2`

// PutCheckpoint implements [audit.Notary].
func (s *Store) PutCheckpoint(ctx context.Context, c audit.Checkpoint) error {
	var same bool
	err := s.db.QueryRow(ctx, putCheckpointSQL, c.Size, c.Root[:], c.At, string(c.Note)).Scan(&same)
	if err == nil && !same {
		err = fmt.Errorf("%w: another checkpoint of %d records", audit.ErrTampered, c.Size)
	}
	return translate(err)
}

const checkpointsSQL = `
select size, root, at, note, anchored_at is not null
from tenon.audit_checkpoints
where size > $1
order by size`

// Checkpoints implements [audit.Notary].
func (s *Store) Checkpoints(ctx context.Context, after int64, limit int) ([]audit.Kept, error) {
	sql := checkpointsSQL
	if limit < 0 {
		sql, limit = sql+" desc", -limit
	}
	rows, err := s.db.Query(ctx, sql+"\nlimit $2", after, limit)
	if err != nil {
		return nil, translate(err)
	}
	kept, err := pgx.CollectRows(rows, scanCheckpoint)
	return kept, translate(err)
}

func scanCheckpoint(r pgx.CollectableRow) (k audit.Kept, err error) {
	var root []byte
	var note string
	err = r.Scan(&k.Size, &root, &k.At, &note, &k.Anchored)
	copy(k.Root[:], root)
	k.At, k.Note = k.At.UTC(), []byte(note)
	return k, err
}

const anchoredSQL = `
update tenon.audit_checkpoints
set anchored_at = coalesce(anchored_at, $2)
where size = $1`

// Anchored implements [audit.Notary].
func (s *Store) Anchored(ctx context.Context, size int64) error {
	_, err := s.db.Exec(ctx, anchoredSQL, size, time.Now())
	return translate(err)
}

// Anchor keeps checkpoints of a log in another database than the log's: one that the log's owner cannot write to. It has
// tenon's tables too (migrations.Audit).
type Anchor struct{ db DB }

var _ audit.Anchor = (*Anchor)(nil)

// NewAnchor returns an anchor in a database.
func NewAnchor(db DB) *Anchor { return &Anchor{db: db} }

const anchorSQL = `
insert into tenon.audit_anchors (origin, size, root, note, at)
values ($1, $2, $3, $4, $5)
on conflict (origin, size) do nothing`

const anchorRootSQL = `
select root = $3
from tenon.audit_anchors
where origin = $1
  and size = $2`

// Anchor implements [audit.Anchor]. Another root for a size that it has is [audit.ErrTampered].
func (a *Anchor) Anchor(ctx context.Context, c audit.Checkpoint) error {
	tag, err := a.db.Exec(ctx, anchorSQL, c.Origin, c.Size, c.Root[:], string(c.Note), c.At)
	if err != nil || tag.RowsAffected() == 1 {
		return translate(err)
	}
	var same bool
	if err := a.db.QueryRow(ctx, anchorRootSQL, c.Origin, c.Size, c.Root[:]).Scan(&same); err != nil {
		return translate(err)
	}
	if !same {
		return fmt.Errorf("%w: another checkpoint of %d records was anchored", audit.ErrTampered, c.Size)
	}
	return nil
}

const anchorsSQL = `
select note
from tenon.audit_anchors
where origin = $1
order by size`

// Checkpoints returns those that the database holds of the log of v, smallest first. One that v's signer has not signed
// is [audit.ErrTampered].
func (a *Anchor) Checkpoints(ctx context.Context, v *audit.Verifier) ([]audit.Checkpoint, error) {
	rows, err := a.db.Query(ctx, anchorsSQL, v.Name())
	if err != nil {
		return nil, translate(err)
	}
	notes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, translate(err)
	}
	found := make([]audit.Checkpoint, len(notes))
	for i, note := range notes {
		if found[i], err = audit.ParseCheckpoint([]byte(note), v); err != nil {
			return nil, err
		}
	}
	return found, nil
}

const claimSQL = `
insert into tenon.audit_cursors as c (sink, next_index, holder, held_until)
values ($1, 0, $2, clock_timestamp() + $3)
on conflict (sink) do update
set holder = excluded.holder, held_until = excluded.held_until
where c.holder = excluded.holder
  or c.held_until <= clock_timestamp()
returning next_index`

// Claim implements [audit.Cursors].
func (s *Store) Claim(ctx context.Context, sink, holder string, lease time.Duration) (next int64, ok bool, err error) {
	rows, err := s.db.Query(ctx, claimSQL, sink, holder, lease)
	if err != nil {
		return 0, false, translate(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(found) == 0 {
		return 0, false, translate(err)
	}
	return found[0], true, nil
}

const advanceSQL = `
update tenon.audit_cursors
set next_index = $3
where sink = $1
  and holder = $2`

// Advance implements [audit.Cursors].
func (s *Store) Advance(ctx context.Context, sink, holder string, next int64) error {
	_, err := s.db.Exec(ctx, advanceSQL, sink, holder, next)
	return translate(err)
}
