package ratelimitpg

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/transbotai/tenon"
)

const table = "tenon.ratelimits"

const exportSQL = `
select to_jsonb(r)
from tenon.ratelimits r
where tenant_id = $1
  and ($2 = '' or name = $2)
order by name, limit_id`

// Export implements [tenon.Exporter].
func (s *Store) Export(ctx context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		if err := s.export(ctx, subject, yield); err != nil {
			yield(tenon.Row{}, translate(err))
		}
	}
}

func (s *Store) export(ctx context.Context, subject tenon.Subject, yield func(tenon.Row, error) bool) error {
	if subject.Tenant == "" {
		return tenon.Invalid("tenant", "is empty")
	}
	rows, err := s.db.Query(ctx, exportSQL, text(subject.Tenant), text(subject.User))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var data json.RawMessage
		if err := rows.Scan(&data); err != nil {
			return err
		}
		if !yield(tenon.Row{Table: table, Data: data}, nil) {
			return nil
		}
	}
	return rows.Err()
}

const eraseSQL = `
delete from tenon.ratelimits
where tenant_id = $1
  and ($2 = '' or name = $2)`

// Erase implements [tenon.Eraser]. A key has a row for each of its limits.
func (s *Store) Erase(ctx context.Context, subject tenon.Subject) (map[string]int64, error) {
	if subject.Tenant == "" {
		return nil, tenon.Invalid("tenant", "is empty")
	}
	tag, err := s.db.Exec(ctx, eraseSQL, text(subject.Tenant), text(subject.User))
	if err != nil {
		return nil, translate(err)
	}
	return map[string]int64{table: tag.RowsAffected()}, nil
}
