package flagspg

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/flags"
)

// loadSQL is one statement, and so one view: the revision stands beside each row, and alone when nothing is newer.
const loadSQL = `
select r.revision, f.kind, f.key, f.version, f.revision, f.body, f.by, f.reason, f.at
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
	var row nullable
	tag, err := pgx.ForEachRow(rows, append([]any{&u.Revision}, row.targets()...), func() error {
		if row.kind != nil {
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

// nullable is a row of an outer join.
type nullable struct {
	kind, key, by, reason *string
	version, revision     *int64
	body                  []byte
	at                    *time.Time
}

func (n *nullable) targets() []any {
	return []any{&n.kind, &n.key, &n.version, &n.revision, &n.body, &n.by, &n.reason, &n.at}
}

func (n *nullable) record() flags.Record {
	return flags.Record{
		Kind: flags.Kind(*n.kind), Key: *n.key, Version: *n.version, Revision: *n.revision,
		Body: json.RawMessage(n.body), By: *n.by, Reason: *n.reason, At: instant(*n.at),
	}
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
	var n nullable
	if err := row.Scan(n.targets()...); err != nil {
		return flags.Record{}, err
	}
	return n.record(), nil
}
