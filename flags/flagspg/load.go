package flagspg

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/flags"
)

// loadSQL is one statement, and so one view: the revision stands beside each row, and beside an empty one when nothing
// is newer.
const loadSQL = `
select r.revision, coalesce(f.kind, ''), coalesce(f.key, ''), coalesce(f.version, 0), coalesce(f.revision, 0), f.body,
  coalesce(f.by, ''), coalesce(f.reason, ''), coalesce(f.at, 'epoch')
from tenon.flags_revision r
left join tenon.flags f on f.revision > $1
order by f.kind, f.key collate "C"`

// Load implements [flags.Store].
func (s *Store) Load(ctx context.Context, since int64) (flags.Update, error) {
	u, err := readUpdate(s.db.Query(ctx, loadSQL, since))
	return u, translate(err)
}

func readUpdate(rows pgx.Rows, err error) (flags.Update, error) {
	if err != nil {
		return flags.Update{}, err
	}
	var u flags.Update
	var row scanned
	tag, err := pgx.ForEachRow(rows, append([]any{&u.Revision}, row.targets()...), func() error {
		if row.Key != "" {
			u.Records = append(u.Records, row.record())
		}
		return nil
	})
	if err != nil {
		return flags.Update{}, err
	}
	if tag.RowsAffected() == 0 {
		return flags.Update{}, pgx.ErrNoRows
	}
	return u, nil
}

// scanned is a row of a table with versions.
type scanned struct {
	flags.Record
	body []byte
	at   time.Time
}

func (r *scanned) targets() []any {
	return []any{&r.Kind, &r.Key, &r.Version, &r.Revision, &r.body, &r.By, &r.Reason, &r.at}
}

func (r *scanned) record() flags.Record {
	r.Body, r.At = json.RawMessage(r.body), instant(r.at)
	return r.Record
}

const versionsSQL = `
select kind, key, version, revision, body, by, reason, at
from tenon.flag_versions
where kind = $1
  and key = $2
  and ($3 = 0 or version < $3)
order by version desc
limit $4`

// Versions implements [flags.Store].
func (s *Store) Versions(ctx context.Context, q flags.VersionQuery) ([]flags.Record, error) {
	rows, err := s.db.Query(ctx, versionsSQL, string(q.Kind), q.Key, q.Before, q.Limit)
	if err != nil {
		return nil, translate(err)
	}
	records, err := pgx.CollectRows(rows, scanRecord)
	return records, translate(err)
}

func scanRecord(row pgx.CollectableRow) (flags.Record, error) {
	var r scanned
	if err := row.Scan(r.targets()...); err != nil {
		return flags.Record{}, err
	}
	return r.record(), nil
}
