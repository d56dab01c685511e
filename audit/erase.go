package audit

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/transbotai/tenon"
)

// redaction is the payload of the record that tells of one: for each record what [redactionDigest] says of it.
type redaction struct {
	Reason  string          `json:"reason"`
	Records map[string]Hash `json:"records"`
}

// redactionDigest commits to all that is redacted of an entry: SHA-256 over { L(path) ‖ digest } by path.
func redactionDigest(e *Entry) Hash {
	paths := make([]string, 0, len(e.Redacted))
	for path := range e.Redacted {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	var b []byte
	for _, path := range paths {
		digest := e.Redacted[path]
		b = append(appendText(b, path), digest[:]...)
	}
	return sha256.Sum256(b)
}

// Redact erases the parts of records that q asks for and chosen says yes to, and returns how many records it changed. It
// is told by records of the action [ActionRedacted] that commit to what was erased and say why; reason must name nobody.
// What the log's own records say stays. Where a legal hold covers q nothing changes: [ErrHeld].
func (l *Log) Redact(ctx context.Context, q Query, reason string, chosen func(e *Entry, path, value string) bool) (int64, error) {
	if err := q.Check(); err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	if q.AllTenants {
		return 0, fmt.Errorf("audit: %w", tenon.Invalid("tenant", "one at a time"))
	}
	var total, last int64 // changed in all pages, in the last one
	var first string      // the id that the last page began with
	err := l.store.Redact(ctx, q, func(page []Entry) (changed, records []Entry, err error) {
		if page[0].ID == first {
			total -= last // it was taken back
		}
		first, last = page[0].ID, 0
		at := tenon.Instant(time.Now())
		id := tenon.NewID(at)
		told := redaction{Reason: reason, Records: map[string]Hash{}}
		for i := range page {
			e := page[i].clone()
			n, err := e.Redact(id, func(path, value string) bool { return !l.keeps(&e, path) && chosen(&e, path, value) })
			if err != nil {
				return nil, nil, err
			}
			if n > 0 {
				changed = append(changed, e)
				told.Records[e.ID] = redactionDigest(&e)
			}
		}
		if len(changed) == 0 {
			return nil, nil, nil
		}
		last = int64(len(changed))
		total += last
		record, err := l.tellRedaction(ctx, Record{ID: id, At: at, Tenant: q.Tenant}, told)
		return changed, []Entry{record}, err
	})
	return total, err
}

func (l *Log) tellRedaction(ctx context.Context, r Record, told redaction) (Entry, error) {
	var err error
	if r.Payload, err = JSON(told); err != nil {
		return Entry{}, err
	}
	r.Action = ActionRedacted
	return l.entry(ctx, r)
}

// keeps says whether a part is of the log's own account of itself.
func (l *Log) keeps(e *Entry, path string) bool {
	own := strings.HasPrefix(e.Action, "audit.")
	return own && (inPayload(path) || strings.HasPrefix(path, "targets["))
}

// clone returns a copy that shares nothing that Redact changes.
func (e *Entry) clone() Entry {
	c := *e
	c.Targets = slices.Clone(e.Targets)
	if e.Redacted != nil {
		c.Redacted = make(map[string]Hash, len(e.Redacted))
		for path, digest := range e.Redacted {
			c.Redacted[path] = digest
		}
	}
	return c
}

// Erase implements [tenon.Eraser]. Of a person it erases, in the tenant's records, what names the person, address and
// user agent where the person acted, and Options.Personal where the person acted or was a target, or is the number. Of a company it erases
// everything but tenant, action, time and outcome. Every proof stays valid.
func (l *Log) Erase(ctx context.Context, s tenon.Subject) (map[string]int64, error) {
	if s.Tenant == "" {
		return nil, fmt.Errorf("audit: %w", tenon.Invalid("tenant", "required"))
	}
	q, chosen := Query{Tenant: s.Tenant}, func(*Entry, string, string) bool { return true }
	if s.User != "" {
		q.Mentions, chosen = s.User, l.aboutPerson(s.User)
	}
	n, err := l.Redact(ctx, q, "erasure", chosen)
	if err != nil {
		return nil, err
	}
	return map[string]int64{"tenon.audit_log": n}, nil
}

// aboutPerson says what is erased with a person. The entry that it is asked of loses nothing meanwhile.
func (l *Log) aboutPerson(user string) func(e *Entry, path, value string) bool {
	personal := newPolicies(Options{Fields: map[string]Policy{}})
	clear(personal.names)
	for _, field := range l.options.Personal {
		personal.names[lower(field)] = Redact
	}
	number, isNumber := asNumber(user)
	return func(e *Entry, path, value string) bool {
		acted := e.Actor == user || e.OnBehalfOf == user
		switch {
		case value == user, len(user) >= 4 && hasWord(value, user):
			return true
		case path == "ip_address" || path == "user_agent":
			return acted
		case inPayload(path):
			return (acted || targeted(e, user) || isNumber && value == number) && personalPath(personal.names, path)
		}
		return false
	}
}

func targeted(e *Entry, user string) bool {
	return slices.ContainsFunc(e.Targets, func(t Target) bool { return t.ID == user })
}

// personalPath says whether a step of a payload's path has one of the names.
func personalPath(names map[string]Policy, path string) bool {
	for _, step := range strings.FieldsFunc(lower(path), func(r rune) bool { return strings.ContainsRune(`.[]"`, r) }) {
		if _, ok := names[step]; ok {
			return true
		}
	}
	_, ok := names[lower(path)]
	return ok
}

// hasWord says whether word stands in text with no letter or digit beside it.
func hasWord(text, word string) bool {
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(word):])
		if !wordRune(before) && !wordRune(after) {
			return true
		}
		from = at + 1
	}
}

func wordRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)
}

// redactionOf checks that record tells of what is redacted of e.
func redactionOf(e, record *Entry) error {
	var told redaction
	if record.Action != ActionRedacted || json.Unmarshal(record.Payload, &told) != nil || told.Records[e.ID] != redactionDigest(e) {
		return fmt.Errorf("%w: record %s was redacted, and %s does not say so", ErrTampered, e.ID, e.RedactedBy)
	}
	return nil
}
