package flagspg

import (
	"context"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/transbotai/tenon/internal/pgtx"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/internal/pgerr"
)

const lockSQL = `
select revision
from tenon.flags_revision
for update`

const countSQL = `
update tenon.flags_revision
set revision = $1`

const putSQL = `
insert into tenon.flags (kind, key, version, revision, body, by, reason, at)
select r.kind, r.key, r.version, $1, r.body::json, r.by, r.reason, r.at
from unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
  as r (kind, key, version, body, by, reason, at)
on conflict (kind, key) do update
set version = excluded.version, revision = excluded.revision, body = excluded.body, by = excluded.by,
  reason = excluded.reason, at = excluded.at`

const putVersionsSQL = `
insert into tenon.flag_versions (kind, key, version, revision, body, by, reason, at)
select r.kind, r.key, r.version, $1, r.body::json, r.by, r.reason, r.at
from unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
  as r (kind, key, version, body, by, reason, at)`

const tellSQL = `
select pg_notify('` + Channel + `', $1)`

// Write implements [flags.Store]. The row of tenon.flags_revision is its lock: whoever waits for it finds a newer
// revision and is behind.
func (s *Store) Write(ctx context.Context, w flags.Write) (revision int64, err error) {
	if err := check(w.Records); err != nil {
		return 0, err
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		revision, err = s.write(ctx, tx, w)
		return err
	})
	if err != nil {
		return 0, err
	}
	return revision, nil
}

// check refuses what Postgres could not keep before a caller's transaction would suffer from it.
func check(records []flags.Record) error {
	if len(records) == 0 {
		return tenon.Invalid("records", "are none")
	}
	for i, r := range records {
		if r.Body != nil && (!json.Valid(r.Body) || !utf8.Valid(r.Body)) {
			return tenon.Invalid("records["+strconv.Itoa(i)+"].body", "is not JSON in UTF-8")
		}
	}
	return nil
}

// write asks the host's recorder and notifier before it writes, so that their error leaves nothing behind in a
// caller's transaction.
func (s *Store) write(ctx context.Context, tx pgx.Tx, w flags.Write) (int64, error) {
	var stored int64
	if err := tx.QueryRow(ctx, lockSQL).Scan(&stored); err != nil {
		return 0, err
	}
	if stored != w.Base {
		return 0, flags.ErrBehind
	}
	if err := s.tellHost(ctx, tx, w); err != nil {
		return 0, pgerr.Hosts(err)
	}
	return stored + 1, put(ctx, tx, stored+1, w.Records)
}

func (s *Store) tellHost(ctx context.Context, tx pgx.Tx, w flags.Write) error {
	return pgtx.Tell(ctx, tx, s.options.Recorder, s.options.Notifier, w.Changes, w.Notifications)
}

// put stores records under a revision that the caller has made its own by the lock, and tells the other processes.
func put(ctx context.Context, tx pgx.Tx, revision int64, records []flags.Record) error {
	b := &pgx.Batch{}
	args := columns(revision, records)
	b.Queue(putSQL, args...)
	b.Queue(putVersionsSQL, args...)
	queueRevision(b, revision)
	return tx.SendBatch(ctx, b).Close()
}

func queueRevision(b *pgx.Batch, revision int64) {
	b.Queue(countSQL, revision)
	b.Queue(tellSQL, strconv.FormatInt(revision, 10))
}

// columns returns the revision and the records as arrays.
func columns(revision int64, records []flags.Record) []any {
	n := len(records)
	kinds, keys, by, reasons := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	versions, bodies, at := make([]int64, n), make([]*string, n), make([]time.Time, n)
	for i, r := range records {
		kinds[i], keys[i], by[i], reasons[i] = string(r.Kind), r.Key, r.By, r.Reason
		versions[i], at[i] = r.Version, r.At
		if r.Body != nil {
			text := string(r.Body)
			bodies[i] = &text
		}
	}
	return []any{revision, kinds, keys, versions, bodies, by, reasons, at}
}
