package auditpg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/internal/pgerr"
)

// unreadable tells of an entry with a column that holds something else than was ever written there.
func unreadable(e *audit.Entry, err error) error {
	return fmt.Errorf("%w: record %s cannot be read: %w", audit.ErrTampered, e.ID, err)
}

// On a partitioned table "on conflict" costs a third of an insert, so it is for where a conflict would do harm.
const (
	usualSQL = `
insert into tenon.audit_log (` + usualColumns + `)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`

	insertSQL = `
insert into tenon.audit_log (` + columns + `)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`

	appendSQL = insertSQL + `
on conflict (tenant_id, id) do nothing`
)

// appendKeyedSQL appends nothing when the key is taken.
const appendKeyedSQL = `
with fresh as (
  insert into tenon.audit_keys (tenant_id, key, id)
  values ($1, $17, $2)
  on conflict (tenant_id, key) do nothing
  returning key)
insert into tenon.audit_log (` + columns + `)
select $1, $2, $3::timestamptz, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13, $14, $15::bytea, $16::jsonb, $17,
  $18::jsonb, $19::jsonb, $20::uuid
from fresh
on conflict (tenant_id, id) do nothing`

// copyFrom is how many entries are worth a COPY.
const copyFrom = 16

// Append implements [audit.Store]. Outside a caller's transaction many entries go by COPY.
func (s *Store) Append(ctx context.Context, entries []audit.Entry) ([]string, error) {
	ids, err := s.append(ctx, entries)
	if pgerr.NoPartition(err) {
		err = s.noPartition(ctx, entries, err)
	}
	if pgerr.Data(err) {
		err = fmt.Errorf("%w: Postgres cannot keep a record: %w", tenon.ErrInvalid, err)
	}
	return ids, translate(err)
}

// noPartition tells of a record whose month has no partition. A month to come is made by Maintain; one before the oldest
// never is, and its record must not wait for it before all others. A caller's transaction has failed, and tells no more.
func (s *Store) noPartition(ctx context.Context, entries []audit.Entry, err error) error {
	if !s.bound {
		if months, failed := s.months(ctx); failed == nil && len(months) > 0 {
			before := func(e audit.Entry) bool { return e.At.Before(months[0].From) }
			if slices.ContainsFunc(entries, before) {
				oldest := months[0].From.Format("2006-01")
				return fmt.Errorf("%w: %w", tenon.Invalid("at", "before %s, the oldest month that there is", oldest), err)
			}
		}
	}
	return fmt.Errorf("%w: tenon.audit_log has no partition for the month of a record: %w", tenon.ErrUnavailable, err)
}

func (s *Store) append(ctx context.Context, entries []audit.Entry) ([]string, error) {
	rows, keyed, err := rowsOf(entries)
	switch {
	case err != nil:
		return nil, err
	case len(entries) == 0:
		return nil, nil
	case len(entries) == 1 && !keyed:
		return idsOf(entries), s.appendOne(ctx, &entries[0], rows[0])
	case len(entries) >= copyFrom && !keyed && !s.bound:
		return s.copy(ctx, entries, rows)
	case len(entries) == 1:
		id, err := appendKeyed(ctx, s.db, &entries[0], rows[0])
		return []string{id}, err
	}
	var ids []string
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		ids, err = appendAll(ctx, tx, entries, rows)
		return err
	})
	return ids, err
}

// appendOne appends an entry without a key. In a caller's transaction one that is there already must not be an error,
// which would end the transaction; an id that was just made is not there.
func (s *Store) appendOne(ctx context.Context, e *audit.Entry, row []any) error {
	if s.bound && !e.Fresh() {
		_, err := s.db.Exec(ctx, appendSQL, row...)
		return err
	}
	sql := insertSQL
	if isUsual(e) {
		sql, row = usualSQL, row[:usual]
	}
	_, err := s.db.Exec(ctx, sql, row...)
	if !s.bound && pgerr.Is(err, pgerr.UniqueViolation) {
		return nil
	}
	return err
}

func rowsOf(entries []audit.Entry) (rows [][]any, keyed bool, err error) {
	rows = make([][]any, len(entries))
	for i := range entries {
		if rows[i], err = values(&entries[i]); err != nil {
			return nil, false, err
		}
		keyed = keyed || entries[i].Key != ""
	}
	return rows, keyed, nil
}

func idsOf(entries []audit.Entry) []string {
	ids := make([]string, len(entries))
	for i := range entries {
		ids[i] = entries[i].ID
	}
	return ids
}

// featureNotSupported is the SQLSTATE of a COPY into a table under row level security.
const featureNotSupported = "0A000"

// copy appends entries by one COPY, which is all or none. Where row level security forbids it, or some are there already,
// which is rare, they go by an insert.
func (s *Store) copy(ctx context.Context, entries []audit.Entry, rows [][]any) ([]string, error) {
	if !s.noCopy.Load() {
		names := columnNames
		if !slices.ContainsFunc(entries, func(e audit.Entry) bool { return !isUsual(&e) }) {
			names = names[:usual]
		}
		_, err := s.db.CopyFrom(ctx, pgx.Identifier{"tenon", "audit_log"}, names,
			pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) { return rows[i][:len(names)], nil }))
		if !pgerr.Is(err, pgerr.UniqueViolation, featureNotSupported) {
			return idsOf(entries), err
		}
		if pgerr.Is(err, featureNotSupported) {
			s.noCopy.Store(true)
		}
	}
	_, err := s.db.Exec(ctx, appendManySQL, columnsOf(rows)...)
	return idsOf(entries), err
}

const appendManySQL = `
insert into tenon.audit_log (` + columns + `)
select *
from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
  $9::text[], $10::text[]::jsonb[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bytea[],
  $16::text[]::jsonb[], $17::text[], $18::text[]::jsonb[], $19::text[]::jsonb[], $20::uuid[])
on conflict (tenant_id, id) do nothing`

// columnsOf turns rows into columns, each an array of one type.
func columnsOf(rows [][]any) []any {
	turned := make([]any, len(columnNames))
	for i := range turned {
		switch rows[0][i].(type) {
		case string:
			turned[i] = ith[string](rows, i)
		case pgtype.UUID:
			turned[i] = ith[pgtype.UUID](rows, i)
		case time.Time:
			turned[i] = ith[time.Time](rows, i)
		case json.RawMessage:
			turned[i] = documents(rows, i)
		case []byte:
			turned[i] = ith[[]byte](rows, i)
		}
	}
	return turned
}

func ith[T any](rows [][]any, i int) []T {
	values := make([]T, len(rows))
	for j, row := range rows {
		values[j] = row[i].(T)
	}
	return values
}

// documents returns a column of JSON as texts.
func documents(rows [][]any, i int) []*string {
	texts := make([]*string, len(rows))
	for j, row := range rows {
		if document := row[i].(json.RawMessage); document != nil {
			text := string(document)
			texts[j] = &text
		}
	}
	return texts
}

// appendAll appends those without a key at once, and then the others one by one.
func appendAll(ctx context.Context, tx pgx.Tx, entries []audit.Entry, rows [][]any) ([]string, error) {
	ids := idsOf(entries)
	var plain [][]any
	for i := range entries {
		if entries[i].Key == "" {
			plain = append(plain, rows[i])
		}
	}
	if len(plain) > 0 {
		if _, err := tx.Exec(ctx, appendManySQL, columnsOf(plain)...); err != nil {
			return nil, err
		}
	}
	for i := range entries {
		if entries[i].Key == "" {
			continue
		}
		var err error
		if ids[i], err = appendKeyed(ctx, tx, &entries[i], rows[i]); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

const keyedSQL = `
select id
from tenon.audit_keys
where tenant_id = $1
  and key = $2`

// appendKeyed appends an entry with a key, or returns the id of the one that has it. A key that is removed in between is
// looked for again.
func appendKeyed(ctx context.Context, db DB, e *audit.Entry, row []any) (string, error) {
	for {
		tag, err := db.Exec(ctx, appendKeyedSQL, row...)
		if err != nil || tag.RowsAffected() == 1 {
			return e.ID, err
		}
		var id [16]byte
		err = db.QueryRow(ctx, keyedSQL, e.Tenant, e.Key).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return "", err
		}
		earlier, err := one(ctx, db, audit.Ref{Tenant: e.Tenant, ID: formatID(id)})
		if err != nil {
			return "", err
		}
		return formatID(id), audit.SameRecord(earlier, e)
	}
}

const oneSQL = `
select ` + columns + `
from tenon.audit_log
where tenant_id = $1
  and id = $2`

// one reads an entry; nil when there is none.
func one(ctx context.Context, db DB, ref audit.Ref) (*audit.Entry, error) {
	id, err := parseID(ref.ID)
	if err != nil {
		return nil, err
	}
	found, err := collect(ctx, db, oneSQL, ref.Tenant, uuid(id))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// collect reads entries.
func collect(ctx context.Context, db DB, sql string, args ...any) ([]audit.Entry, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	r := newRow()
	var found []audit.Entry
	for rows.Next() {
		found = append(found, audit.Entry{})
		if err := r.scan(rows, &found[len(found)-1]); err != nil {
			return nil, err
		}
	}
	return found, rows.Err()
}
