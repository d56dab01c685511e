package audittest

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

var storeRules = []rule{
	{"keeps_every_field_of_an_entry", keepsFields},
	{"keeps_an_entry_without_anything_but_what_it_must_have", keepsBare},
	{"leaves_out_an_entry_that_is_there_already", leavesOut},
	{"appends_all_entries_or_none", allOrNone},
	{"a_key_makes_a_record_once", keyOnce},
	{"a_key_is_a_tenants_own", keyOfTenant},
	{"refuses_a_key_used_for_another_record", keyReused},
	{"one_of_many_concurrent_records_with_a_key_is_kept", keyRace},
	{"a_context_that_is_done_appends_nothing", contextDone},
}

func keepsFields(t *testing.T, s audit.Store) {
	e := Entry("acme", 1)
	e.Key = "k1"
	add(t, s, e)
	for i, text := range []string{`{"b":1,"a":2,"c":{"z":[1e400,-0,0.10]}}`, `null`, `"\u00e9\n\"'"`, `[]`, `{}`, `1300.50`} {
		other := Entry("acme", i+2)
		other.Payload = json.RawMessage(text)
		add(t, s, other)
		same(t, list(t, s, audit.Query{Tenant: "acme", ID: other.ID})[0], other)
	}
	found := list(t, s, audit.Query{Tenant: "acme", ID: e.ID})
	check(t, len(found) == 1, "%d entries, want 1", len(found))
	same(t, found[0], e)
	check(t, found[0].Key == "k1" && found[0].Targets[1] == e.Targets[1], "got %+v", found[0])
}

func keepsBare(t *testing.T, s audit.Store) {
	full := Entry("", 1)
	bare := audit.Entry{
		Record: audit.Record{ID: full.ID, At: full.At, Action: "x", Outcome: audit.Failed},
		Seed:   full.Seed,
	}
	add(t, s, bare)
	found := list(t, s, audit.Query{ID: bare.ID})
	check(t, len(found) == 1, "%d entries, want 1", len(found))
	same(t, found[0], bare)
	check(t, found[0].Payload == nil && found[0].Targets == nil && found[0].Redacted == nil, "got %+v", found[0])
}

func leavesOut(t *testing.T, s audit.Store) {
	entries := Entries("acme", 40)
	add(t, s, entries...)
	changed := Entries("acme", 40)[:1]
	changed[0] = entries[0]
	changed[0].Actor = "mallory"
	add(t, s, append(changed, entries[1:]...)...)
	add(t, s, append(entries[30:35:35], Entry("acme", 50))...)
	found := list(t, s, audit.Query{Tenant: "acme", OldestFirst: true})
	check(t, len(found) == 41, "%d entries, want 41", len(found))
	check(t, found[0].Actor == "ann@acme.test", "an entry was overwritten")
	same := entries[0]
	same.Tenant = "other"
	add(t, s, same)
	check(t, len(list(t, s, audit.Query{Tenant: "other"})) == 1, "ids are a tenant's own")
}

func allOrNone(t *testing.T, s audit.Store) {
	held := Entry("acme", 1)
	held.Key = "k"
	add(t, s, held)
	for _, n := range []int{3, 30} {
		batch := Entries("other", n)
		clash := Entry("acme", 2)
		clash.Key, clash.Action = "k", "other.action"
		_, err := s.Append(t.Context(), append(batch, clash))
		refused(t, err, audit.ErrKeyReused)
		check(t, len(list(t, s, audit.Query{Tenant: "other"})) == 0, "a part of a refused batch of %d is there", n)
	}
}

func keyOnce(t *testing.T, s audit.Store) {
	e := Entry("acme", 1)
	e.Key = "k"
	add(t, s, e)
	again := Entry("acme", 5)
	again.Key = "k"
	again.Targets = e.Targets
	again.Payload = json.RawMessage(`{"after":{"by":"ann@acme.test","notes":["Sp\u00e4ti 100%",null,{},[]],"rate":1.3005e3},"before":{"rate":1200}}`)
	for range 2 {
		ids := got(s.Append(t.Context(), []audit.Entry{again}))(t)
		check(t, ids[0] == e.ID, "got %s, want the first one's id %s", ids[0], e.ID)
	}
	check(t, len(list(t, s, audit.Query{Tenant: "acme"})) == 1, "it is there twice")
	pair := []audit.Entry{Entry("acme", 7), Entry("acme", 8)}
	pair[0].Key, pair[1].Key, pair[1].Targets = "p", "p", pair[0].Targets
	ids := got(s.Append(t.Context(), pair))(t)
	check(t, ids[0] == ids[1], "a key twice in a batch makes two records")
}

func keyOfTenant(t *testing.T, s audit.Store) {
	for _, tenant := range []string{"acme", "other", ""} {
		e := Entry(tenant, 1)
		e.Key = "k"
		add(t, s, e)
	}
}

func keyReused(t *testing.T, s audit.Store) {
	e := Entry("acme", 1)
	e.Key = "k"
	add(t, s, e)
	for name, change := range map[string]func(e *audit.Entry){
		"actor":   func(e *audit.Entry) { e.Actor = "bob" },
		"action":  func(e *audit.Entry) { e.Action = "quote.refused" },
		"target":  func(e *audit.Entry) { e.Targets[0].ID = "q2" },
		"outcome": func(e *audit.Entry) { e.Outcome = audit.Denied },
		"payload": func(e *audit.Entry) { e.Payload = json.RawMessage(`{"before":{"rate":1201}}`) },
		"nothing": func(e *audit.Entry) { e.Payload = nil },
	} {
		other := Entry("acme", 1)
		other.Key = "k"
		change(&other)
		other.ID = tenon.NewID(other.At)
		_, err := s.Append(t.Context(), []audit.Entry{other})
		check(t, err != nil, "%s: no error", name)
		refused(t, err, audit.ErrKeyReused)
	}
	check(t, len(list(t, s, audit.Query{Tenant: "acme"})) == 1, "a refused record is there")
}

func keyRace(t *testing.T, s audit.Store) {
	const writers = 8
	ids := make([]string, writers)
	errs := make([]error, writers)
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			e := Entry("acme", 1)
			e.Key, e.ID = "k", tenon.NewID(e.At)
			var got []string
			if got, errs[i] = s.Append(t.Context(), []audit.Entry{e}); errs[i] == nil {
				ids[i] = got[0]
			}
		})
	}
	wait.Wait()
	for i := range writers {
		check(t, errs[i] == nil && ids[i] == ids[0], "writer %d got %s and %v, the first one %s", i, ids[i], errs[i], ids[0])
	}
	check(t, len(list(t, s, audit.Query{Tenant: "acme"})) == 1, "it is there more than once")
}

func contextDone(t *testing.T, s audit.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Append(ctx, Entries("acme", 2))
	refused(t, err, context.Canceled)
	check(t, len(list(t, s, audit.Query{Tenant: "acme"})) == 0, "something was appended")
}

// day is long enough for a hold's bound.
const day = 24 * time.Hour
