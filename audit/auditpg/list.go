package auditpg

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/transbotai/tenon/audit"
)

// condition is the part of a query after "where".
type condition struct {
	sql  strings.Builder
	args []any
}

// add adds a clause, in which %s stands for each of args.
func (c *condition) add(clause string, args ...any) {
	places := make([]any, len(args))
	for i, a := range args {
		c.args = append(c.args, a)
		places[i] = fmt.Sprintf("$%d", len(c.args))
	}
	if c.sql.Len() > 0 {
		c.sql.WriteString("\n  and ")
	}
	fmt.Fprintf(&c.sql, clause, places...)
}

// where returns what q asks for as a condition. Times are also bounds of the ids, which say them in milliseconds.
func where(q audit.Query) (*condition, error) {
	c := &condition{}
	if !q.AllTenants {
		c.add("tenant_id = %s", q.Tenant)
	}
	for _, bound := range []struct{ id, clause string }{{q.ID, "id = %s"}, {q.After, after(q)}} {
		if bound.id == "" {
			continue
		}
		id, err := parseID(bound.id)
		if err != nil {
			return nil, err
		}
		c.add(bound.clause, uuid(id))
	}
	if !q.From.IsZero() {
		c.add("ts >= %s", q.From)
		c.add("id >= tenon.id_floor(%s)", q.From)
	}
	if !q.To.IsZero() {
		c.add("ts < %s", q.To)
		c.add("id < tenon.id_floor(%s)", q.To.Add(time.Millisecond))
	}
	c.words(q)
	return c, nil
}

func after(q audit.Query) string {
	if q.OldestFirst {
		return "id > %s"
	}
	return "id < %s"
}

// words adds what q asks of texts.
func (c *condition) words(q audit.Query) {
	if q.Actor != "" {
		c.add("(actor = %s or on_behalf_of = %s)", q.Actor, q.Actor)
	}
	if prefix, open := strings.CutSuffix(q.Action, "*"); open && prefix != "" {
		c.add("starts_with(action, %s)", prefix)
	} else if q.Action != "" && !open {
		c.add("action = %s", q.Action)
	}
	if t := q.Target; t.Type != "" {
		first, other := "target = %s", "jsonb_build_object('type', %s::text)"
		args := []any{t.Type, t.Type}
		if t.ID != "" {
			first, other = "target = %s and target_id = %s", "jsonb_build_object('type', %s::text, 'id', %s::text)"
			args = []any{t.Type, t.ID, t.Type, t.ID}
		}
		c.add("("+first+" or more_targets @> jsonb_build_array("+other+"))", args...)
	}
	if q.Text != "" {
		pattern := "%" + likeEscaper.Replace(asciiLower(q.Text)) + "%"
		c.add(textClause, pattern, pattern, pattern, pattern, pattern, pattern)
	}
	if q.Mentions != "" {
		pattern := "%" + likeEscaper.Replace(q.Mentions) + "%"
		clause, args := mentionsClause, []any{pattern, pattern, pattern, pattern, pattern, pattern, pattern}
		if number, ok := q.MentionedNumber(); ok {
			clause, args = "("+clause+numberClause+")", append(args, number)
		}
		c.add(clause, args...)
	}
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// texts yields the texts of a document.
const texts = `jsonb_path_query(%s, 'strict $.** ? (@.type() == "string")') v`

const folded = `collate "C") like %s`

var textClause = `(lower(actor ` + folded + ` or lower(on_behalf_of ` + folded + ` or lower(target ` + folded +
	` or lower(target_id ` + folded + `
    or exists (select from ` + strings.ReplaceAll(texts, "%s", "more_targets") + ` where lower((v #>> '{}') ` + folded + `)
    or exists (select from ` + strings.ReplaceAll(texts, "%s", "payload") + ` where lower((v #>> '{}') ` + folded + `))`

var mentionsClause = `(actor like %s or on_behalf_of like %s or target like %s or target_id like %s
    or concat_ws(' ', ip_address, user_agent, request_id, trace_id, key) like %s
    or exists (select from ` + strings.ReplaceAll(texts, "%s", "more_targets") + ` where v #>> '{}' like %s)
    or exists (select from ` + strings.ReplaceAll(texts, "%s", "payload") + ` where v #>> '{}' like %s))`

const numberClause = `
    or payload is not null and jsonb_path_exists(payload, 'strict $.** ? (@ == $n)', jsonb_build_object('n', (%s::text)::numeric))`

// List implements [audit.Store].
func (s *Store) List(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	if !q.AllTenants || q.OldestFirst || q.ID != "" || !q.From.IsZero() {
		return s.list(ctx, q)
	}
	return s.listAll(ctx, q)
}

// windows are how far back the newest records of all tenants are looked for: no index has them in order, and one that is
// summarised by ranges finds what is recent at once.
var windows = []time.Duration{time.Hour, 24 * time.Hour, 31 * 24 * time.Hour}

func (s *Store) listAll(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	newest := time.Now().Add(time.Hour) // clocks differ
	if !q.To.IsZero() {
		newest = q.To
	}
	if q.After != "" {
		if id, err := parseID(q.After); err == nil {
			newest = idTime(id).Add(time.Millisecond)
		}
	}
	for _, back := range windows {
		near := q
		near.From = newest.Add(-back)
		found, err := s.list(ctx, near)
		if err != nil || len(found) == q.Limit {
			return found, err
		}
	}
	return s.list(ctx, q)
}

func idTime(id [16]byte) time.Time {
	var ms int64
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms)
}

func (s *Store) list(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	sql, args, err := listSQL(q)
	if err != nil {
		return nil, err
	}
	defer s.take()()
	found, err := collect(ctx, s.db, sql, args...)
	return found, translate(err)
}

func listSQL(q audit.Query) (string, []any, error) {
	c, err := where(q)
	if err != nil {
		return "", nil, err
	}
	sql := "\nselect " + columns + "\nfrom tenon.audit_log"
	if c.sql.Len() > 0 {
		sql += "\nwhere " + c.sql.String()
	}
	order := "\norder by id desc"
	if q.OldestFirst {
		order = "\norder by id"
	}
	c.args = append(c.args, q.Limit)
	return fmt.Sprintf("%s%s\nlimit $%d", sql, order, len(c.args)), c.args, nil
}
