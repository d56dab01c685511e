package audittest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

func idAt(at time.Time) string { return tenon.NewID(at) }

var redactRules = []rule{
	{"a_redacted_entry_keeps_its_leaf_and_loses_its_value", redactsEntry},
	{"an_error_while_redacting_changes_nothing", redactFails},
	{"redacting_goes_through_every_page", redactsPages},
	{"the_key_of_a_redacted_record_is_forgotten", forgetsKey},
	{"a_hold_stops_redacting_until_it_is_released", holdStops},
}

// ann erases what names ann.
func ann(page []audit.Entry, by string) (changed []audit.Entry, err error) {
	for _, e := range page {
		n, err := e.Redact(by, func(_, value string) bool { return strings.Contains(value, "ann@") })
		if err != nil {
			return nil, err
		}
		if n > 0 {
			changed = append(changed, e)
		}
	}
	return changed, nil
}

func redactsEntry(t *testing.T, s audit.Store) {
	was := Entry("acme", 1)
	add(t, s, was, Entry("other", 1))
	told := Entry("acme", 100)
	told.Actor, told.Payload = "job", nil
	err := s.Redact(t.Context(), audit.Query{Tenant: "acme"}, func(page []audit.Entry) ([]audit.Entry, []audit.Entry, error) {
		check(t, len(page) == 1, "a page of %d, want 1", len(page))
		changed, err := ann(page, told.ID)
		return changed, []audit.Entry{told}, err
	})
	check(t, err == nil, "%v", err)
	got := list(t, s, audit.Query{Tenant: "acme", ID: was.ID})[0]
	a, errA := got.Leaf()
	b, errB := was.Leaf()
	check(t, errA == nil && errB == nil && a == b, "another leaf: %v, %v", errA, errB)
	check(t, got.Actor == "" && !strings.Contains(string(got.Payload), "ann@"), "it still says %+v", got)
	check(t, got.Seed == nil && len(got.Redacted) == 2 && got.RedactedBy == told.ID, "%+v", got)
	check(t, len(list(t, s, audit.Query{Tenant: "acme", ID: told.ID})) == 1, "the record that tells of it is not there")
	check(t, list(t, s, audit.Query{Tenant: "other"})[0].Actor == "ann@acme.test", "another tenant's record was redacted")
}

func redactFails(t *testing.T, s audit.Store) {
	add(t, s, Entry("acme", 1))
	broken := errors.New("broken")
	err := s.Redact(t.Context(), audit.Query{Tenant: "acme"}, func(page []audit.Entry) ([]audit.Entry, []audit.Entry, error) {
		changed, _ := ann(page, page[0].ID)
		return changed, nil, broken
	})
	refused(t, err, broken)
	e := list(t, s, audit.Query{Tenant: "acme"})[0]
	check(t, e.Actor == "ann@acme.test" && e.Seed != nil, "it was redacted")
}

func redactsPages(t *testing.T, s audit.Store) {
	const n = 1100
	add(t, s, Entries("acme", n)...)
	seen := 0
	err := s.Redact(t.Context(), audit.Query{Tenant: "acme"}, func(page []audit.Entry) ([]audit.Entry, []audit.Entry, error) {
		seen += len(page)
		changed, err := ann(page, page[0].ID)
		return changed, nil, err
	})
	check(t, err == nil && seen == n, "saw %d of %d: %v", seen, n, err)
	check(t, len(list(t, s, audit.Query{Tenant: "acme", Mentions: "ann@acme.test"})) == 0, "some are not redacted")
}

func forgetsKey(t *testing.T, s audit.Store) {
	e := Entry("acme", 1)
	e.Key = "mail of ann@acme.test"
	add(t, s, e)
	err := s.Redact(t.Context(), audit.Query{Tenant: "acme"}, func(page []audit.Entry) ([]audit.Entry, []audit.Entry, error) {
		changed, err := ann(page, page[0].ID)
		return changed, nil, err
	})
	check(t, err == nil, "%v", err)
	again := Entry("acme", 2)
	again.Key = e.Key
	add(t, s, again)
}

func holdStops(t *testing.T, s audit.Store) {
	r, ok := s.(audit.Retainer)
	if !ok {
		return
	}
	add(t, s, Entry("acme", 1), Entry("other", 1))
	hold := audit.Hold{
		ID: idAt(time.Now()), Tenant: "acme", Reason: "case 7", By: "ann", At: tenon.Instant(time.Now()),
		From: base().Add(-day), To: base().Add(day),
	}
	check(t, r.PutHold(t.Context(), hold, Entry("acme", 50)) == nil, "not placed")
	held := got(r.Holds(t.Context()))(t)
	check(t, len(held) == 1 && held[0] == hold, "got %+v, want %+v", held, hold)
	nothing := func([]audit.Entry) (changed, records []audit.Entry, err error) { return nil, nil, nil }
	refused(t, s.Redact(t.Context(), audit.Query{Tenant: "acme"}, nothing), audit.ErrHeld)
	check(t, s.Redact(t.Context(), audit.Query{Tenant: "acme", From: base().Add(day)}, nothing) == nil, "beyond the hold")
	check(t, s.Redact(t.Context(), audit.Query{Tenant: "other"}, nothing) == nil, "another tenant is held")
	hold.Released = tenon.Instant(time.Now())
	check(t, r.PutHold(t.Context(), hold, Entry("acme", 51)) == nil, "not released")
	check(t, s.Redact(t.Context(), audit.Query{Tenant: "acme"}, nothing) == nil, "released, and still held")
	check(t, len(got(r.Holds(t.Context()))(t)) == 0, "a released hold is among them")
	told := list(t, s, audit.Query{Tenant: "acme"})
	check(t, len(told) == 3, "%d records, want 3: placing and releasing are told", len(told))
}
