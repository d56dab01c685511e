package audit

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// MaxLimit is the most that one page holds.
const MaxLimit = 1000

// Query asks for entries. What is empty does not filter.
type Query struct {
	Tenant     string    `json:"tenant,omitempty"`      // whose records; "" are the platform's own
	AllTenants bool      `json:"all_tenants,omitempty"` // of every tenant, for the platform's staff; Tenant must be empty
	ID         string    `json:"id,omitempty"`          // the record with this id
	Actor      string    `json:"actor,omitempty"`       // who acted, or on whose behalf
	Action     string    `json:"action,omitempty"`      // whole; a trailing "*" stands for any rest: "quote.*"
	Target     Target    `json:"target,omitzero"`       // one of the targets; a type without an id is any of that type
	From       time.Time `json:"from,omitzero"`         // at or after
	To         time.Time `json:"to,omitzero"`           // before
	// Text is looked for in the texts of the payload, in actor and targets, whatever the case of its ASCII letters.
	Text string `json:"text,omitempty"`
	// Mentions is a person's id: entries where it is the actor, a target's id, or stands in a text of the payload, or
	// is a number there.
	Mentions    string `json:"mentions,omitempty"`
	OldestFirst bool   `json:"-"`
	After       string `json:"-"` // the id of the last record of the page before
	Limit       int    `json:"-"` // 1 to [MaxLimit]; 0 is 100
}

// Check returns a [tenon.ErrInvalid] that names the field at fault, and fills in the limit.
func (q *Query) Check() error {
	switch {
	case q.AllTenants && q.Tenant != "":
		return tenon.Invalid("tenant", "named, while all tenants are asked for")
	case q.ID != "" && !isUUID(q.ID):
		return tenon.Invalid("id", "not a UUID in its usual form")
	case q.After != "" && !isUUID(q.After):
		return tenon.Invalid("after", "not a UUID in its usual form")
	case q.Limit < 0 || q.Limit > MaxLimit:
		return tenon.Invalid("limit", "not within 1 and %d", MaxLimit)
	case q.Target.Type == "" && q.Target.ID != "":
		return tenon.Invalid("target", "an id without a type")
	case !q.From.IsZero() && !q.To.IsZero() && q.To.Before(q.From):
		return tenon.Invalid("to", "before from")
	}
	if err := checkYears(q.From, q.To); err != nil {
		return err
	}
	for _, t := range []struct{ field, text string }{
		{"tenant", q.Tenant},
		{"actor", q.Actor},
		{"action", q.Action},
		{"target", q.Target.Type},
		{"target", q.Target.ID},
		{"text", q.Text},
		{"mentions", q.Mentions},
	} {
		if err := checkText(t.field, t.text); err != nil {
			return err
		}
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	return nil
}

// Matches says whether q asks for e, apart from After and Limit. It is what stores must agree on.
func (q *Query) Matches(e *Entry) bool {
	prefix, open := strings.CutSuffix(q.Action, "*")
	switch {
	case !q.AllTenants && e.Tenant != q.Tenant,
		q.ID != "" && e.ID != q.ID,
		q.Actor != "" && e.Actor != q.Actor && e.OnBehalfOf != q.Actor,
		q.Action != "" && !open && e.Action != q.Action,
		open && !strings.HasPrefix(e.Action, prefix),
		!q.From.IsZero() && e.At.Before(q.From),
		!q.To.IsZero() && !e.At.Before(q.To):
		return false
	}
	return (q.Target.Type == "" || q.targets(e)) && (q.Text == "" || q.inText(e)) && (q.Mentions == "" || q.mentioned(e))
}

func (q *Query) targets(e *Entry) bool {
	for _, t := range e.Targets {
		if t.Type == q.Target.Type && (q.Target.ID == "" || t.ID == q.Target.ID) {
			return true
		}
	}
	return false
}

// inText says whether the text stands in one that people read.
func (q *Query) inText(e *Entry) bool {
	needle := lower(q.Text)
	found := false
	_ = e.scalars(func(s scalar) { // what cannot be read has no texts
		path := string(s.path)
		readable := path == "actor" || path == "on_behalf_of" || strings.HasPrefix(path, "targets[") || inPayload(path)
		found = found || readable && s.kind == kindString && strings.Contains(lower(string(s.value)), needle)
	})
	return found
}

func (q *Query) mentioned(e *Entry) bool {
	found := false
	number, isNumber := q.MentionedNumber()
	_ = e.scalars(func(s scalar) {
		found = found || s.kind == kindString && strings.Contains(string(s.value), q.Mentions) ||
			isNumber && s.kind == kindNumber && string(s.value) == number
	})
	return found
}

// MentionedNumber returns Mentions in the canonical form of a number, when it is one.
func (q *Query) MentionedNumber() (string, bool) { return asNumber(q.Mentions) }

// asNumber returns the canonical form of a text that is a number.
func asNumber(text string) (string, bool) {
	number := ""
	err := flatten([]byte(text), "", func(s scalar) {
		if s.kind == kindNumber && len(s.path) == 0 {
			number = string(s.value)
		}
	})
	return number, err == nil && number != ""
}

func inPayload(path string) bool { return strings.HasPrefix(path, "payload") }

// lower returns s with its ASCII letters in lower case.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// List returns a page of records, newest first unless q says otherwise. To go on, repeat with the id of the last one as
// After.
func (l *Log) List(ctx context.Context, q Query) ([]Entry, error) {
	if err := q.Check(); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return l.store.List(ctx, q)
}

// All yields every record that q asks for, a page at a time; q.Limit is the size of a page. After an error it yields
// nothing more.
func (l *Log) All(ctx context.Context, q Query) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for {
			page, err := l.List(ctx, q)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if len(page) == 0 {
				return
			}
			q.After = page[len(page)-1].ID
		}
	}
}

// Get returns one record; an unknown one, or another tenant's, is [ErrUnknownRecord].
func (l *Log) Get(ctx context.Context, ref Ref) (Entry, error) {
	found, err := l.List(ctx, Query{Tenant: ref.Tenant, ID: ref.ID, Limit: 1})
	switch {
	case err != nil:
		return Entry{}, err
	case ref.ID == "" || len(found) == 0:
		return Entry{}, ErrUnknownRecord
	}
	return found[0], nil
}
