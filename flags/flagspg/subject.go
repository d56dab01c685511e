package flagspg

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/internal/pgerr"
)

// The tables that may speak of a subject.
const (
	flagsTable    = "tenon.flags"
	versionsTable = "tenon.flag_versions"
)

const allVersionsSQL = `
select kind, key, version, revision, body, by, reason, at
from tenon.flag_versions
order by kind, key collate "C", version`

const newestSQL = `
select kind, key, version, revision, body, by, reason, at
from tenon.flags
order by kind, key collate "C"`

// Export implements [tenon.Exporter]. Of a company it yields what flags and segments say of it, without the other
// companies that they name; of a person, the versions that the person wrote.
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		if subject.Tenant == "" {
			yield(tenon.Row{}, tenon.Invalid("tenant", "is empty"))
			return
		}
		for _, t := range []struct{ name, sql string }{{flagsTable, newestSQL}, {versionsTable, allVersionsSQL}} {
			more, err := s.exportTable(ctx, t.name, t.sql, subject, yield)
			if err != nil {
				yield(tenon.Row{}, translate(err))
			}
			if err != nil || !more {
				return
			}
		}
	}
}

func (s *Store) exportTable(
	ctx context.Context, table, sql string, subject tenon.Subject, yield func(tenon.Row, error) bool,
) (more bool, err error) {
	rows, err := s.db.Query(ctx, sql)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() {
		record, err := scanRecord(rows)
		if err != nil {
			return false, err
		}
		data := excerptOf(record, subject)
		if data != nil && !yield(tenon.Row{Table: table, Data: data}, nil) {
			return false, nil
		}
	}
	return true, rows.Err()
}

// excerptOf returns what a record says of a subject; nil when it says nothing.
func excerptOf(r flags.Record, subject tenon.Subject) json.RawMessage {
	row := map[string]any{"kind": r.Kind, "key": r.Key, "version": r.Version, "at": r.At}
	if subject.User != "" {
		if r.By != subject.User {
			return nil
		}
		row["by"], row["reason"] = r.By, r.Reason
	} else {
		said := readBody(r.Body).excerpt(subject.Tenant)
		if said == nil {
			return nil
		}
		row["body"] = said
	}
	data, _ := json.Marshal(row) // text, numbers and what was read from JSON
	return data
}

// Erase implements [tenon.Eraser], in one transaction. A company is taken out of every version of every flag and
// segment; where it was named by the newest, that makes a new version, so that every process learns of it. Of a person
// it empties the authorship of versions.
func (s *Store) Erase(ctx context.Context, subject tenon.Subject) (erased map[string]int64, err error) {
	if subject.Tenant == "" {
		return nil, tenon.Invalid("tenant", "is empty")
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var stored int64
		if err := tx.QueryRow(ctx, lockSQL).Scan(&stored); err != nil {
			return err
		}
		if subject.User != "" {
			erased, err = eraseAuthor(ctx, tx, stored+1, subject.User)
			return err
		}
		erased, err = s.eraseTenant(ctx, tx, stored+1, subject.Tenant)
		return err
	})
	return erased, err
}

const forgetNewestAuthorSQL = `
update tenon.flags
set by = '', revision = $1
where by = $2`

// forgetAuthorSQL gives the newest versions the revision that they now have in tenon.flags.
const forgetAuthorSQL = `
update tenon.flag_versions v
set by = '',
  revision = coalesce((
    select f.revision
    from tenon.flags f
    where f.kind = v.kind
      and f.key = v.key
      and f.version = v.version), v.revision)
where v.by = $1`

// eraseAuthor writes a revision, since processes have authors in memory.
func eraseAuthor(ctx context.Context, tx pgx.Tx, revision int64, user string) (map[string]int64, error) {
	newest, err := tx.Exec(ctx, forgetNewestAuthorSQL, revision, user)
	if err != nil {
		return nil, err
	}
	versions, err := tx.Exec(ctx, forgetAuthorSQL, user)
	if err != nil {
		return nil, err
	}
	if newest.RowsAffected() > 0 {
		b := &pgx.Batch{}
		queueRevision(b, revision)
		err = tx.SendBatch(ctx, b).Close()
	}
	return map[string]int64{flagsTable: newest.RowsAffected(), versionsTable: versions.RowsAffected()}, err
}

func (s *Store) eraseTenant(ctx context.Context, tx pgx.Tx, revision int64, tenant string) (map[string]int64, error) {
	newest, err := without(ctx, tx, newestSQL, tenant)
	if err != nil {
		return nil, err
	}
	versions, err := without(ctx, tx, allVersionsSQL, tenant)
	if err != nil {
		return nil, err
	}
	if err := s.renew(ctx, tx, revision, newest); err != nil {
		return nil, err
	}
	erased := map[string]int64{flagsTable: int64(len(newest)), versionsTable: int64(len(versions))}
	return erased, scrub(ctx, tx, versions)
}

// without returns the records that name the tenant, with the tenant taken out.
func without(ctx context.Context, tx pgx.Tx, sql, tenant string) ([]flags.Record, error) {
	rows, err := tx.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var named []flags.Record
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return nil, err
		}
		if b := readBody(r.Body); b.forget(tenant) {
			r.Body, _ = json.Marshal(b) // what was read from JSON
			named = append(named, r)
		}
	}
	return named, rows.Err()
}

// renew writes the next version of what is live.
func (s *Store) renew(ctx context.Context, tx pgx.Tx, revision int64, records []flags.Record) error {
	if len(records) == 0 {
		return nil
	}
	var now time.Time
	if err := tx.QueryRow(ctx, clockSQL).Scan(&now); err != nil {
		return err
	}
	caller, _ := tenon.CallerFrom(ctx)
	w := flags.Write{Records: records}
	for i, r := range records {
		records[i].Version, records[i].By, records[i].Reason, records[i].At = r.Version+1, caller.Actor, erasure, instant(now)
		w.Changes = append(w.Changes, tenon.Change{
			Action: "flags.erased", Target: string(r.Kind) + "/" + r.Key, Reason: erasure, At: instant(now),
		})
	}
	if err := s.tellHost(ctx, tx, w); err != nil {
		return pgerr.Hosts(err)
	}
	return put(ctx, tx, revision, records)
}

// erasure is why a version was written; it does not say whom it was for.
const erasure = "a company was erased"

const scrubSQL = `
update tenon.flag_versions
set body = $4::text::json
where kind = $1
  and key = $2
  and version = $3`

// scrub replaces the bodies of versions.
func scrub(ctx context.Context, tx pgx.Tx, records []flags.Record) error {
	b := &pgx.Batch{}
	for _, r := range records {
		b.Queue(scrubSQL, string(r.Kind), r.Key, r.Version, string(r.Body))
	}
	if b.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, b).Close()
}
