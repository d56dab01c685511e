package audittest

import (
	"errors"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

func idAt(at time.Time) string { return tenon.NewID(at) }

var redactRules = group{"redacting", []rule{
	{"a_redacted_entry_keeps_its_leaf_and_loses_its_value", "Redact takes the values and the seed and keeps the leaf, and the record that tells of it is stored with it.", redactsEntry},
	{"an_error_while_redacting_changes_nothing", "When the function gives an error, Redact gives it too, and the page stays as it was.", redactFails},
	{"redacting_goes_through_every_page", "The function sees every entry of the query once, however many pages they fill.", redactsPages},
	{"the_key_of_a_redacted_record_is_forgotten", "A key may itself name somebody: it goes with the values, and may be used again.", forgetsKey},
	{"a_hold_stops_redacting_until_it_is_released", "What a hold covers is not redacted: ErrHeld, until the hold is released.", holdStops},
}}

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

func redactsEntry(r *rig) {
	was := Entry("acme", 1)
	r.add(was, Entry("other", 1))
	told := Entry("acme", 100)
	told.Actor, told.Payload = "job", nil
	err := r.store.Redact(r.ctx(), audit.Query{Tenant: "acme"}, func(page []audit.Entry) ([]audit.Entry, []audit.Entry, error) {
		r.check(len(page) == 1, "a page of %d, want 1", len(page))
		changed, err := ann(page, told.ID)
		return changed, []audit.Entry{told}, err
	})
	r.check(err == nil, "%v", err)
	got := r.list(audit.Query{Tenant: "acme", ID: was.ID})[0]
	a, errA := got.Leaf()
	b, errB := was.Leaf()
	r.check(errA == nil && errB == nil && a == b, "another leaf: %v, %v", errA, errB)
	r.check(got.Actor == "" && !strings.Contains(string(got.Payload), "ann@"), "it still says %+v", got)
	r.check(got.Seed == nil && len(got.Redacted) == 2 && got.RedactedBy == told.ID, "%+v", got)
	r.check(len(r.list(audit.Query{Tenant: "acme", ID: told.ID})) == 1, "the record that tells of it is not there")
	r.check(r.list(audit.Query{Tenant: "other"})[0].Actor == "ann@acme.test", "another tenant's record was redacted")
}

func redactFails(r *rig) {
	r.add(Entry("acme", 1))
	broken := errors.New("broken")
	err := r.store.Redact(r.ctx(), audit.Query{Tenant: "acme"}, func(page []audit.Entry) ([]audit.Entry, []audit.Entry, error) {
		changed, _ := ann(page, page[0].ID)
		return changed, nil, broken
	})
	r.refused(err, broken)
	e := r.list(audit.Query{Tenant: "acme"})[0]
	r.check(e.Actor == "ann@acme.test" && e.Seed != nil, "it was redacted")
}

func redactsPages(r *rig) {
	const n = 1100
	r.add(Entries("acme", n)...)
	seen := 0
	err := r.store.Redact(r.ctx(), audit.Query{Tenant: "acme"}, func(page []audit.Entry) ([]audit.Entry, []audit.Entry, error) {
		seen += len(page)
		changed, err := ann(page, page[0].ID)
		return changed, nil, err
	})
	r.check(err == nil && seen == n, "saw %d of %d: %v", seen, n, err)
	r.check(len(r.list(audit.Query{Tenant: "acme", Mentions: "ann@acme.test"})) == 0, "some are not redacted")
}

func forgetsKey(r *rig) {
	e := Entry("acme", 1)
	e.Key = "mail of ann@acme.test"
	r.add(e)
	err := r.store.Redact(r.ctx(), audit.Query{Tenant: "acme"}, func(page []audit.Entry) ([]audit.Entry, []audit.Entry, error) {
		changed, err := ann(page, page[0].ID)
		return changed, nil, err
	})
	r.check(err == nil, "%v", err)
	again := Entry("acme", 2)
	again.Key = e.Key
	r.add(again)
}

func holdStops(r *rig) {
	retainer, ok := r.store.(audit.Retainer)
	if !ok {
		return
	}
	r.add(Entry("acme", 1), Entry("other", 1))
	hold := audit.Hold{
		ID: idAt(time.Now()), Tenant: "acme", Reason: "case 7", By: "ann", At: tenon.Instant(time.Now()),
		From: base().Add(-day), To: base().Add(day),
	}
	r.check(retainer.PutHold(r.ctx(), hold, Entry("acme", 50)) == nil, "not placed")
	held := got(retainer.Holds(r.ctx()))(r.t)
	r.check(len(held) == 1 && held[0] == hold, "got %+v, want %+v", held, hold)
	nothing := func([]audit.Entry) (changed, records []audit.Entry, err error) { return nil, nil, nil }
	r.refused(r.store.Redact(r.ctx(), audit.Query{Tenant: "acme"}, nothing), audit.ErrHeld)
	r.check(r.store.Redact(r.ctx(), audit.Query{Tenant: "acme", From: base().Add(day)}, nothing) == nil, "beyond the hold")
	r.check(r.store.Redact(r.ctx(), audit.Query{Tenant: "other"}, nothing) == nil, "another tenant is held")
	hold.Released = tenon.Instant(time.Now())
	r.check(retainer.PutHold(r.ctx(), hold, Entry("acme", 51)) == nil, "not released")
	r.check(r.store.Redact(r.ctx(), audit.Query{Tenant: "acme"}, nothing) == nil, "released, and still held")
	r.check(len(got(retainer.Holds(r.ctx()))(r.t)) == 0, "a released hold is among them")
	told := r.list(audit.Query{Tenant: "acme"})
	r.check(len(told) == 3, "%d records, want 3: placing and releasing are told", len(told))
}
