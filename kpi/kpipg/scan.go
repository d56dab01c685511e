package kpipg

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/kpi"
)

// source says which events to read, and what of them.
type source struct {
	tenant     string // empty: all
	names      []string
	from, to   time.Time // of when they happened, the second excluded; zero is no bound
	properties []string  // which to read; none: the event's are empty
	subject    *kpi.Subject
}

// statement returns the statement that reads the events; those of a subject together, where one is named.
func (src source) statement() (sql string, args []any) {
	bind := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	var b strings.Builder
	b.WriteString("\nselect e.tenant_id, e.user_id, e.event_name, e.occurred_at, e.id, ")
	if len(src.properties) == 0 {
		b.WriteString("null::jsonb")
	} else {
		var pairs []string
		for _, p := range src.properties {
			name := bind(p)
			pairs = append(pairs, fmt.Sprintf("%s::text, e.properties -> %s::text", name, name))
		}
		b.WriteString("jsonb_build_object(" + strings.Join(pairs, ", ") + ")")
	}
	b.WriteString("\nfrom tenon.events e\nwhere e.event_name = any (" + bind(src.names) + ")")
	if src.tenant != "" {
		b.WriteString("\n  and e.tenant_id = " + bind(src.tenant))
	}
	if !src.from.IsZero() {
		b.WriteString("\n  and e.occurred_at >= " + bind(src.from))
		// what happened later than a day before it was recorded is refused
		b.WriteString("\n  and e.id >= tenon.id_floor(" + bind(src.from.Add(-25*time.Hour)) + "::timestamptz)")
	}
	if !src.to.IsZero() {
		b.WriteString("\n  and e.occurred_at < " + bind(src.to))
	}
	if src.subject != nil {
		b.WriteString("\norder by e.tenant_id collate \"C\"")
		expression, property := subjectSQL(*src.subject, len(args)+1)
		if property != nil {
			bind(property)
		}
		if *src.subject != kpi.Tenant {
			b.WriteString(", " + expression + " collate \"C\"")
		}
	}
	return b.String(), args
}

// read hands every event to visit.
func (src source) read(ctx context.Context, db DB, visit func(*kpi.Event)) error {
	sql, args := src.statement()
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var e kpi.Event
	var id [16]byte
	var properties []byte
	for rows.Next() {
		e.Properties = nil
		if err := rows.Scan(&e.Tenant, &e.User, &e.Name, &e.At, &id, &properties); err != nil {
			return err
		}
		e.At, e.ID = tenon.Instant(e.At), string(id[:]) // in the order of its text
		if properties != nil {
			if err := e.Read(properties); err != nil {
				return err
			}
		}
		visit(&e)
	}
	return rows.Err()
}

func scanSource(q kpi.ScanQuery) source {
	subject := q.Subject()
	src := source{tenant: q.Tenant, names: q.Names(), properties: q.Properties(), subject: &subject}
	src.from, src.to = q.Span()
	return src
}

// Scan implements [kpi.Store]: it reads the events that matter, those of a subject together, and lets a [kpi.Scanner]
// follow them. So it is exact, and takes as long as reading and sorting them.
func (s *Store) Scan(ctx context.Context, q kpi.ScanQuery) (kpi.Cells, error) {
	answer, err := s.freshness(ctx, q.Tenant)
	if err != nil {
		return kpi.Cells{}, err
	}
	scanner := kpi.NewScanner(q)
	if err := scanSource(q).read(ctx, s.reader(), scanner.Add); err != nil {
		return kpi.Cells{}, translate(err)
	}
	answer.Cells = scanner.Cells()
	return answer, nil
}

// ExplainScan implements [kpi.Explainer].
func (s *Store) ExplainScan(q kpi.ScanQuery) string { return explained(scanSource(q).statement()) }

// scanEvent reads an event whose columns are those of the table.
func scanEvent(row pgx.CollectableRow) (e kpi.Event, err error) {
	var properties []byte
	err = row.Scan(&e.Tenant, &e.ID, &e.User, &e.Name, &properties, &e.At, &e.ReceivedAt)
	if err != nil {
		return e, err
	}
	e.At, e.ReceivedAt = tenon.Instant(e.At), tenon.Instant(e.ReceivedAt)
	return e, e.Read(properties)
}

// each scans the rows of a query one after the other.
func each(rows pgx.Rows, err error, targets []any, f func() error) error {
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, targets, f)
	return err
}
