package audittest

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

var storeRules = group{"store", []rule{
	{"keeps_every_field_of_an_entry", "What is listed is what was appended, field by field, and has the same leaf.", keepsFields},
	{"keeps_an_entry_without_anything_but_what_it_must_have", "What an entry does not say stays unsaid: no payload is not an empty one.", keepsBare},
	{"leaves_out_an_entry_that_is_there_already", "Appending an id of the tenant's again stores nothing and overwrites nothing; the rest of the batch is stored.", leavesOut},
	{"appends_all_entries_or_none", "A batch of which one entry is refused leaves nothing behind, of whatever tenant.", allOrNone},
	{"a_key_makes_a_record_once", "A record with the key of an equal one is not stored again, and answers with the first one's id.", keyOnce},
	{"a_key_is_a_tenants_own", "The same key of another tenant, or of the platform, is another key.", keyOfTenant},
	{"refuses_a_key_used_for_another_record", "A key that stands for another record gives ErrKeyReused, and nothing is stored.", keyReused},
	{"one_of_many_concurrent_records_with_a_key_is_kept", "However many append a key at once, one record is stored and all are given its id.", keyRace},
	{"appending_nothing_is_no_error", "Append without entries gives no ids and no error.", appendsNothing},
	{"a_context_that_is_done_appends_nothing", "Append with a context that is done gives its error and stores nothing.", contextDone},
}}

func keepsFields(r *rig) {
	e := Entry("acme", 1)
	e.Key = "k1"
	r.add(e)
	for i, text := range []string{`{"b":1,"a":2,"c":{"z":[1e400,-0,0.10]}}`, `[1e131071,1e-16383]`, `null`, `"\u00e9\n\"'"`, `[]`, `{}`, `1300.50`} {
		other := Entry("acme", i+2)
		other.Payload = json.RawMessage(text)
		r.add(other)
		r.same(r.list(audit.Query{Tenant: "acme", ID: other.ID})[0], other)
	}
	found := r.list(audit.Query{Tenant: "acme", ID: e.ID})
	r.check(len(found) == 1, "%d entries, want 1", len(found))
	r.same(found[0], e)
	r.check(found[0].Key == "k1" && found[0].Targets[1] == e.Targets[1], "got %+v", found[0])
}

func keepsBare(r *rig) {
	full := Entry("", 1)
	bare := audit.Entry{
		Record: audit.Record{ID: full.ID, At: full.At, Action: "x", Outcome: audit.Failed},
		Seed:   full.Seed,
	}
	r.add(bare)
	found := r.list(audit.Query{ID: bare.ID})
	r.check(len(found) == 1, "%d entries, want 1", len(found))
	r.same(found[0], bare)
	r.check(found[0].Payload == nil && found[0].Targets == nil && found[0].Redacted == nil, "got %+v", found[0])
}

func leavesOut(r *rig) {
	entries := Entries("acme", 40)
	r.add(entries...)
	changed := Entries("acme", 40)[:1]
	changed[0] = entries[0]
	changed[0].Actor = "mallory"
	r.add(append(changed, entries[1:]...)...)
	r.add(append(entries[30:35:35], Entry("acme", 50))...)
	found := r.list(audit.Query{Tenant: "acme", OldestFirst: true})
	r.check(len(found) == 41, "%d entries, want 41", len(found))
	r.check(found[0].Actor == "ann@acme.test", "an entry was overwritten")
	same := entries[0]
	same.Tenant = "other"
	r.add(same)
	r.check(len(r.list(audit.Query{Tenant: "other"})) == 1, "ids are a tenant's own")
}

func allOrNone(r *rig) {
	held := Entry("acme", 1)
	held.Key = "k"
	r.add(held)
	for _, n := range []int{3, 30} {
		batch := Entries("other", n)
		clash := Entry("acme", 2)
		clash.Key, clash.Action = "k", "other.action"
		_, err := r.store.Append(r.ctx(), append(batch, clash))
		r.refused(err, audit.ErrKeyReused)
		r.check(len(r.list(audit.Query{Tenant: "other"})) == 0, "a part of a refused batch of %d is there", n)
	}
}

func keyOnce(r *rig) {
	e := Entry("acme", 1)
	e.Key = "k"
	r.add(e)
	again := Entry("acme", 5)
	again.Key = "k"
	again.Targets = e.Targets
	again.Payload = json.RawMessage(`{"after":{"by":"ann@acme.test","notes":["Sp\u00e4ti 100%",null,{},[]],"rate":1.3005e3},"before":{"rate":1200}}`)
	for range 2 {
		ids := got(r.store.Append(r.ctx(), []audit.Entry{again}))(r.t)
		r.check(ids[0] == e.ID, "got %s, want the first one's id %s", ids[0], e.ID)
	}
	r.check(len(r.list(audit.Query{Tenant: "acme"})) == 1, "it is there twice")
	pair := []audit.Entry{Entry("acme", 7), Entry("acme", 8)}
	pair[0].Key, pair[1].Key, pair[1].Targets = "p", "p", pair[0].Targets
	ids := got(r.store.Append(r.ctx(), pair))(r.t)
	r.check(ids[0] == ids[1], "a key twice in a batch makes two records")
}

func keyOfTenant(r *rig) {
	for _, tenant := range []string{"acme", "other", ""} {
		e := Entry(tenant, 1)
		e.Key = "k"
		r.add(e)
	}
}

func keyReused(r *rig) {
	e := Entry("acme", 1)
	e.Key = "k"
	r.add(e)
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
		_, err := r.store.Append(r.ctx(), []audit.Entry{other})
		r.check(err != nil, "%s: no error", name)
		r.refused(err, audit.ErrKeyReused)
	}
	r.check(len(r.list(audit.Query{Tenant: "acme"})) == 1, "a refused record is there")
}

func keyRace(r *rig) {
	const writers = 8
	ids := make([]string, writers)
	errs := make([]error, writers)
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			e := Entry("acme", 1)
			e.Key, e.ID = "k", tenon.NewID(e.At)
			var got []string
			if got, errs[i] = r.store.Append(r.ctx(), []audit.Entry{e}); errs[i] == nil {
				ids[i] = got[0]
			}
		})
	}
	wait.Wait()
	for i := range writers {
		r.check(errs[i] == nil && ids[i] == ids[0], "writer %d got %s and %v, the first one %s", i, ids[i], errs[i], ids[0])
	}
	r.check(len(r.list(audit.Query{Tenant: "acme"})) == 1, "it is there more than once")
}

func appendsNothing(r *rig) {
	ids := got(r.store.Append(r.ctx(), nil))(r.t)
	r.check(len(ids) == 0 && len(r.list(audit.Query{AllTenants: true})) == 0, "something was appended: %v", ids)
}

func contextDone(r *rig) {
	ctx, cancel := context.WithCancel(r.ctx())
	cancel()
	_, err := r.store.Append(ctx, Entries("acme", 2))
	r.refused(err, context.Canceled)
	r.check(len(r.list(audit.Query{Tenant: "acme"})) == 0, "something was appended")
}

// day is long enough for a hold's bound.
const day = 24 * time.Hour
