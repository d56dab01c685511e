package gdprtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/conform"
)

// whole is a request with something in every field.
func whole(tenant string, at time.Time) gdpr.Request {
	return gdpr.Request{
		Key: gdpr.Key{Tenant: tenant, ID: tenon.NewID(at)}, Kind: gdpr.KindErasure, User: "ann", State: gdpr.StateErasing,
		By: "owner", Reason: "we leave — \"now\"", ReceivedAt: at, DueAt: gdpr.Due(at, 1),
		Extension:  &gdpr.Extension{At: at, By: "dpo", Reason: "many tables"},
		VerifiedAt: at, VerifiedBy: "dpo", How: "called back", MarkedAt: at, EraseAt: at.Add(day), ClosedAt: at.Add(2 * day),
		Answer: "done", Plan: json.RawMessage(`{"hash":"plan"}`), PlanHash: "plan",
		Steps: []gdpr.Step{{
			Name: "tables", Attempts: 2, Error: "away", NextAt: at, DoneAt: at, Rows: map[string]int64{"public.users": 3}, Told: true,
		}},
		Certificate: json.RawMessage(`{"id":"one"}`),
		File:        &gdpr.File{Name: "a.zip", Size: 7, SHA256: "00", At: at, Expires: at.Add(day), Gone: true},
		WarnedAt:    at, OverdueAt: at, Forgotten: true, NextAt: at.Add(time.Hour), Lease: "one", LeaseUntil: at.Add(time.Minute),
	}
}

// named gives a request another id.
func named(q gdpr.Request, id string) gdpr.Request {
	q.ID = id
	return q
}

func hold(tenant string, at time.Time) gdpr.Hold {
	return gdpr.Hold{
		Key: gdpr.Key{Tenant: tenant, ID: tenon.NewID(at)}, User: "ann", Reason: "a lawsuit", By: "dpo", PlacedAt: at,
		ReleasedAt: at.Add(day), ReleasedBy: "dpo",
	}
}

// put stores requests as they are.
func (r *rig) put(requests ...gdpr.Request) {
	r.t.Helper()
	for _, q := range requests {
		_, err := r.store.Change(r.t.Context(), q.Tenant, func(c *gdpr.Case) (gdpr.Effects, error) {
			c.Requests = append(c.Requests, q)
			return gdpr.Effects{}, nil
		})
		r.must(err)
	}
}

func (r *rig) load(tenant string) *gdpr.Case {
	r.t.Helper()
	c, err := r.store.Load(r.t.Context(), tenant)
	r.must(err)
	return c
}

// change edits a case without telling anybody.
func (r *rig) change(tenant string, edit func(c *gdpr.Case)) *gdpr.Case {
	r.t.Helper()
	c, err := r.store.Change(r.t.Context(), tenant, func(c *gdpr.Case) (gdpr.Effects, error) {
		edit(c)
		return gdpr.Effects{}, nil
	})
	r.must(err)
	return c
}

var caseRules = group{"case", []rule{
	{"an_empty_case_is_no_error", "Load of a tenant without a case is an empty case", func(r *rig) {
		c := r.load("acme")
		conform.Equal(r.t, "case", []any{c.Tenant, len(c.Requests), len(c.Holds)}, []any{"acme", 0, 0})
	}},
	{"keeps_every_field", "what Change stores is what Load returns, in every field", func(r *rig) {
		want := &gdpr.Case{Tenant: "acme", Requests: []gdpr.Request{whole("acme", noon)}, Holds: []gdpr.Hold{hold("acme", noon)}}
		after := r.change("acme", func(c *gdpr.Case) { *c = *want.Clone() })
		conform.Equal(r.t, "after", after, want)
		conform.Equal(r.t, "loaded", r.load("acme"), want)
	}},
	{"two_tenants_do_not_meet", "a Change of one tenant's case leaves every other as it is", func(r *rig) {
		r.put(whole("acme", noon), whole("zenith", noon))
		theirs := r.load("zenith")
		r.change("acme", func(c *gdpr.Case) {
			c.Requests[0].State, c.Requests[0].Steps = gdpr.StateCompleted, nil
			c.Holds = append(c.Holds, hold("acme", noon))
		})
		conform.Equal(r.t, "the other's", r.load("zenith"), theirs)
	}},
	{"an_edit_that_fails_changes_nothing", "when edit returns an error nothing is written and the error is returned", func(r *rig) {
		r.put(whole("acme", noon))
		before, failure := r.load("acme"), errors.New("no")
		_, err := r.store.Change(r.t.Context(), "acme", func(c *gdpr.Case) (gdpr.Effects, error) {
			c.Requests[0].Steps[0].Name, c.Requests[0].File.Size, c.Holds = "other", 8, []gdpr.Hold{hold("acme", noon)}
			return gdpr.Effects{}, failure
		})
		r.fails("edit", err, failure)
		conform.Equal(r.t, "case", r.load("acme"), before)
	}},
	{"what_is_returned_is_the_callers", "the caller may change what it gets", func(r *rig) {
		r.put(whole("acme", noon))
		mine := r.load("acme")
		mine.Requests[0].Steps[0].Name, mine.Requests[0].File.Name = "mine", "mine"
		conform.Equal(r.t, "request", r.load("acme").Requests[0], named(whole("acme", noon), mine.Requests[0].ID))
	}},
	{"takes_out_what_an_edit_takes_out", "a request or hold that an edit removes is gone", func(r *rig) {
		r.put(whole("acme", noon), whole("acme", noon.Add(time.Second)))
		r.change("acme", func(c *gdpr.Case) { c.Requests = c.Requests[1:] })
		conform.Equal(r.t, "requests", len(r.load("acme").Requests), 1)
	}},
	{"moves_a_case_to_another_tenant", "after an edit that gives the case another Tenant nothing is kept under the old one", func(r *rig) {
		r.put(whole("acme", noon), whole("zenith", noon))
		theirs := r.load("zenith")
		r.change("acme", func(c *gdpr.Case) { c.Tenant, c.Holds = "erased/1", []gdpr.Hold{hold("acme", noon)} })
		old := r.load("acme")
		conform.Equal(r.t, "the old", []int{len(old.Requests), len(old.Holds)}, []int{0, 0})
		moved := r.load("erased/1")
		conform.Equal(r.t, "the new", []int{len(moved.Requests), len(moved.Holds)}, []int{1, 1})
		conform.Equal(r.t, "their tenant", moved.Requests[0].Tenant+" "+moved.Holds[0].Tenant, "erased/1 erased/1")
		conform.Equal(r.t, "the other's", r.load("zenith"), theirs)
	}},
	{"edits_take_turns", "edits of one case see each other's results", func(r *rig) {
		const writers = 8
		var wait sync.WaitGroup
		for range writers {
			wait.Go(func() {
				_, err := r.store.Change(r.t.Context(), "acme", func(c *gdpr.Case) (gdpr.Effects, error) {
					q := whole("acme", noon)
					q.Answer = fmt.Sprint(len(c.Requests))
					c.Requests = append(c.Requests, q)
					return gdpr.Effects{}, nil
				})
				if err != nil {
					r.t.Error(err)
				}
			})
		}
		wait.Wait()
		seen := map[string]bool{}
		for _, q := range r.load("acme").Requests {
			seen[q.Answer] = true
		}
		conform.Equal(r.t, "turns", len(seen), writers)
	}},
}}

func (r *rig) list(q gdpr.Query) (ids []string) {
	r.t.Helper()
	found, err := r.store.List(r.t.Context(), q)
	r.must(err)
	for _, one := range found {
		ids = append(ids, one.Tenant+"/"+one.ID)
	}
	return ids
}

var listRules = group{"list", []rule{
	{"the_newest_first", "List returns requests of all tenants, the newest first, at most Limit, older than Before", func(r *rig) {
		a, b, c := whole("acme", noon), whole("zenith", noon.Add(time.Second)), whole("acme", noon.Add(2*time.Second))
		c.State = gdpr.StateCompleted
		r.put(c, a, b)
		name := func(q gdpr.Request) string { return q.Tenant + "/" + q.ID }
		conform.Equal(r.t, "all", r.list(gdpr.Query{}), []string{name(c), name(b), name(a)})
		conform.Equal(r.t, "two", r.list(gdpr.Query{Limit: 2}), []string{name(c), name(b)})
		conform.Equal(r.t, "older", r.list(gdpr.Query{Before: b.ID}), []string{name(a)})
		conform.Equal(r.t, "open", r.list(gdpr.Query{Open: true}), []string{name(b), name(a)})
		conform.Equal(r.t, "of a tenant", r.list(gdpr.Query{Tenant: "acme"}), []string{name(c), name(a)})
		conform.Equal(r.t, "of nobody", r.list(gdpr.Query{Tenant: "nobody"}), nil)
	}},
	{"returns_whole_requests", "what List returns is what Change stored", func(r *rig) {
		r.put(whole("acme", noon))
		found, err := r.store.List(r.t.Context(), gdpr.Query{})
		r.must(err)
		conform.Equal(r.t, "request", found[0], named(whole("acme", noon), found[0].ID))
	}},
}}

// waiting is a request with work at that time.
func waiting(tenant string, at time.Time) gdpr.Request {
	q := whole(tenant, at)
	q.NextAt, q.Lease, q.LeaseUntil = at, "", time.Time{}
	return q
}

func (r *rig) claim(lease string, now time.Time, limit int) (ids []string) {
	r.t.Helper()
	found, err := r.store.Claim(r.t.Context(), gdpr.Claim{Now: now, Until: now.Add(time.Minute), Lease: lease, Limit: limit})
	r.must(err)
	for _, q := range found {
		conform.Equal(r.t, "lease", q.Lease, lease)
		conform.Equal(r.t, "until", q.LeaseUntil, now.Add(time.Minute))
		ids = append(ids, q.ID)
	}
	return ids
}

var claimRules = group{"claim", []rule{
	{"gives_what_is_due_the_longest_first", "Claim returns requests whose NextAt has come, the longest due first, at most Limit", func(r *rig) {
		a, b := waiting("acme", noon.Add(time.Second)), waiting("zenith", noon)
		never, soon := waiting("acme", noon), waiting("acme", noon.Add(time.Minute))
		never.NextAt = time.Time{}
		r.put(a, b, never, soon)
		conform.Equal(r.t, "too early", r.claim("one", noon.Add(-time.Microsecond), 9), nil)
		conform.Equal(r.t, "one", r.claim("one", noon.Add(time.Second), 1), []string{b.ID})
		conform.Equal(r.t, "the other", r.claim("two", noon.Add(time.Second), 9), []string{a.ID})
		conform.Equal(r.t, "none", r.claim("three", noon.Add(time.Second), 9), nil)
	}},
	{"several_come_in_their_order", "what one Claim returns is ordered by NextAt, and by id where that is the same", func(r *rig) {
		a, b, c := waiting("acme", noon.Add(time.Second)), waiting("zenith", noon), waiting("acme", noon)
		r.put(a, b, c)
		want := []string{b.ID, c.ID, a.ID}
		slices.Sort(want[:2])
		conform.Equal(r.t, "all", r.claim("one", noon.Add(time.Second), 9), want)
	}},
	{"a_lease_ends", "a request is given to another when its lease is over, or was given back", func(r *rig) {
		q := waiting("acme", noon)
		r.put(q)
		conform.Equal(r.t, "first", r.claim("one", noon, 9), []string{q.ID})
		conform.Equal(r.t, "meanwhile", r.claim("two", noon.Add(time.Minute-time.Microsecond), 9), nil)
		conform.Equal(r.t, "afterwards", r.claim("two", noon.Add(time.Minute), 9), []string{q.ID})
		r.change("acme", func(c *gdpr.Case) { c.Requests[0].Lease, c.Requests[0].LeaseUntil = "", time.Time{} })
		conform.Equal(r.t, "given back", r.claim("three", noon.Add(time.Minute), 9), []string{q.ID})
	}},
	{"no_two_have_the_same", "of many that claim at once, each request has one", func(r *rig) {
		const requests = 20
		for i := range requests {
			r.put(waiting(fmt.Sprint("tenant", i%3), noon))
		}
		var mu sync.Mutex
		var wait sync.WaitGroup
		given := map[string]int{}
		for w := range 5 {
			wait.Go(func() {
				for {
					found, err := r.store.Claim(r.t.Context(), gdpr.Claim{
						Now: noon, Until: noon.Add(time.Minute), Lease: fmt.Sprint(w), Limit: 1,
					})
					if err != nil || len(found) == 0 {
						if err != nil {
							r.t.Error(err)
						}
						return
					}
					mu.Lock()
					given[found[0].ID]++
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		// One that finds all the rest locked by others may leave early; the next one finds it.
		for _, id := range r.claim("last", noon, requests) {
			given[id]++
		}
		conform.Equal(r.t, "given", len(given), requests)
		for id, n := range given {
			conform.Equal(r.t, id, n, 1)
		}
	}},
}}
